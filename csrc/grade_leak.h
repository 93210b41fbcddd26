// What a module's neighbours add to it because pixels are not points.
#pragma once

#include <array>
#include <vector>

#include "grade_aperture.h"
#include "grade_grid.h"

namespace imi {

// The aperture is laid over whole pixels, and a pixel on the border of two modules is a mean of
// both. So a little of each neighbour is seen that the round aperture would not see, or is missed
// that it would; how much depends on where the centre lies among the pixels. The border is
// straight, and how far it is from the centre follows from the grid and the print growth: what both
// see beyond it can be computed, and the difference taken off.
class PixelLeak {
public:
    // `samples` of each module and the quiet zone, taken through `aperture` at `spots`; `diameter`
    // in pixels of the plane.
    void take_off(const Aperture& aperture, double diameter, const Grid& grid,
                  const SymbolSize& size, const std::vector<Spot>& spots,
                  std::vector<float>& samples);

private:
    static constexpr int left = 0, right = 1, up = 2, down = 3;
    using Sides = std::array<float, 4>;

    void fill(const Aperture& aperture, double diameter, const Grid& grid);

    // By whether the neighbour is darker, and by phase: what the pixels' aperture sees beyond the
    // border less what the round one does; and how much less it sees of a border a pixel farther
    // off, going by a small step inward and by one outward.
    struct Excess {
        Sides share, fall_in, fall_out;
    };
    std::array<std::array<Excess, kPhases * kPhases>, 2> excess_;
    std::array<Point, 4> normals_;   // outward
    std::vector<Sides> parts_;       // of each module
    std::vector<float> now_, next_;  // with a row more on either side
};

}  // namespace imi
