// The cheap first look at a patch: four straight sides between paper and print, two of them solid,
// two with a clock track to count. Reads what is clean; whatever it misses the lattice takes up.
#pragma once

#include <optional>
#include <span>

#include "image.h"
#include "symbol_sizes.h"

namespace imi {

struct Box {
    int left, top, right, bottom;  // pixels, right and bottom exclusive
};

// A hypothesis: a symbol of this size whose module (column, row), upright, lies at `to_image`.
struct Outline {
    const SymbolSize* size;
    Homography to_image;
    bool mirrored, inverted;
};

// The symbol that fills the box up to a rim of paper and a turn of some fifteen degrees, if its
// sides are plain to see and its size is one of `sizes`. Looks at a few hundred pixels.
std::optional<Outline> fit_outline(const GreyView& frame, const Box& box,
                                   std::span<const SymbolSize* const> sizes);

}  // namespace imi
