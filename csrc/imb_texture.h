// The direction of the texture in each 8x8 block, and frames at half size: where bars may stand.
#pragma once

#include <cstdint>
#include <vector>

#include "image.h"

namespace imi {

inline constexpr int texture_block_px = 8;
inline constexpr int texture_pixels = 32;  // of a block: every other row is looked at

// Sums over a block of p * p, q * q and p * q, at most 32 * 255 * 255 each: p is the step of grey
// to the pixel below on the right, q from the pixel below to the one on the right. The two share
// no pixel, so that noise has no direction; steps to the right and below would give it one.
struct Texture {
    int across = 0, down = 0;  // blocks; the last 1 to 8 columns and rows of pixels are in none
    std::vector<int32_t> pp, qq, pq;
};

// The share of one direction in the texture round a block.
struct Grain {
    double energy;     // mean square of a step there, grey levels squared
    double coherence;  // 0 in every direction alike, 1 along one line
    double angle;      // radians of the steepest grey, x towards y, -pi/2 to pi/2
};

// Overwrites `texture`. A frame below 9x9 pixels has no block.
void measure_texture(const GreyView& frame, Texture& texture);

// Of a block and its neighbours, the block itself weighing most.
Grain grain_at(const Texture& texture, int bx, int by);

// How much of the texture of so many blocks either way of one, along an angle, has that very
// direction: 1 all, 0 none or as much as is square to it. Blocks beyond the frame count as plain.
double agreement_along(const Texture& texture, int bx, int by, double angle, int blocks);

}  // namespace imi
