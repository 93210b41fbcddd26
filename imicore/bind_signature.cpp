#include "bind.h"

namespace imi {

void register_signature(pybind11::module_& module) { (void)module; }

}  // namespace imi
