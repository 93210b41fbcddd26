// Image -> symbols. The input: width, height, pixels a cell, options, then a grey value for each
// cell, of which the last is repeated; so a few bytes draw a symbol, and one pixel a cell draws
// whatever there is.
#include <algorithm>
#include <cmath>
#include <vector>

#include "fuzz.h"
#include "reader.h"

using namespace imi;
using fuzz::promised;

namespace {

constexpr int longest_side_px = 96;
constexpr int margin_px = 400;  // a corner may lie outside the frame, not anywhere

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static FrameReader reader;  // its memory is kept: nothing of one frame may reach the next
    fuzz::Input input(data, size);
    const int width = 1 + input.below(longest_side_px), height = 1 + input.below(longest_side_px);
    const int pitch = 1 + input.below(6), flags = input.byte();
    const int stride = width + (flags & 3);
    std::vector<uint8_t> pixels(static_cast<size_t>(stride) * (height - 1) + width);
    const auto cells = input.rest();
    const int across = (width + pitch - 1) / pitch;
    for (int y = 0; y < height && !cells.empty(); y++) {
        for (int x = 0; x < width; x++) {
            const size_t cell = static_cast<size_t>(y / pitch) * across + x / pitch;
            pixels[static_cast<size_t>(y) * stride + x] = cells[std::min(cell, cells.size() - 1)];
        }
    }
    ReadOptions options;
    options.limit = 1 + (flags >> 2 & 1);
    options.effort = 4 + 2 * (flags >> 3 & 7);
    if (flags & 64) options.accept = [](std::span<const uint8_t> text) { return text.size() > 3; };
    auto&& symbols = reader.read({pixels.data(), width, height, stride}, options);
    promised(symbols.size() <= static_cast<size_t>(options.limit), "no more than asked for");
    for (const Symbol& symbol : symbols) {
        promised(find_size(symbol.size->rows, symbol.size->columns) == symbol.size, "a real size");
        promised(symbol.modules.size() == static_cast<size_t>(symbol.size->modules()), "modules");
        promised(2 * symbol.errors_corrected <= symbol.size->error_codewords(), "errors in reach");
        for (const float corner : symbol.corners)
            promised(std::abs(corner) < longest_side_px + margin_px, "corners near the frame");
    }
    return 0;
}
