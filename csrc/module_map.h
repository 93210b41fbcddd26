// From the modules of an upright symbol to pixels, by four corners.
#pragma once

#include <array>

#include "image.h"
#include "symbol_sizes.h"

namespace imi {

// The map that takes (column, row) in modules to pixels. `corners` are those of the modules (0, 0),
// (columns, 0), (columns, rows), (0, rows). Not finite where three of them lie on a line.
// Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, 2.2.3.
Homography modules_to(const std::array<Point, 4>& corners, const SymbolSize& size);

}  // namespace imi
