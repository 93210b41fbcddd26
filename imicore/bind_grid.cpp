// One grid to one payload, for tests and measurements of that stage alone.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "bind.h"
#include "error.h"
#include "grid_reader.h"
#include "proof.h"

namespace py = pybind11;

namespace imi {
namespace {

// The map that takes the unit square's corners (0,1), (0,0), (1,0), (1,1), scaled to columns x
// rows modules, to four points (Heckbert, "Fundamentals of Texture Mapping", 1989, 2.2.3).
Homography to_corners(const double (&c)[8], int columns, int rows) {
    const double x0 = c[2], y0 = c[3], x1 = c[4], y1 = c[5], x2 = c[6], y2 = c[7], x3 = c[0],
                 y3 = c[1];
    const double sx = x0 - x1 + x2 - x3, sy = y0 - y1 + y2 - y3;
    const double dx1 = x1 - x2, dx2 = x3 - x2, dy1 = y1 - y2, dy2 = y3 - y2;
    const double det = dx1 * dy2 - dx2 * dy1;
    const double g = (sx * dy2 - dx2 * sy) / det, h = (dx1 * sy - sx * dy1) / det;
    return {{(x1 - x0 + g * x1) / columns, (x3 - x0 + h * x3) / rows, x0,
             (y1 - y0 + g * y1) / columns, (y3 - y0 + h * y3) / rows, y0, g / columns, h / rows,
             1}};
}

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
        const SymbolSize* found = find_size(size.first, size.second);
        if (found == nullptr)
            throw Error(Fault::no_such_size, std::to_string(size.first) + "x" +
                                                 std::to_string(size.second) +
                                                 " is not one of the 48 symbol sizes");
        double at[8];
        for (int i = 0; i < 8; ++i) at[i] = corners.data()[i];
        const GridHypothesis grid{found, to_corners(at, found->columns, found->rows), inverted};
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
