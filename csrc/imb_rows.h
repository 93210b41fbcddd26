// From a frame to lines of evenly spaced bars: seeds in the texture, followed both ways.
#pragma once

#include <array>
#include <vector>

#include "image.h"
#include "imb_texture.h"

namespace imi {

// The middle of the tracker band of a row of bars: a cubic over a straight axis. Pixels, the top
// left one covers (0, 0) to (1, 1).
struct BarLine {
    Point origin;         // where the axis has 0
    Point along, across;  // unit vectors: of the row, and of a bar (need not be square to it)
    std::array<double, 4> bend;  // distance along `across` = sum of bend[i] * (t / scale)^i
    double scale;                // half of the length
    double from, to;             // on the axis, the first and last place looked at
    double pitch;                // bar to bar

    Point at(double t, double off) const {
        const double x = t / scale;
        const double d = off + bend[0] + x * (bend[1] + x * (bend[2] + x * bend[3]));
        return {origin.x + t * along.x + d * across.x, origin.y + t * along.y + d * across.y};
    }
};

inline constexpr double min_bar_pitch = 3.6, max_bar_pitch = 15.0;  // px, of one level

class LineFinder {
public:
    // Lines that may be rows of 65 bars, at most `limit`. Work is bounded: so many seeds, so many
    // windows measured.
    void find(const GreyView& frame, size_t limit, std::vector<BarLine>& lines);

private:
    struct Seed {
        Point centre;
        double angle, pitch;
    };
    struct Node {
        Point centre;
        double strength;
    };
    bool is_seed(const GreyView& frame, Point centre, double angle, Seed& seed);
    bool follow(const GreyView& frame, const Seed& seed, BarLine& line);
    void walk(const GreyView& frame, const Seed& seed, int way);
    bool fit(const Seed& seed, BarLine& line);
    void mark_nodes(double pitch);

    Texture texture_;
    std::vector<uint8_t> seen_;  // blocks that a line has run through
    std::vector<Node> nodes_[2];
    double lean_re_ = 0, lean_im_ = 0;  // of the bars against `across` of the seed
    double pitch_sum_ = 0;
    int pitch_count_ = 0;
    int windows_ = 0;  // measured in this frame
};

}  // namespace imi
