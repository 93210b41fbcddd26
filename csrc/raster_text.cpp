#include "raster_text.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "error.h"

namespace imi {
namespace {

constexpr int kWordDots = 56;

}  // namespace

void GlyphSheet::add(uint32_t character, const uint8_t* bitmap, int width, int height, int left,
                     int top, int advance) {
    if (character < 0x20 || character > 0xFF || width < 0 || height < 0 || width > 4096 ||
        height > 4096)
        throw Error(Fault::bad_argument,
                    "a sheet takes U+0020 to U+00FF, each at most 4096x4096 dots");
    Glyph glyph{width, height, left, top, advance, true, {}};
    const int columns = (width + kWordDots - 1) / kWordDots;
    const size_t stride = (static_cast<size_t>(width) + 7) / 8;
    glyph.words.assign(static_cast<size_t>(columns) * static_cast<size_t>(height), 0);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const uint8_t byte =
                bitmap[static_cast<size_t>(y) * stride + static_cast<size_t>(x) / 8];
            if (byte >> (7 - x % 8) & 1)
                glyph.words[static_cast<size_t>(x / kWordDots * height + y)] |=
                    uint64_t{1} << (63 - x % kWordDots);
        }
    glyphs_[character] = std::move(glyph);
}

const GlyphSheet::Glyph& GlyphSheet::find(uint32_t character) const {
    if (character < glyphs_.size() && glyphs_[character].known) return glyphs_[character];
    char name[16];
    std::snprintf(name, sizeof name, "U+%04X", static_cast<unsigned>(character));
    throw Error(Fault::bad_argument, "character " + std::string(name) +
                                         " is not in the font sheet, which holds Latin-1");
}

GlyphSheet::Extent GlyphSheet::measure(std::u32string_view text) const {
    int pen = 0, first = std::numeric_limits<int>::max(), last = std::numeric_limits<int>::min();
    for (const char32_t character : text) {
        const Glyph& glyph = find(character);
        if (glyph.width > 0) {
            first = std::min(first, pen + glyph.left);
            last = std::max(last, pen + glyph.left + glyph.width);
        }
        pen += glyph.advance;
        if (pen > kMaxDots)
            throw Error(Fault::bad_argument, "a line of text is longer than 65,536 dots");
    }
    return first > last ? Extent{0, 0} : Extent{first, last - first};
}

void GlyphSheet::draw(DotView to, std::u32string_view text, int x, int baseline) const {
    int pen = x - measure(text).left;
    for (const char32_t character : text) {
        const Glyph& glyph = find(character);
        if (glyph.width > 0 && glyph.height > 0)
            draw_glyph(to, glyph, pen + glyph.left, baseline - glyph.top);
        pen += glyph.advance;
    }
}

void GlyphSheet::draw_glyph(DotView to, const Glyph& glyph, int x, int y) {
    if (!to.holds(x, y, glyph.width, glyph.height))
        throw Error(Fault::bad_argument, "a glyph at (" + std::to_string(x) + ", " +
                                             std::to_string(y) + ") leaves the picture of " +
                                             std::to_string(to.width) + "x" +
                                             std::to_string(to.height) + " dots");
    const size_t stride = to.stride();
    for (int start = 0; start < glyph.width; start += kWordDots) {
        const uint64_t* words = glyph.words.data() + start / kWordDots * glyph.height;
        const size_t offset = static_cast<size_t>(x + start) / 8;
        const int shift = (x + start) % 8;
        uint8_t* target = to.row(y) + offset;
        if (offset + 8 <= stride) {
            for (int row = 0; row < glyph.height; ++row, target += stride)
                store_dots(target, load_dots(target) | words[row] >> shift);
        } else {  // the last bytes of a row: eight at once would reach into the next
            const size_t bytes = stride - offset;
            for (int row = 0; row < glyph.height; ++row, target += stride)
                for (size_t i = 0; i < bytes; ++i)
                    target[i] |= static_cast<uint8_t>(words[row] >> shift >> (56 - 8 * i));
        }
    }
}

}  // namespace imi
