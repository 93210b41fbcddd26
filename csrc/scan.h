// Grey values between pixels: one at a time, and along a straight line.
#pragma once

#include <algorithm>
#include <cmath>

#include "image.h"

namespace imi {

// Bilinear; pixel centres are at (x + 0.5, y + 0.5), beyond the frame its rim goes on. Any finite
// or non-finite coordinate is answered.
inline float grey_at(const GreyView& frame, float x, float y) {
    const float px = std::clamp(x - 0.5f, 0.0f, static_cast<float>(frame.width - 1));
    const float py = std::clamp(y - 0.5f, 0.0f, static_cast<float>(frame.height - 1));
    const int x0 = px > 0 ? static_cast<int>(px) : 0, y0 = py > 0 ? static_cast<int>(py) : 0;
    const int right = x0 + 1 < frame.width ? 1 : 0;
    const std::ptrdiff_t below = y0 + 1 < frame.height ? frame.stride : 0;
    const float fx = px - static_cast<float>(x0), fy = py - static_cast<float>(y0);
    const uint8_t* at = frame.row(y0) + x0;
    const float top = at[0] + fx * (static_cast<float>(at[right]) - at[0]);
    const float bottom = at[below] + fx * (static_cast<float>(at[below + right]) - at[below]);
    return top + fy * (bottom - top);
}

// grey_at for (x + i dx, y + i dy), i = 0..count-1, in 16.16 fixed point where the line lies
// inside the frame.
inline void scan_line(const GreyView& frame, double x, double y, double dx, double dy, int count,
                      float* out) {
    const auto inside = [&](double px, double py) {
        return px >= 1.0 && py >= 1.0 && px < frame.width - 1.0 && py < frame.height - 1.0;
    };
    if (!inside(x, y) || !inside(x + dx * (count - 1), y + dy * (count - 1))) {
        for (int i = 0; i < count; ++i)
            out[i] = grey_at(frame, static_cast<float>(x + i * dx), static_cast<float>(y + i * dy));
        return;
    }
    // 12 Mpx bounds a side to 12,000,000 pixels: 64 bits, not 32.
    auto fx = static_cast<int64_t>((x - 0.5) * 65536), fy = static_cast<int64_t>((y - 0.5) * 65536);
    const auto sx = static_cast<int64_t>(dx * 65536), sy = static_cast<int64_t>(dy * 65536);
    const std::ptrdiff_t stride = frame.stride;
    for (int i = 0; i < count; ++i, fx += sx, fy += sy) {
        const uint8_t* at = frame.pixels + (fy >> 16) * stride + (fx >> 16);
        const int wx = static_cast<int>((fx >> 8) & 255), wy = static_cast<int>((fy >> 8) & 255);
        const int top = at[0] * (256 - wx) + at[1] * wx;
        const int bottom = at[stride] * (256 - wx) + at[stride + 1] * wx;
        out[i] = static_cast<float>(top * (256 - wy) + bottom * wy) * (1.0f / 65536);
    }
}

}  // namespace imi
