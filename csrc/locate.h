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
    float evidence;                // of the best finder seen in it, for the search
};

// Workspace and answer of locate(). Reused from frame to frame, so that nothing is allocated.
struct Locator {
    BlockEnergy energy;
    std::vector<Region> regions;   // likeliest first
    std::vector<int32_t> members;  // block index (row * across + column)

    // By block: how dense the edges are, in both directions at once, in 1/4096 of the contrast.
    std::vector<uint16_t> texture;

    std::vector<uint16_t> change, scaled, sums, rows;  // scratch
    std::vector<uint8_t> seen;
    std::vector<int32_t> textured, stack;
};

// Fills `locator.regions` with at most `most` patches. Every instruction set finds the same patches
// in the same order.
void locate(const GreyView& frame, int most, Locator& locator);

}  // namespace imi
