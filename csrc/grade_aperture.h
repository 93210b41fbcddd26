// The reference grey-scale image of ISO/IEC 15415:2011 clause 7.3.3: a picture's greys as
// reflectance, seen through a circular aperture.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "grade_lanes.h"
#include "image.h"

namespace imi {

// One channel of a picture with any strides, such as the red of interleaved RGB.
struct Channel {
    const uint8_t* pixels;
    int width, height;
    std::ptrdiff_t row_stride, pixel_stride;  // bytes
};

using ReflectanceTable = std::array<float, 256>;  // reflectance, 0..1, of each grey level

inline constexpr int kWhite = 32767;  // reflectance 1: products of two fit pairs of 32 signed bits

// Part of a channel as reflectance, 0..kWhite. Pixel (0, 0) covers frame pixels (left, top) to
// (left + step, top + step): fine pictures are averaged over step * step pixels. Where the part
// lies beyond the picture its rim goes on.
class Plane {
public:
    void load(const Channel& channel, const ReflectanceTable& reflectance, bool invert, int left,
              int top, int width, int height, int step);

    int width() const { return width_; }
    int height() const { return height_; }
    const int16_t* row(int y) const { return values_.data() + static_cast<size_t>(y) * width_; }

    // Bilinear; pixel centres are at (x + 0.5, y + 0.5). Any coordinate is answered.
    float at(float x, float y) const;

    // at() for (x + i dx, y + i dy), i = 0..count-1, added to `out` times `share`; `out` has room
    // for whole groups of kLineLanes.
    void add_line(float x, float y, float dx, float dy, int count, float share, float* out) const;

private:
    float between(const int16_t* at, float fx, float fy) const;

    std::vector<int16_t> values_;
    std::vector<uint32_t> sums_;
    int width_ = 0, height_ = 0;
};

// Where in its pixel the centre of a circle lies, in steps of a pixel's kPhases-th; and by how much
// it is off the middle of that step.
inline constexpr int kPhases = 8;
struct Spot {
    int phase;  // down * kPhases + across
    float off_x, off_y;
};

// A circle whose weights are the areas that it shares with each pixel. `diameter` is in pixels,
// 1 to 64. A pixel is itself a square aperture, twice: it was taken as a mean over its square, and
// it is shared out by area. The circle is made so much smaller that all three together have the
// second moment of the circle that was asked for.
class Aperture {
public:
    void set_diameter(double diameter);

    // Mean reflectance, 0..kWhite, of the circle round (x, y).
    float mean(const Plane& plane, float x, float y, Spot& spot) const;

    // Means of the circles round the centres of pixels first..last of row y.
    void row_means(const Plane& plane, int y, int first, int last, int16_t* out) const;

    // What the pixels under the circle show, on the mean, of the half plane beyond a line: so far
    // from the centre of a circle in that phase, with that normal of length 1. And so much nearer
    // or farther.
    Beyond beyond(int phase, Point normal, double distance, double step) const;

    double radius() const { return radius_; }

private:
    static constexpr int lane = 8;  // weights of a row are filled up to whole lanes with zeros
    void fill(double x, double y, int16_t* weights) const;

    double diameter_ = 0, radius_ = 0;
    int reach_ = 0, side_ = 0, stride_ = 0;  // pixels from the centre's; 2 * reach + 1; in lanes
    int rows_ = 0;                           // side_ and one of zeros, to take two at a time
    size_t block_ = 0;                       // rows_ * stride_
    std::vector<int16_t> weights_;           // of each phase, adding up to kWhite
    std::vector<Tap> taps_;                  // for a centre on a pixel's centre
};

}  // namespace imi
