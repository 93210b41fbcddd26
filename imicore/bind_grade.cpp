// The print quality grader. Workspaces are pooled: each call takes one and brings it back, so an
// object serves any number of threads.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <vector>

#include "bind.h"
#include "error.h"
#include "grade.h"
#include "pool.h"

namespace py = pybind11;

namespace imi {
namespace {

using Floats = py::array_t<float, py::array::c_style>;
using Bools = py::array_t<bool, py::array::c_style>;

template <class Value>
py::array_t<Value> as_array(const Value* from, py::ssize_t rows, py::ssize_t columns) {
    py::array_t<Value> array({rows, columns});
    std::memcpy(array.mutable_data(), from, sizeof(Value) * static_cast<size_t>(rows * columns));
    return array;
}

py::tuple as_tuple(const Graded& graded) { return py::make_tuple(graded.value, graded.grade); }
py::tuple as_tuple(const Point& point) { return py::make_tuple(point.x, point.y); }

py::list as_list(const std::vector<FixedSegment>& segments) {
    static constexpr const char* names[] = {"L", "quiet zone", "clock track"};
    py::list list;
    for (const FixedSegment& s : segments)
        list.append(py::make_tuple(names[static_cast<int>(s.kind)], s.level, s.row, s.column,
                                   s.length, s.damaged, s.solid_damaged, s.transition_ratio,
                                   s.grade));
    return list;
}

py::dict as_dict(const Grades& g, const SymbolSize& size) {
    static constexpr const char* truths[] = {"corrected", "encoded", "unknown"};
    const int rows = size.rows, columns = size.columns;
    py::dict out;
    out["truth"] = truths[static_cast<int>(g.truth)];
    // A module is 0 or 1, as a bool is.
    out["modules"] = as_array(reinterpret_cast<const bool*>(g.true_modules.data()), rows, columns);
    static_assert(sizeof(Point) == 2 * sizeof(double));
    py::array_t<double> centres({rows, columns, 2});
    std::memcpy(centres.mutable_data(), g.grid.centres.data(),
                sizeof(Point) * g.grid.centres.size());
    out["centres"] = centres;
    out["reflectance"] = as_array(g.reflectance.data(), rows + 2, columns + 2);
    out["origin"] = as_tuple(g.grid.origin);
    out["across"] = as_tuple(g.grid.across);
    out["down"] = as_tuple(g.grid.down);
    out["growth"] = py::make_tuple(g.grid.growth_across, g.grid.growth_down);
    out["edges_found"] = g.grid.edges_found;
    out["extremes"] = py::make_tuple(g.highest, g.lowest, g.threshold);
    out["paper_and_ink"] = py::make_tuple(g.paper, g.ink);
    out["grades"] = py::make_tuple(as_tuple(g.decode), as_tuple(g.contrast), as_tuple(g.modulation),
                                   as_tuple(g.margin), as_tuple(g.fixed), as_tuple(g.axial),
                                   as_tuple(g.uniform), as_tuple(g.unused));
    out["overall"] = g.overall();
    out["modulation_codewords"] = py::cast(g.modulation_codewords);
    out["margin_codewords"] = py::cast(g.margin_codewords);
    out["errors"] = py::cast(g.errors);
    out["segments"] = as_list(g.pattern.segments);
    out["average_grade"] = g.pattern.average_grade;
    return out;
}

class Graders {
public:
    py::dict grade(const py::array& frame, const Floats& reflectance, int channel,
                   const std::vector<int>& colours, std::pair<int, int> size, const Floats& corners,
                   const Bools& modules, const py::bytes& payload, bool inverted,
                   double aperture_px) {
        const Channel view = channel_of(frame, channel);
        if (reflectance.ndim() != 1 || reflectance.shape(0) != 256)
            throw Error(Fault::bad_argument, "reflectance is not float[256]");
        if (corners.ndim() != 2 || corners.shape(0) != 4 || corners.shape(1) != 2)
            throw Error(Fault::bad_argument, "corners are not float[4, 2]");
        const SymbolSize* found = &require_size(size.first, size.second);
        if (modules.ndim() != 2 || modules.shape(0) != found->rows ||
            modules.shape(1) != found->columns)
            throw Error(Fault::bad_argument, "modules are not bool[rows, columns] of the size");
        ReflectanceTable table;
        std::memcpy(table.data(), reflectance.data(), sizeof table);
        GradeTask task{};
        task.size = found;
        for (int i = 0; i < 4; ++i) task.corners[i] = {corners.at(i, 0), corners.at(i, 1)};
        static_assert(sizeof(bool) == 1);
        task.modules = {reinterpret_cast<const uint8_t*>(modules.data()),
                        static_cast<size_t>(found->modules())};
        const std::string_view said = payload;
        task.payload = {reinterpret_cast<const uint8_t*>(said.data()), said.size()};
        task.inverted = inverted, task.aperture_px = aperture_px;
        std::vector<Channel> others;
        for (const int colour : colours) others.push_back(channel_of(frame, colour));
        std::vector<std::array<double, 2>> means;
        Pool<Work>::Loan work(pool_);
        {
            py::gil_scoped_release nogil;
            work->grader.grade(view, table, task, work->grades);
            for (const Channel& other : others)
                means.push_back(work->grader.paper_and_ink(other, table));
        }
        py::dict out = as_dict(work->grades, *found);
        out["colours"] = py::cast(means);
        return out;
    }

private:
    static Channel channel_of(const py::array& frame, int channel) {
        // imicore/grade.py answers bad frames with words; this guards the memory.
        if (!py::isinstance<py::array_t<uint8_t>>(frame) || frame.ndim() < 2 || frame.ndim() > 3 ||
            frame.size() == 0 || frame.shape(0) > INT32_MAX || frame.shape(1) > INT32_MAX)
            throw Error(Fault::bad_argument, "frame is not uint8[H, W] or uint8[H, W, 3]");
        const py::ssize_t channels = frame.ndim() == 3 ? frame.shape(2) : 1;
        if (channel < 0 || channel >= channels)
            throw Error(Fault::bad_argument, "the frame has no such channel");
        const auto* pixels = static_cast<const uint8_t*>(frame.data());
        if (frame.ndim() == 3) pixels += channel * frame.strides(2);
        return {pixels, static_cast<int>(frame.shape(1)), static_cast<int>(frame.shape(0)),
                frame.strides(0), frame.strides(1)};
    }

    struct Work {
        Grader grader;
        Grades grades;
    };
    Pool<Work> pool_;
};

}  // namespace

void register_grade(py::module_& module) {
    py::class_<Graders>(module, "SymbolGrader")
        .def(py::init<>())
        .def("grade", &Graders::grade, py::arg("frame").noconvert(), py::kw_only(),
             py::arg("reflectance"), py::arg("channel"), py::arg("colours"), py::arg("size"),
             py::arg("corners"), py::arg("modules"), py::arg("payload"), py::arg("inverted"),
             py::arg("aperture_px"));
}

}  // namespace imi
