#include "bind.h"

namespace imi {

void register_raster(pybind11::module_& module) { (void)module; }

}  // namespace imi
