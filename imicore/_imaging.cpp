// The pybind11 module: objects that own something. One register_* per family, in bind_*.cpp.
#include <pybind11/pybind11.h>

#include "_raise.h"
#include "bind.h"

PYBIND11_MODULE(_imaging, module, pybind11::mod_gil_not_used()) {
    module.doc() =
        "Native objects of imicore: print raster, reader and grader workspace, signature engine, "
        "presence map.";
    pybind11::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer) std::rethrow_exception(pointer);
        } catch (const imi::Error& error) {
            imi::raise_python(error);
        }
    });
    imi::register_grid(module);
    imi::register_imb(module);
    imi::register_grade(module);
    imi::register_presence(module);
    imi::register_raster(module);
    imi::register_reader(module);
    imi::register_signature(module);
}
