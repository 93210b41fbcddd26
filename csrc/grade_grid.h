// Where the modules of a symbol really lie: its lines and clock tracks, found to a fraction of a
// pixel, and the grid that the reference decode algorithm draws through them (ISO/IEC 16022:2006
// clause 9).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "grade_aperture.h"
#include "image.h"
#include "symbol_sizes.h"

namespace imi {

// Maps (0, 0)-(columns, rows) to the corners: of the L, far end of the upright leg, corner
// opposite, far end of the lower leg. All zeros for corners that no symbol has.
Homography map_of(const SymbolSize& size, const std::array<Point, 4>& corners);

struct Grid {
    std::vector<Point> centres;  // of the modules, rows * columns, in pixels of the plane

    // The evenly spaced grid nearest to the centres (least squares): module (row, column) at
    // origin + row * down + column * across.
    Point origin{}, across{}, down{};
    double farthest = 0;  // of a centre from its place there, in modules

    // By how much a dark module is wider than a light one, halved: in modules, above 0 ink spreads.
    double growth_across = 0, growth_down = 0;
    // Share of the edges of the clock tracks and boundaries that were found.
    double edges_found = 0;

    // On the even grid; whole numbers are module centres.
    Point even(double row, double column) const {
        return {origin.x + row * down.x + column * across.x,
                origin.y + row * down.y + column * across.y};
    }
    // As found; outside the symbol from the nearest centre on by even steps.
    Point at(const SymbolSize& size, int row, int column) const {
        const int r = std::clamp(row, 0, size.rows - 1);
        const int c = std::clamp(column, 0, size.columns - 1);
        const Point centre = centres[static_cast<size_t>(r) * size.columns + c];
        return {centre.x + (row - r) * down.x + (column - c) * across.x,
                centre.y + (row - r) * down.y + (column - c) * across.y};
    }
    double pitch_across() const { return std::hypot(across.x, across.y); }
    double pitch_down() const { return std::hypot(down.x, down.y); }
};

// Holds scratch memory; not for two threads at a time.
class GridFinder {
public:
    // `to_plane` may be wrong by half a module.
    void find(const Plane& plane, const SymbolSize& size, Homography to_plane, Grid& grid);

private:
    struct Edge {
        float deviation = 0;
        bool found = false;
    };
    // A straight piece of boundary: deviation = offset + slope * (along - middle).
    struct Line {
        float offset = 0, slope = 0, middle = 0;
        bool found = false;
        float at(float along) const { return offset + slope * (along - middle); }
    };

    // A profile is the mean of two lines, a third of a module apart and each a quarter step off, in
    // opposite directions: twice as many places in all, which tell an edge twice as true.
    struct Lane {
        double aside;  // modules
        float ahead;   // steps
        float share;
    };
    static constexpr std::array<Lane, 2> lanes = {{{-0.15, -0.25f, 0.5f}, {0.15, 0.25f, 0.5f}}};
    static constexpr std::array<Lane, 1> middle_lane = {{{0, 0, 1}}};  // enough to set out from
    void add_profile(Point a, Point b, int steps, const Lane& lane, int count, float* out) const;

    // Upright (x) boundaries deviate across; level ones down.
    Line boundary(bool upright, int index, int first, int last, int step, float near,
                  const std::vector<Edge>* beside);
    void outer_corners(std::array<Point, 4>& corners);
    void track(bool level, int index, const Line* lines);
    float growth_of(bool level) const;
    void straighten(bool level, float growth);
    static float nearest(const std::vector<Edge>& edges, int k);
    void draw(Grid& grid) const;
    static void even_out(const SymbolSize& size, Grid& grid);

    const Plane* plane_ = nullptr;
    const SymbolSize* size_ = nullptr;
    Homography to_plane_{};
    float least_contrast_ = 0;
    std::vector<Line> upright_, level_;             // [boundary][region along it]
    std::vector<std::vector<Edge>> across_, down_;  // [track][boundary between modules]
    std::vector<std::vector<float>> column_, row_;  // [track][module]: deviation of its centre
    std::vector<float> strip_;
    int edges_ = 0, edges_found_ = 0;
};

}  // namespace imi
