// Frames to rows of bars, and parts of a frame turned upright.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "bind.h"
#include "deskew.h"
#include "frame_view.h"
#include "imb_reader.h"
#include "pool.h"

namespace py = pybind11;

namespace imi {
namespace {

class BarFinder {
public:
    py::list read(const py::array& frame, int limit) {
        const GreyView view = view_of(frame);
        std::vector<BarRow> rows;
        {
            py::gil_scoped_release nogil;
            Pool<BarRowReader>::Loan reader(pool_);
            rows = reader->read(view, static_cast<size_t>(std::max(1, limit)));
        }
        py::list out;
        for (const BarRow& row : rows) {
            py::array_t<float> reach({2, imb_bars}), corners({4, 2});
            std::memcpy(reach.mutable_data(), row.up.data(), sizeof row.up);
            std::memcpy(reach.mutable_data() + imb_bars, row.down.data(), sizeof row.down);
            std::memcpy(corners.mutable_data(), row.corners.data(), sizeof row.corners);
            out.append(py::make_tuple(reach, corners));
        }
        return out;
    }

private:
    Pool<BarRowReader> pool_;
};

// For each way that texture lies: the part of the frame with it, turned upright, and (angle, x, y).
py::list upright_parts(const py::array& frame) {
    const GreyView view = view_of(frame);
    std::vector<Lie> lies;
    {
        py::gil_scoped_release nogil;
        Texture texture;
        find_lies(view, texture, lies);
    }
    py::list out;
    for (const Lie& lie : lies) {
        py::array_t<uint8_t> part({lie.height, lie.width});
        uint8_t* pixels = part.mutable_data();
        {
            py::gil_scoped_release nogil;
            turn_upright(view, lie, pixels);
        }
        out.append(py::make_tuple(part, py::make_tuple(lie.angle, lie.x, lie.y)));
    }
    return out;
}

}  // namespace

void register_imb(py::module_& module) {
    py::class_<BarFinder>(module, "BarFinder")
        .def(py::init<>())
        .def("read", &BarFinder::read, py::arg("frame").noconvert(), py::kw_only(),
             py::arg("limit"));
    module.def("upright_parts", &upright_parts, py::arg("frame").noconvert());
}

}  // namespace imi
