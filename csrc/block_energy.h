// How much the grey changes inside each 8x8 block: the one pass over every pixel of a frame.
#pragma once

#include <cstdint>
#include <vector>

#include "image.h"

namespace imi {

inline constexpr int block_px = 8;

struct BlockEnergy {
    int across = 0, down = 0;  // blocks; the last 1 to 8 columns and rows of pixels are in none
    // Sums over one block of the absolute differences to the pixel on the right and to the pixel
    // below: at most 64 * 255, so 16 bits hold them.
    std::vector<uint16_t> horizontal, vertical;
    std::vector<uint8_t> darkest, lightest;
};

// Overwrites `energy`. A frame below 9x9 pixels has no block.
void measure_blocks(const GreyView& frame, BlockEnergy& energy);

}  // namespace imi
