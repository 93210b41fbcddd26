// A frame in half or twice as many pixels each way.
#pragma once

#include <cstdint>
#include <vector>

#include "image.h"

namespace imi {

// Means of 2x2 pixels, an odd last row or column left out: finds symbols of large modules, and
// averages noise. The view lies in `pixels`.
GreyView halve(const GreyView& frame, std::vector<uint8_t>& pixels);

inline constexpr int kDoublingRim = 8;  // pixels of the frame's own rim round a doubled one

// Twice as many pixels each way, with a rim, by cubic interpolation (Catmull and Rom), which keeps
// the edges of modules of two pixels apart where a straight line between pixels would not. Pixel
// (x, y) of the frame becomes (2 (x + kDoublingRim / 2), ...): old = (new - kDoublingRim) / 2.
// `rows` is scratch.
GreyView twice(const GreyView& frame, std::vector<uint8_t>& pixels, std::vector<float>& rows);

}  // namespace imi
