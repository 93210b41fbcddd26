#include "upright.h"

namespace imi {

GridHypothesis grid_of(const Lattice& lattice, const Placement& placement) {
    const Turn turn = turn_of(placement);
    // From the middle of the corner cell to its outer corner, then leg by leg.
    const int right = turn.along_column + turn.up_column;
    const int down = turn.along_row + turn.up_row;
    const double x = lattice.first_column + turn.column + (right > 0 ? 0 : 1);
    const double y = lattice.first_row + turn.row + (down > 0 ? 0 : 1);
    const int rows = placement.size->rows;
    const double to_cells[2][3] = {
        {static_cast<double>(turn.along_column), static_cast<double>(-turn.up_column),
         x + rows * turn.up_column},
        {static_cast<double>(turn.along_row), static_cast<double>(-turn.up_row),
         y + rows * turn.up_row}};
    GridHypothesis grid{placement.size, {}, placement.inverted};
    for (int i = 0; i < 3; ++i) {
        const double* from = lattice.to_image.m + 3 * i;
        double* to = grid.to_image.m + 3 * i;
        for (int k = 0; k < 3; ++k)
            to[k] = from[0] * to_cells[0][k] + from[1] * to_cells[1][k] + (k == 2 ? from[2] : 0);
    }
    return grid;
}

GridHypothesis mirrored(const GridHypothesis& grid) {
    const double side = grid.size->rows;
    GridHypothesis out = grid;
    for (int i = 0; i < 9; i += 3) {
        const double* from = grid.to_image.m + i;
        double* to = out.to_image.m + i;
        // (column, row) of the mirror image is (side - row, side - column) of the symbol.
        to[0] = -from[1], to[1] = -from[0], to[2] = from[2] + side * (from[0] + from[1]);
    }
    return out;
}

}  // namespace imi
