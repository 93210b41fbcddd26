// Which symbol stands where in a sheet of cells: finder, timing and alignment bars of every size,
// place and turn, weighed as a whole, so that damage to any one of them is outvoted.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sample.h"
#include "symbol_sizes.h"

namespace imi {

enum class Corner : uint8_t { bottom_left, top_left, top_right, bottom_right };  // of the L

// A hypothesis: this size, here, turned so.
struct Placement {
    const SymbolSize* size;
    int row, column, rows, columns;  // the box in cells as it lies; a quarter turn swaps the sides
    Corner corner;
    bool mirrored, inverted;
    float agreement;  // mean of finder and timing cells, 1 = all as they should be, 0 = chance
    float evidence;   // grows with the number of cells that agree
};

// Where row `up` and column `along` of the upright symbol lie among the cells.
struct Turn {
    int row, column;              // cell of the corner of the L
    int along_row, along_column;  // step of one module along the L's lower leg
    int up_row, up_column;        // and along the upright leg
};
Turn turn_of(const Placement& placement);

class PlacementFinder {
public:
    // Overwrites `out` with at most `most` placements of agreement `least` or more, best first.
    // Only boxes at most `slack` cells narrower and lower than the sheet are tried.
    // Returns the number of boxes tried, for a caller that bounds its work.
    int64_t find(const Cells& cells, std::span<const SymbolSize* const> sizes, int slack,
                 float least, size_t most, std::vector<Placement>& out);

private:
    void sum(const Cells& cells);
    int64_t weigh(const SymbolSize& size, bool swapped, float least, size_t most,
                  std::vector<Placement>& out);
    void weigh_row(int y, int rows, int columns, int down, int across);
    void weigh_row_portable(int y, int rows, int columns, int down, int across);
    void weigh_row_avx2(int y, int rows, int columns, int down, int across);
    void weigh_box(const SymbolSize& size, bool swapped, int y, int x, float least, size_t most,
                   std::vector<Placement>& out) const;

    int rows_ = 0, columns_ = 0, slack_ = 0;
    // Running sums along rows and columns; `alternating` counts every other cell negative.
    std::vector<int32_t> row_plain_, row_alternating_, column_plain_, column_alternating_;
    std::vector<int32_t> flip_, weight_;         // -1 for odd columns; one row of boxes
    std::array<std::vector<int32_t>, 8> lines_;  // sums over the lines of each box of a row
};

}  // namespace imi
