// Text from a sheet of ready-made 1-bit glyphs: measuring and drawing, no font code.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "raster_dots.h"

namespace imi {

// One font at one size. Filled once, then only read.
class GlyphSheet {
public:
    // Adds a character of U+0020..U+00FF. `bitmap` is height rows of (width+7)/8 bytes, packed;
    // `left` and `top` place its upper left dot from the pen: right, and up from the base line.
    void add(uint32_t character, const uint8_t* bitmap, int width, int height, int left, int top,
             int advance);

    struct Extent {
        int left;   // from the pen to the first ink
        int width;  // of the ink
    };
    Extent measure(std::u32string_view text) const;

    // Adds the text to a picture with its first ink at x and its base line above row `baseline`.
    // Throws Fault::bad_argument when ink would leave the picture or a character is not here.
    void draw(DotView to, std::u32string_view text, int x, int baseline) const;

private:
    struct Glyph {
        int width = 0, height = 0, left = 0, top = 0, advance = 0;
        bool known = false;
        // 56 dots to a word, at its top: shifted by 0 to 7 they still fit, so a row of a glyph
        // lands with one load, or and store wherever it falls. Column of words after column.
        std::vector<uint64_t> words;
    };
    const Glyph& find(uint32_t character) const;
    static void draw_glyph(DotView to, const Glyph& glyph, int x, int y);

    std::array<Glyph, 256> glyphs_;  // Latin-1
};

}  // namespace imi
