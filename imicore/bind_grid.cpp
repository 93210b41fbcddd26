// One grid to one payload, for tests and measurements of that stage alone.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "bind.h"
#include "error.h"
#include "grid_reader.h"
#include "module_map.h"
#include "proof.h"

namespace py = pybind11;

namespace imi {
namespace {

class GridReader {
public:
    py::object read(const py::array_t<uint8_t, py::array::c_style>& frame,
                    const py::array_t<double, py::array::c_style | py::array::forcecast>& corners,
                    std::pair<int, int> size, int level, bool inverted) {
        if (frame.ndim() != 2 || frame.size() == 0)
            throw Error(Fault::bad_argument, "frame is not uint8[H, W]");
        if (corners.ndim() != 2 || corners.shape(0) != 4 || corners.shape(1) != 2)
            throw Error(Fault::bad_argument, "corners are not float[4, 2]");
        if (level < 0 || level >= kGridLevels)
            throw Error(Fault::bad_argument, "level " + std::to_string(level) +
                                                 " of a grid; 0 to " +
                                                 std::to_string(kGridLevels - 1));
        const SymbolSize& found = require_size(size.first, size.second);
        const auto corner = [&](int i) { return Point{corners.at(i, 0), corners.at(i, 1)}; };
        const GridHypothesis grid{
            &found, modules_to({corner(1), corner(2), corner(3), corner(0)}, found), inverted};
        const GreyView view{frame.data(), static_cast<int>(frame.shape(1)),
                            static_cast<int>(frame.shape(0)), frame.shape(1)};
        DecodedGrid out;
        const bool done = read_grid(view, grid, level, work_, out);
        if (!done) return py::none();
        return py::make_tuple(py::bytes(reinterpret_cast<const char*>(out.message.payload.data()),
                                        out.message.payload.size()),
                              out.errors_corrected, out.erasures, out.agreement);
    }

    int units() const { return work_.units; }

private:
    GridWorkspace work_;
};

}  // namespace

void register_grid(py::module_& module) {
    py::class_<GridReader>(module, "GridReader")
        .def(py::init<>())
        .def("read", &GridReader::read, py::arg("frame").noconvert(), py::arg("corners"),
             py::kw_only(), py::arg("size"), py::arg("level"), py::arg("inverted") = false)
        .def_property_readonly("units", &GridReader::units);
    module.def("proof_bits", &proof_bits, py::arg("length"), py::arg("parity"), py::kw_only(),
               py::arg("errors"), py::arg("erasures"));
    module.def("finder_bits", &finder_bits, py::arg("count"), py::arg("right"));
    module.attr("GRID_LEVELS") = kGridLevels;
}

}  // namespace imi
