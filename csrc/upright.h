// From a box among the cells of a lattice to the grid of the upright symbol.
#pragma once

#include "finder.h"
#include "grid_reader.h"
#include "lattice.h"

namespace imi {

// The upright symbol's map of a box among the cells of a lattice.
GridHypothesis grid_of(const Lattice& lattice, const Placement& placement);

// The same symbol in a mirror: rows and columns change places. For square symbols.
GridHypothesis mirrored(const GridHypothesis& grid);

}  // namespace imi
