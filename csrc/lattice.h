// The lattice of modules inside a patch of texture: direction, pitch and phase of all its edges at
// once, so that no single border, leg or corner has to be whole.
#pragma once

#include <array>
#include <complex>
#include <optional>
#include <vector>

#include "fft.h"
#include "image.h"
#include "locate.h"

namespace imi {

// Cell (column, row) covers [column, column + 1) x [row, row + 1) of the grid. The origin is
// arbitrary; the ranges below cover the patch and a margin.
struct Lattice {
    Homography to_grid, to_image;
    int first_column, first_row, columns, rows;  // cells worth sampling
    float pitch_px;                              // mean of both directions, at the patch's centre
    // By how much ink is wider than its modules, in modules of either direction, modulo 1: -0.5 to
    // 0.5. Near either end, the grid that is half a module off explains the edges as well.
    std::array<float, 2> spread;
    int unphased;  // the direction whose phase is a guess: 0 columns, 1 rows, -1 neither
};

inline constexpr int max_lattice_cells = 200;  // a side: 144 modules and a margin on either side

class LatticeFitter {
public:
    // Overwrites `out` with at most `most` lattices, likeliest first, and one more where edges show
    // the lines of one direction only. `dense` scans every pixel instead of a few lines: slower,
    // for noise. `turned` looks half a right angle away from where most edges point: separate dots
    // have more edge there. Returns the number of grey values sampled, for a caller that bounds its
    // work.
    int64_t fit(const GreyView& frame, const Locator& locator, const Region& region, bool dense,
                bool turned, int most, std::vector<Lattice>& out);

private:
    static constexpr int max_bands = 24, max_windows = 16;

    struct Peak {
        float frequency, strength;  // cycles per sample; octaves above the spectrum round it
    };
    struct Axis {
        double x, y, along_x, along_y, across_x, across_y;  // origin and unit vectors, pixels
        double length, breadth;                             // pixels
        double step;                                        // pixels per sample
        int samples, bands;
        double frequency, slope, offset;  // grid = frequency * u + slope * v + offset, u, v in px
        double coherence;                 // 0..1: how much of its edges' energy that explains
        double spread;                    // as in Lattice
        std::vector<float> rising, falling;  // steps of grey, summed, `samples` for each band
        std::vector<Peak> peaks;
    };
    struct Tile {
        double x, y;   // of -1..1 across the patch
        double phase;  // of the grid line, in modules, modulo 1
        double weight;
        bool vertical;  // of the row direction
    };

    void lay_axes(const Locator& locator, const Region& region, double angle);
    int64_t scan(const GreyView& frame, Axis& axis, bool dense);
    void find_peaks(Axis& axis);
    struct Phasors;
    Phasors correlate(const Axis& axis, int band, int from, int to, const float* taper) const;
    bool lock(Axis& axis, double frequency, std::optional<double> slope = {});
    bool square(Lattice& lattice);
    void add_tiles(const Axis& axis, bool vertical);
    bool solve(Lattice& lattice) const;

    std::array<Axis, 2> axes_;
    Fft fft_;
    std::vector<Complex4> work_;
    std::vector<float> line_, power_, level_;
    std::vector<float> cosine_, sine_, taper_;
    std::vector<Tile> tiles_;
};

}  // namespace imi
