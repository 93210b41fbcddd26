// One piece's picture: what all pieces of a job share is drawn once, what differs is added.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "raster_dots.h"
#include "raster_symbol.h"
#include "raster_text.h"

namespace imi {

// A place for one line of text: first ink at x, base line above row `baseline`, `width` dots free.
struct TextSlot {
    std::shared_ptr<const GlyphSheet> sheet;
    int x, baseline, width;
};

// Adds `text` at its slot, or throws Fault::bad_argument naming the text, its width and the limit.
void draw_text(DotView to, const TextSlot& slot, std::u32string_view text, int dots_per_inch);

class Template {
public:
    // `dots` is the shared part, packed rows of width*height; copied. The symbol of
    // symbol_rows*symbol_columns modules goes to (symbol_x, symbol_y).
    Template(std::span<const uint8_t> dots, int width, int height, int dots_per_inch,
             std::shared_ptr<const SymbolPen> pen, int symbol_rows, int symbol_columns,
             int symbol_x, int symbol_y, std::vector<TextSlot> slots);

    int width() const { return width_; }
    int height() const { return height_; }
    int symbol_rows() const { return symbol_rows_; }
    int symbol_columns() const { return symbol_columns_; }

    // Writes the whole picture: template, symbol, one text a slot. Const and without shared
    // scratch, so any number of threads may compose from one template.
    void compose(const uint8_t* modules, std::span<const std::u32string> texts,
                 uint8_t* rows) const;

private:
    std::vector<uint8_t> dots_;
    int width_, height_, dots_per_inch_;
    std::shared_ptr<const SymbolPen> pen_;
    int symbol_rows_, symbol_columns_, symbol_x_, symbol_y_;
    std::vector<TextSlot> slots_;
};

}  // namespace imi
