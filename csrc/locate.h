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
    bool looked_at;                // by the search, cheaply
};

// A block, in blocks from the frame's left and top.
struct Place {
    int32_t x, y;
};

// Workspace and answer of what follows. Reused from frame to frame, so that nothing is allocated.
struct Locator {
    BlockEnergy energy;
    std::vector<Region> regions;  // likeliest first
    std::vector<Place> members;

    // By block: how dense the edges are, in both directions at once, in 1/4096 of the contrast.
    std::vector<uint16_t> texture;

    uint32_t peak;  // that few blocks exceed
    size_t level;   // the next one

    std::vector<uint16_t> change, sums, rows;  // scratch
    std::vector<uint8_t> darkest, lightest, byte_rows;
    std::vector<uint8_t> seen;  // the last level at which a block was in a patch, from 1
    std::vector<Place> textured, stack;
};

// Measures the texture of a frame; no region yet.
void begin_locating(const GreyView& frame, Locator& locator);

// Adds the regions at the next lower level of texture, in no order; false when there is none.
bool locate_at_next_level(Locator& locator);

// Adds what is left and keeps at most `most` regions, likeliest first, each once. Every instruction
// set finds the same in the same order.
void finish_locating(int most, Locator& locator);

}  // namespace imi
