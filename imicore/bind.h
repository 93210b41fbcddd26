// The families of native objects that _imaging.cpp puts into one module.
#pragma once

#include <pybind11/pybind11.h>

namespace imi {

void register_grid(pybind11::module_& module);       // bind_grid.cpp
void register_imb(pybind11::module_& module);        // bind_imb.cpp
void register_grade(pybind11::module_& module);      // bind_grade.cpp
void register_presence(pybind11::module_& module);   // bind_presence.cpp
void register_raster(pybind11::module_& module);     // bind_raster.cpp
void register_reader(pybind11::module_& module);     // bind_reader.cpp
void register_signature(pybind11::module_& module);  // bind_signature.cpp

}  // namespace imi
