// A grey picture somebody else owns.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imi {

struct GreyView {
    const uint8_t* pixels;
    int width, height;
    std::ptrdiff_t stride;  // bytes from one row to the next; may be larger than width

    const uint8_t* row(int y) const { return pixels + y * stride; }
};

struct Point {
    double x, y;
};

// A plane projective map, row by row; maps (x, y, 1).
struct Homography {
    double m[9];

    Point operator()(double x, double y) const {
        const double w = m[6] * x + m[7] * y + m[8];
        return {(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w};
    }
    // Up to scale, which a homography does not have; all zeros for a singular map.
    Homography inverse() const {
        return {{m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                 m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                 m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]}};
    }
};

}  // namespace imi
