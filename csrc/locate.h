// Where in a frame a symbol may be: connected patches of dense texture in both directions.
#pragma once

#include <cstdint>
#include <vector>

#include "block_energy.h"
#include "image.h"

namespace imi {

// A patch of blocks, in pixels of the frame. `first`/`count` index Locator::members.
struct Region {
    int left, top, right, bottom;  // bounding box, right and bottom exclusive
    int first, count;              // its blocks
    float score;                   // larger is likelier to be a symbol; only the order means much
};

// Workspace and answer of locate(). Reused from frame to frame, so that nothing is allocated.
struct Locator {
    BlockEnergy energy;
    std::vector<Region> regions;   // likeliest first
    std::vector<int32_t> members;  // block index (row * across + column)

    std::vector<uint32_t> texture, sums_horizontal, sums_vertical;  // scratch
    std::vector<uint8_t> seen;
    std::vector<int32_t> textured, stack;
};

// Fills `locator.regions` with at most `most` patches. Every instruction set finds the same patches
// in the same order.
void locate(const GreyView& frame, int most, Locator& locator);

}  // namespace imi
