// Grey of each cell of a lattice, and how dark that is for its surroundings.
#pragma once

#include <cstdint>
#include <vector>

#include "image.h"

namespace imi {

// rows * columns cells, row by row. Ink runs from -256 (surely light) to 256 (surely dark); 0 is
// the local threshold.
struct Cells {
    int rows = 0, columns = 0;
    std::vector<float> grey;
    std::vector<int16_t> ink;

    std::vector<float> low, high, tile_rows, lows, highs, scratch, places, tap;  // workspace

    int16_t at(int row, int column) const {
        return ink[static_cast<size_t>(row) * columns + column];
    }
};

// Overwrites `cells.grey` with the grey of cells (first_row..) x (first_column..) of the grid.
// `taps` is 1 (the centre) or 5 (the centre and a cross of `reach` modules round it).
void sample_cells(const GreyView& frame, const Homography& to_image, int first_row,
                  int first_column, int rows, int columns, int taps, Cells& cells);

// Sets `cells.ink` from `cells.grey` by the lightest and darkest cells round each cell, so that
// uneven light does not matter. `sharpen` above 0 first takes that share of the difference to the
// four neighbours back out: blur and ink spread mix neighbours in. `spread` is by how many
// modules ink is wider than it should be: the threshold moves halfway to what is left of a lone
// module.
void find_ink(Cells& cells, float sharpen, float spread = 0);

}  // namespace imi
