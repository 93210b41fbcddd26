// Print raster objects: converts, calls with the GIL released, converts back.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>

#include "bind.h"
#include "error.h"
#include "pwg.h"
#include "raster.h"

namespace py = pybind11;

namespace imi {
namespace {

using Bytes = py::array_t<uint8_t, py::array::c_style>;

std::string shape_of(const py::array& array) {
    return py::str(array.attr("shape")).cast<std::string>() + " " +
           py::str(array.dtype()).cast<std::string>();
}

// A C-contiguous bool[rows, columns]; a strided view is copied, anything else is refused.
py::array_t<bool, py::array::c_style> modules_of(const py::handle& object) {
    if (!py::isinstance<py::array_t<bool>>(object) ||
        py::reinterpret_borrow<py::array>(object).ndim() != 2) {
        const std::string got = py::isinstance<py::array>(object)
                                    ? shape_of(py::reinterpret_borrow<py::array>(object))
                                    : py::type::of(object).attr("__name__").cast<std::string>();
        throw Error(Fault::bad_argument, "modules must be bool[rows, columns]; got " + got);
    }
    return py::array_t<bool, py::array::c_style>::ensure(object);
}

const uint8_t* bytes_of(const py::array_t<bool, py::array::c_style>& modules) {
    return static_cast<const uint8_t*>(static_cast<const void*>(modules.data()));
}

// Rows of `width` dots, as a caller handed them in.
DotView view_of(uint8_t* data, const Bytes& rows, int width) {
    const DotView view{data, width, rows.ndim() == 2 ? static_cast<int>(rows.shape(0)) : 0};
    if (rows.ndim() != 2 || width < 1 || width > kMaxDots || rows.shape(0) < 1 ||
        rows.shape(0) > kMaxDots || static_cast<size_t>(rows.shape(1)) != view.stride())
        throw Error(Fault::bad_argument, "rows must be uint8[height, ceil(width / 8)] for " +
                                             std::to_string(width) + " dots; got " +
                                             shape_of(rows));
    return view;
}

int side(py::ssize_t modules, int dots_per_module) {
    if (modules < 1 || modules > kMaxModules)
        throw Error(Fault::bad_argument, "modules have a side of " + std::to_string(modules) +
                                             "; a symbol has 1 to 144 rows and columns");
    return static_cast<int>(modules) * dots_per_module;
}

Bytes symbol_rows(const SymbolPen& pen, const py::object& object) {
    const auto modules = modules_of(object);
    const int height = side(modules.shape(0), pen.dots_per_module());
    const int width = side(modules.shape(1), pen.dots_per_module());
    Bytes rows({height, (width + 7) / 8});
    uint8_t* data = rows.mutable_data();
    const uint8_t* from = bytes_of(modules);
    const auto down = static_cast<int>(modules.shape(0)),
               across = static_cast<int>(modules.shape(1));
    {
        py::gil_scoped_release release;
        pen.fill(from, down, across, {data, width, height});
    }
    return rows;
}

Bytes symbol_rows_many(const SymbolPen& pen, const py::list& symbols, const py::object& out) {
    if (symbols.empty()) throw Error(Fault::bad_argument, "symbol_rows_many got no symbols");
    std::vector<py::array_t<bool, py::array::c_style>> kept;  // copies of strided views live here
    std::vector<const uint8_t*> from;
    kept.reserve(symbols.size());
    from.reserve(symbols.size());
    for (const py::handle& item : symbols) {
        kept.push_back(modules_of(item));
        from.push_back(bytes_of(kept.back()));
        if (kept.back().shape(0) != kept[0].shape(0) || kept.back().shape(1) != kept[0].shape(1))
            throw Error(Fault::bad_argument, "symbols of one batch must be of one size; got " +
                                                 shape_of(kept.back()) + " after " +
                                                 shape_of(kept[0]));
    }
    const auto down = static_cast<int>(kept[0].shape(0)),
               across = static_cast<int>(kept[0].shape(1));
    const int height = side(down, pen.dots_per_module()),
              width = side(across, pen.dots_per_module());
    const py::ssize_t stride = (width + 7) / 8, count = static_cast<py::ssize_t>(from.size());
    Bytes rows;
    if (out.is_none()) {
        rows = Bytes({count, static_cast<py::ssize_t>(height), stride});
    } else {
        if (!py::isinstance<Bytes>(out) || (rows = out.cast<Bytes>()).ndim() != 3 ||
            rows.shape(0) != count || rows.shape(1) != height || rows.shape(2) != stride)
            throw Error(Fault::bad_argument,
                        "out must be C-contiguous uint8[" + std::to_string(count) + ", " +
                            std::to_string(height) + ", " + std::to_string(stride) + "]");
    }
    uint8_t* data = rows.mutable_data();
    {
        py::gil_scoped_release release;
        for (size_t i = 0; i < from.size(); ++i) {
            const DotView view{data, width, height};
            pen.fill(from[i], down, across, view);
            data += view.size();
        }
    }
    return rows;
}

void add_glyph(GlyphSheet& sheet, uint32_t character, const Bytes& bitmap, int width, int left,
               int top, int advance) {
    if (bitmap.ndim() != 2 || width < 0 || bitmap.shape(1) != (width + 7) / 8)
        throw Error(Fault::bad_argument, "a glyph's bitmap must be uint8[height, ceil(width / 8)]");
    sheet.add(character, bitmap.data(), width, static_cast<int>(bitmap.shape(0)), left, top,
              advance);
}

using Place = std::tuple<std::shared_ptr<GlyphSheet>, int, int, int>;

TextSlot slot_of(const Place& place) {
    const auto& [sheet, x, baseline, width] = place;
    return {sheet, x, baseline, width};
}

void draw_text_at(Bytes& rows, int width, const Place& place, const std::u32string& text,
                  int dots_per_inch) {
    const DotView view = view_of(rows.mutable_data(), rows, width);
    draw_text(view, slot_of(place), text, dots_per_inch);
}

std::unique_ptr<Template> make_template(const Bytes& rows, int width, int dots_per_inch,
                                        std::shared_ptr<SymbolPen> pen, std::pair<int, int> modules,
                                        std::pair<int, int> corner,
                                        const std::vector<Place>& places) {
    std::vector<TextSlot> slots;
    for (const Place& place : places) slots.push_back(slot_of(place));
    const auto height = rows.ndim() == 2 ? static_cast<int>(rows.shape(0)) : 0;
    return std::make_unique<Template>(
        std::span<const uint8_t>(rows.data(), static_cast<size_t>(rows.size())), width, height,
        dots_per_inch, std::move(pen), modules.first, modules.second, corner.first, corner.second,
        std::move(slots));
}

Bytes compose(const Template& self, const py::object& object,
              const std::vector<std::u32string>& texts) {
    const auto modules = modules_of(object);
    if (modules.shape(0) != self.symbol_rows() || modules.shape(1) != self.symbol_columns())
        throw Error(Fault::bad_argument, "modules are " + shape_of(modules) +
                                             "; this template's symbol is " +
                                             std::to_string(self.symbol_rows()) + "x" +
                                             std::to_string(self.symbol_columns()));
    Bytes rows({self.height(), (self.width() + 7) / 8});
    uint8_t* data = rows.mutable_data();
    const uint8_t* from = bytes_of(modules);
    {
        py::gil_scoped_release release;
        self.compose(from, texts, data);
    }
    return rows;
}

// The bound of a stream is five times the stream. Kept from call to call: fresh pages of that size
// cost as much as writing the stream does.
struct Scratch {
    std::unique_ptr<uint8_t[]> memory;
    size_t size = 0;
    uint8_t* get() const { return memory.get(); }
};
constexpr size_t kScratchKept = size_t{4} << 20;

Scratch& pwg_scratch(size_t size) {
    thread_local Scratch scratch;
    if (scratch.size < size) scratch = {std::unique_ptr<uint8_t[]>(new uint8_t[size]), size};
    return scratch;
}

py::bytes pwg(const std::vector<std::tuple<Bytes, int, int>>& pages, const std::string& media) {
    std::vector<PwgPage> plain;
    for (const auto& [rows, width, dots_per_inch] : pages) {
        const DotView view = view_of(const_cast<uint8_t*>(rows.data()), rows, width);
        plain.push_back({view.rows, view.width, view.height, dots_per_inch});
    }
    Scratch& scratch = pwg_scratch(pwg_bound(plain));
    size_t bytes = 0;
    {
        py::gil_scoped_release release;
        bytes = pwg_raster(plain, media, scratch.get());
    }
    py::bytes stream(static_cast<const char*>(static_cast<const void*>(scratch.get())), bytes);
    if (scratch.size > kScratchKept) scratch = {};
    return stream;
}

}  // namespace

void register_raster(py::module_& module) {
    py::class_<SymbolPen, std::shared_ptr<SymbolPen>>(module, "SymbolPen")
        .def(py::init<int, int>(), py::kw_only(), py::arg("dots_per_module"), py::arg("inset"))
        .def("rows", &symbol_rows, py::arg("modules"))
        .def("rows_many", &symbol_rows_many, py::arg("symbols"), py::arg("out") = py::none());

    py::class_<GlyphSheet, std::shared_ptr<GlyphSheet>>(module, "GlyphSheet")
        .def(py::init<>())
        .def("add", &add_glyph, py::arg("character"), py::arg("bitmap"), py::arg("width"),
             py::arg("left"), py::arg("top"), py::arg("advance"))
        .def(
            "measure",
            [](const GlyphSheet& self, const std::u32string& text) {
                return self.measure(text).width;
            },
            py::arg("text"));

    py::class_<Template>(module, "Template")
        .def(py::init(&make_template), py::kw_only(), py::arg("rows"), py::arg("width"),
             py::arg("dots_per_inch"), py::arg("pen"), py::arg("symbol_modules"),
             py::arg("symbol_corner"), py::arg("places"))
        .def("compose", &compose, py::arg("modules"), py::arg("texts"));

    module.def("draw_text", &draw_text_at, py::arg("rows").noconvert(), py::arg("width"),
               py::arg("place"), py::arg("text"), py::arg("dots_per_inch"));
    module.def("pwg", &pwg, py::arg("pages"), py::arg("media_name"));
}

}  // namespace imi
