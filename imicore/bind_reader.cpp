// Frames to symbols. Workspaces are pooled: each call takes one and brings it back, so an object
// serves any number of threads, and an `accept` that reads another frame.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <vector>

#include "bind.h"
#include "frame_view.h"
#include "pool.h"
#include "reader.h"

namespace py = pybind11;

namespace imi {
namespace {

class FrameReaders {
public:
    py::list read(const py::array& frame, int limit, const std::vector<std::pair<int, int>>& sizes,
                  int effort, std::optional<double> budget_ms, const py::object& accept) {
        const GreyView view = view_of(frame);
        ReadOptions options = options_of(limit, sizes, effort, budget_ms);
        if (!accept.is_none()) {
            options.accept = [&accept](std::span<const uint8_t> payload) {
                py::gil_scoped_acquire gil;
                return accept(as_bytes(payload)).template cast<bool>();
            };
        }
        Pool<FrameReader>::Loan reader(pool_);
        std::span<const Symbol> symbols;
        {
            py::gil_scoped_release nogil;
            symbols = reader->read(view, options);
        }
        py::list out;
        for (const Symbol& symbol : symbols) out.append(as_tuple(symbol));
        return out;
    }

    py::object suspect(const py::array& frame, const std::vector<std::pair<int, int>>& sizes,
                       int effort) {
        const GreyView view = view_of(frame);
        const ReadOptions options = options_of(1, sizes, effort, std::nullopt);
        std::optional<Suspect> suspect;
        {
            py::gil_scoped_release nogil;
            Pool<FrameReader>::Loan reader(pool_);
            if (reader->read(view, options).empty()) suspect = reader->suspect();
        }
        if (!suspect) return py::none();
        return py::make_tuple(as_array(suspect->corners), suspect->agreement);
    }

private:
    static ReadOptions options_of(int limit, const std::vector<std::pair<int, int>>& sizes,
                                  int effort, std::optional<double> budget_ms) {
        ReadOptions options;
        options.limit = limit, options.effort = effort, options.budget_ms = budget_ms;
        for (const auto& [rows, columns] : sizes)
            options.sizes.push_back(&require_size(rows, columns));
        return options;
    }

    static py::array_t<float> as_array(const std::array<float, 8>& corners) {
        py::array_t<float> array({4, 2});
        std::memcpy(array.mutable_data(), corners.data(), sizeof corners);
        return array;
    }

    static py::bytes as_bytes(std::span<const uint8_t> data) {
        return {reinterpret_cast<const char*>(data.data()), data.size()};
    }

    static py::tuple as_tuple(const Symbol& symbol) {
        const int rows = symbol.size->rows, columns = symbol.size->columns;
        py::array_t<bool> modules({rows, columns});
        static_assert(sizeof(bool) == 1);
        std::memcpy(modules.mutable_data(), symbol.modules.data(), symbol.modules.size());
        return py::make_tuple(as_bytes(symbol.payload), as_array(symbol.corners),
                              py::make_tuple(rows, columns), symbol.errors_corrected, modules,
                              symbol.mirrored, symbol.inverted);
    }

    Pool<FrameReader> pool_;
};

}  // namespace

void register_reader(py::module_& module) {
    py::class_<FrameReaders>(module, "FrameReader")
        .def(py::init<>())
        .def("read", &FrameReaders::read, py::arg("frame").noconvert(), py::kw_only(),
             py::arg("limit"), py::arg("sizes"), py::arg("effort"), py::arg("budget_ms"),
             py::arg("accept"))
        .def("suspect", &FrameReaders::suspect, py::arg("frame").noconvert(), py::kw_only(),
             py::arg("sizes"), py::arg("effort"));
}

}  // namespace imi
