// How texture lies in a frame, and the part of a frame that holds it, turned upright.
#pragma once

#include <vector>

#include "image.h"
#include "imb_texture.h"

namespace imi {

// A way that the frame's strokes and bars lie, and where they are: a box on the frame turned back
// by `angle` about its top left corner, in whole pixels.
struct Lie {
    double angle;  // radians, x towards y, -pi/4 to pi/4: strokes and bars tell no more
    double share;  // of all texture, 0 to 1
    int x, y, width, height;
};

// The few commonest ways, commonest first, none within 8 degrees of another.
void find_lies(const GreyView& frame, Texture& texture, std::vector<Lie>& lies);

// Writes `lie.height` rows of `lie.width` pixels, bilinear; what lies beyond the frame is white.
void turn_upright(const GreyView& frame, const Lie& lie, uint8_t* pixels);

}  // namespace imi
