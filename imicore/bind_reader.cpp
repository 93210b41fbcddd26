#include "bind.h"

namespace imi {

void register_reader(pybind11::module_& module) { (void)module; }

}  // namespace imi
