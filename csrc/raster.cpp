#include "raster.h"

#include <cstdio>
#include <utility>

#include "error.h"

namespace imi {
namespace {

std::string utf8(std::u32string_view text) {
    std::string bytes;
    const auto add = [&](char32_t value) { bytes += static_cast<char>(value); };
    for (const char32_t c : text) {
        if (c < 0x80) {
            add(c);
        } else if (c < 0x800) {
            add(0xC0 | c >> 6), add(0x80 | (c & 0x3F));
        } else if (c < 0x10000) {
            add(0xE0 | c >> 12), add(0x80 | (c >> 6 & 0x3F)), add(0x80 | (c & 0x3F));
        } else {
            add(0xF0 | c >> 18), add(0x80 | (c >> 12 & 0x3F));
            add(0x80 | (c >> 6 & 0x3F)), add(0x80 | (c & 0x3F));
        }
    }
    return bytes;
}

std::string inches(int dots, int dots_per_inch) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3f in (%d dots)", double(dots) / dots_per_inch, dots);
    return text;
}

}  // namespace

void draw_text(DotView to, const TextSlot& slot, std::u32string_view text, int dots_per_inch) {
    const int width = slot.sheet->measure(text).width;
    if (width > slot.width)
        throw Error(Fault::bad_argument,
                    "text '" + utf8(text) + "' is " + inches(width, dots_per_inch) +
                        " wide; its line holds " + inches(slot.width, dots_per_inch));
    slot.sheet->draw(to, text, slot.x, slot.baseline);
}

Template::Template(std::span<const uint8_t> dots, int width, int height, int dots_per_inch,
                   std::shared_ptr<const SymbolPen> pen, int symbol_rows, int symbol_columns,
                   int symbol_x, int symbol_y, std::vector<TextSlot> slots)
    : dots_(dots.begin(), dots.end()),
      width_(width),
      height_(height),
      dots_per_inch_(dots_per_inch),
      pen_(std::move(pen)),
      symbol_rows_(symbol_rows),
      symbol_columns_(symbol_columns),
      symbol_x_(symbol_x),
      symbol_y_(symbol_y),
      slots_(std::move(slots)) {
    if (width < 1 || height < 1 || width > kMaxDots || height > kMaxDots || dots_per_inch < 1)
        throw Error(Fault::bad_argument, "a template of " + std::to_string(width) + "x" +
                                             std::to_string(height) +
                                             " dots; the limits are 1 and 65,536");
    const DotView view{dots_.data(), width, height};
    if (dots_.size() != view.size())
        throw Error(Fault::bad_argument, "a template of " + std::to_string(dots_.size()) +
                                             " bytes; its size asks for " +
                                             std::to_string(view.size()));
    if (symbol_rows < 1 || symbol_columns < 1 || symbol_rows > kMaxModules ||
        symbol_columns > kMaxModules ||
        !view.holds(symbol_x, symbol_y, symbol_columns * pen_->dots_per_module(),
                    symbol_rows * pen_->dots_per_module()))
        throw Error(Fault::bad_argument, "the symbol's place leaves the template");
}

void Template::compose(const uint8_t* modules, std::span<const std::u32string> texts,
                       uint8_t* rows) const {
    if (texts.size() != slots_.size())
        throw Error(Fault::bad_argument, std::to_string(texts.size()) + " texts for " +
                                             std::to_string(slots_.size()) + " lines");
    const DotView to{rows, width_, height_};
    std::memcpy(rows, dots_.data(), dots_.size());
    pen_->draw(modules, symbol_rows_, symbol_columns_, to, symbol_x_, symbol_y_);
    for (size_t i = 0; i < slots_.size(); ++i) draw_text(to, slots_[i], texts[i], dots_per_inch_);
}

}  // namespace imi
