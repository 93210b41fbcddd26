// The set of numbers seen: arrays in, masks out, the GIL released meanwhile.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "bind.h"
#include "error.h"
#include "presence.h"

namespace py = pybind11;

namespace imi {
namespace {

using Series = py::array_t<uint64_t, py::array::c_style>;
using Numbers = py::array_t<uint32_t, py::array::c_style>;

template <typename Array>
auto span_of(const py::array& given, const char* wanted) {
    const bool is_aligned = (given.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
    if (!py::isinstance<Array>(given) || given.ndim() != 1 || !is_aligned)
        throw Error(Fault::bad_argument, std::string(wanted) +
                                             " are wanted, contiguous and aligned; " +
                                             py::str(given.dtype()).cast<std::string>() + " of " +
                                             std::to_string(given.ndim()) + " dimensions given");
    using Item = typename Array::value_type;
    return std::span(static_cast<const Item*>(given.data()), static_cast<size_t>(given.size()));
}

// Runs `work` on both arrays and a mask of their length.
template <typename Work>
py::array_t<bool> masked(const py::array& series, const py::array& numbers, Work work) {
    const auto first = span_of<Series>(series, "series as uint64[n]");
    const auto second = span_of<Numbers>(numbers, "numbers as uint32[n]");
    if (first.size() != second.size())
        throw Error(Fault::bad_argument, std::to_string(first.size()) + " series and " +
                                             std::to_string(second.size()) + " numbers");
    py::array_t<bool> mask(static_cast<py::ssize_t>(first.size()));
    static_assert(sizeof(bool) == sizeof(uint8_t));
    const std::span out(reinterpret_cast<uint8_t*>(mask.mutable_data()), first.size());
    const py::gil_scoped_release release;
    work(first, second, out);
    return mask;
}

}  // namespace

void register_presence(py::module_& module) {
    py::class_<Presence>(module, "PresenceMap")
        .def(py::init<>())
        .def(
            "add",
            [](Presence& self, const py::array& series, const py::array& numbers) {
                return masked(series, numbers, [&](auto... spans) { self.add(spans...); });
            },
            py::arg("series"), py::arg("numbers"))
        .def(
            "contains",
            [](const Presence& self, const py::array& series, const py::array& numbers) {
                return masked(series, numbers, [&](auto... spans) { self.contains(spans...); });
            },
            py::arg("series"), py::arg("numbers"))
        .def(
            "add_one",
            [](Presence& self, uint64_t series, uint32_t number) {
                uint8_t was_new;
                const py::gil_scoped_release release;
                self.add({&series, 1}, {&number, 1}, {&was_new, 1});
                return was_new != 0;
            },
            py::arg("series"), py::arg("number"))
        .def(
            "contains_one",
            [](const Presence& self, uint64_t series, uint32_t number) {
                uint8_t seen;
                const py::gil_scoped_release release;
                self.contains({&series, 1}, {&number, 1}, {&seen, 1});
                return seen != 0;
            },
            py::arg("series"), py::arg("number"))
        .def_property_readonly("size", &Presence::size)
        .def_property_readonly("blocks", &Presence::blocks)
        .def_property_readonly("memory_bytes", &Presence::memory_bytes);
}

}  // namespace imi
