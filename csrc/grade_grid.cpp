#include "grade_grid.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "grade_lanes.h"
#include "module_map.h"

namespace imi {
namespace {

constexpr int density = 8;       // grey values to a module along a profile
constexpr int half_profile = 9;  // from a boundary, in grey values: a little more than a module
constexpr int profile = 2 * half_profile + 1;
// Whole groups of lanes are written, and read from anywhere.
constexpr int profile_lanes = (profile + kLineLanes - 1) / kLineLanes * kLineLanes;
constexpr int profile_room = profile_lanes + kSpanRoom;
static_assert(2 * density + 2 <= kSpanRoom);
static_assert(density % kLineLanes == 0);

// `grey` has room for kSpanRoom values from any of them on.
// The edge of `grey` nearest to `expected`, light to dark when `falling`, or nothing within
// `reach`. Its place is where a sharp edge would have to be for the same area under the profile
// between the two plateaus: neither blur nor the pixels' own width moves it.
bool find_edge(const float* grey, int count, float expected, bool falling, float reach,
               float least_contrast, float& place) {
    const int first = std::max(0, static_cast<int>(expected) - density);
    const int last = std::min(count - 1, static_cast<int>(expected) + density + 1);
    if (last - first < density) return false;
    const float sign = falling ? 1.0f : -1.0f;
    const Span span = look(grey + first, last - first + 1, sign);
    if (span.high - span.low < least_contrast) return false;
    const float middle = (span.high + span.low) / 2;
    float nearest = reach;
    int before = -1;
    const uint32_t pairs = (1u << (last - first)) - 1;
    for (uint32_t left = span.beyond & ~(span.beyond >> 1) & pairs; left != 0; left &= left - 1) {
        const int i = first + std::countr_zero(left);
        const float here = grey[i] - middle, next = grey[i + 1] - middle;
        const float away = std::abs(static_cast<float>(i) + here / (here - next) - expected);
        if (away > nearest) continue;
        nearest = away, before = i;
    }
    if (before < 0) return false;
    int top = before, bottom = before + 1;
    for (int i = std::max(first, before - density / 2); i < before; ++i)
        if (sign * grey[i] > sign * grey[top]) top = i;
    for (int i = before + 2; i <= std::min(last, before + 1 + density / 2); ++i)
        if (sign * grey[i] < sign * grey[bottom]) bottom = i;
    const float drop = grey[top] - grey[bottom];
    if (sign * drop < least_contrast) return false;
    float area = 0;
    for (int i = top; i < bottom; ++i) area += grey[i] - grey[bottom];
    // Trapezoids: the ends, 1 and 0, count half.
    place = static_cast<float>(top) + area / drop - 0.5f;
    return true;
}

}  // namespace

Homography map_of(const SymbolSize& size, const std::array<Point, 4>& corners) {
    const Homography map = modules_to({corners[1], corners[2], corners[3], corners[0]}, size);
    for (const double value : map.m)
        if (!std::isfinite(value)) return Homography{};
    return map;
}

// Adds the greys from `a` on, `steps` of them to `b`.
void GridFinder::add_profile(Point a, Point b, int steps, const Lane& lane, int count,
                             float* out) const {
    const auto sx = static_cast<float>((b.x - a.x) / steps);
    const auto sy = static_cast<float>((b.y - a.y) / steps);
    plane_->add_line(static_cast<float>(a.x) + lane.ahead * sx,
                     static_cast<float>(a.y) + lane.ahead * sy, sx, sy, count, lane.share, out);
}

// `upright` boundaries stand between columns; `index` counts boundaries of data regions from 0 at
// the left or top. Looks at modules first..last-1 along it, or at one in `step` of them, where the
// boundary is expected to deviate by `near` and the modules by the deviations of `beside`, a clock
// track that runs the same way; without one it is a first look.
GridFinder::Line GridFinder::boundary(bool upright, int index, int first, int last, int step,
                                      float near, const std::vector<Edge>* beside) {
    const int pitch = upright ? size_->region_columns() + 2 : size_->region_rows() + 2;
    const int along_pitch = upright ? size_->region_rows() + 2 : size_->region_columns() + 2;
    const int regions = upright ? size_->regions_across : size_->regions_down;
    // The L borders the upright boundaries on their right and the level ones on their upper side,
    // clock tracks lie on the other. Where both sides are dark no edge is to be found.
    const bool solid_outside = upright ? index == 0 : index == regions;
    const bool clock_outside = upright ? index == regions : index == 0;
    const bool falling = upright ? index < regions : index == 0;
    float deviations[144], places[144];
    float grey[profile_room] = {};
    Line line;
    line.middle = 0.5f * static_cast<float>(first + last);
    int found = 0, sought = 0, passed = 0;
    for (int k = first; k < last; ++k) {
        const bool clock_dark = upright ? k % along_pitch % 2 == 1 : k % along_pitch % 2 == 0;
        if (!solid_outside && clock_dark != clock_outside) continue;
        if (passed++ % step != 0) continue;
        ++sought;
        float along = static_cast<float>(k) + 0.5f;
        if (beside != nullptr) {
            const Edge &before = (*beside)[k], &after = (*beside)[k + 1];
            if (before.found && after.found) along += 0.5f * (before.deviation + after.deviation);
        }
        const double from = index * pitch + near - 1.0 * half_profile / density;
        const double to = index * pitch + near + 1.0 * half_profile / density;
        std::fill_n(grey, profile_lanes, 0.0f);
        for (const Lane& lane : beside == nullptr ? std::span<const Lane>(middle_lane) : lanes) {
            const double v = along + lane.aside;
            const Point a = upright ? to_plane_(from, v) : to_plane_(v, from);
            const Point b = upright ? to_plane_(to, v) : to_plane_(v, to);
            add_profile(a, b, profile - 1, lane, profile, grey);
        }
        float place;
        if (!find_edge(grey, profile, half_profile, falling, 0.6f * density, least_contrast_,
                       place))
            continue;
        deviations[found] = near + (place - half_profile) / density;
        places[found++] = along - line.middle;
    }
    edges_ += sought, edges_found_ += found;
    line.offset = near;
    // An erased side leaves the edges of what stands behind it, or those of the patch that hides
    // it. The line is what most edges agree on, the less the farther it strays from where it is
    // expected. A line needs a third of them, or five.
    const int least = std::clamp(sought / 3, 3, 5);
    const float half = 0.5f * static_cast<float>(last - first);
    float best = 0;
    const auto weigh = [&](int i, float slope) {
        const float offset = deviations[i] - slope * places[i];
        int agree = 0;
        for (int k = 0; k < found; ++k)
            agree += std::abs(deviations[k] - offset - slope * places[k]) < 0.12f;
        const float stray = (std::abs(offset - near) + std::abs(slope) * half) / 0.35f;
        const float score = static_cast<float>(agree) / (1 + stray * stray);
        if (agree < least || score <= best) return;
        best = score;
        line.slope = slope, line.offset = offset;
    };
    // Sixteen edges to start from: some of them are the side's where a third of all are.
    for (int i = 0; i < found; i += std::max(1, found / 16)) {
        weigh(i, 0);
        for (const int j : {i + found / 4, i + found / 2})
            if (j > i && j < found)
                weigh(i, (deviations[j] - deviations[i]) / (places[j] - places[i]));
    }
    if (best == 0) return line;
    for (int round = 0; round < 2; ++round) {
        double n = 0, s = 0, ss = 0, d = 0, sd = 0;
        for (int i = 0; i < found; ++i) {
            const float expected = line.offset + line.slope * places[i];
            if (std::abs(deviations[i] - expected) > 0.15f) continue;
            n += 1, s += places[i], ss += places[i] * places[i];
            d += deviations[i], sd += places[i] * deviations[i];
        }
        const double spread = n * ss - s * s;
        if (n < 3 || spread <= 0) break;
        const double slope = (n * sd - s * d) / spread;
        line.slope = static_cast<float>(slope);
        line.offset = static_cast<float>((d - slope * s) / n);
        line.found = true;
    }
    return line;
}

void GridFinder::outer_corners(std::array<Point, 4>& corners) {
    const int rows = size_->rows, columns = size_->columns;
    // Enough to set out from: twelve or more edges a side, sixteen on a clock track.
    const int by_rows = std::max(1, rows / 12), by_columns = std::max(1, columns / 12);
    const Line left = boundary(true, 0, 0, rows, by_rows, 0, nullptr);
    const Line right =
        boundary(true, size_->regions_across, 0, rows, (by_rows + 1) / 2, 0, nullptr);
    const Line top = boundary(false, 0, 0, columns, (by_columns + 1) / 2, 0, nullptr);
    const Line bottom = boundary(false, size_->regions_down, 0, columns, by_columns, 0, nullptr);
    const auto crossing = [&](const Line& upright, int u, const Line& level, int v) {
        // One step of iteration more than deviations of a module need.
        double x = u, y = v;
        for (int i = 0; i < 3; ++i) {
            x = u + upright.at(static_cast<float>(y));
            y = v + level.at(static_cast<float>(x));
        }
        return to_plane_(x, y);
    };
    corners = {crossing(left, 0, bottom, rows), crossing(left, 0, top, 0),
               crossing(right, columns, top, 0), crossing(right, columns, bottom, rows)};
}

// Finds the edges of a clock track: `level` tracks are the top rows of the regions, the others
// their right columns. `lines` are the pieces of the boundary that it lies along.
void GridFinder::track(bool level, int index, const Line* lines) {
    const int pitch = level ? size_->region_columns() + 2 : size_->region_rows() + 2;
    const int count = level ? size_->columns : size_->rows;
    const int across_pitch = level ? size_->region_rows() + 2 : size_->region_columns() + 2;
    const double across = level ? index * across_pitch + 0.5 : (index + 1) * across_pitch - 0.5;
    const int pieces = count / pitch;
    // Two lines, a third of a module apart, from a module before the track to a module after it.
    const int length = (count + 2) * density;
    strip_.assign(static_cast<size_t>(length + kSpanRoom), 0.0f);
    for (const Lane& lane : lanes) {
        for (int k = -1; k <= count; ++k) {
            const Line& line = lines[std::clamp(k / pitch, 0, pieces - 1)];
            const double v = across + lane.aside + line.at(static_cast<float>(k) + 0.5f);
            const Point a = level ? to_plane_(k, v) : to_plane_(v, k);
            const Point b = level ? to_plane_(k + 1, v) : to_plane_(v, k + 1);
            add_profile(a, b, density, lane, density,
                        strip_.data() + static_cast<size_t>(k + 1) * density);
        }
    }
    std::vector<Edge>& edges = (level ? across_ : down_)[index];
    edges.assign(static_cast<size_t>(count) + 1, {});
    float drift = 0;  // of the last edges: the grid may wander by more than a module
    for (int k = level ? 0 : 1; k <= (level ? count - 1 : count); ++k) {
        const float expected = (static_cast<float>(k) + 1 + drift) * density;
        float place;
        ++edges_;
        if (!find_edge(strip_.data(), length, expected, (k % 2 == 0) == level, 0.6f * density,
                       least_contrast_, place))
            continue;
        ++edges_found_;
        edges[k] = {place / density - 1 - static_cast<float>(k), true};
        drift += 0.5f * (edges[k].deviation - drift);
    }
}

// The deviation of the edge that was found nearest to boundary k.
float GridFinder::nearest(const std::vector<Edge>& edges, int k) {
    const int count = static_cast<int>(edges.size());
    for (int away = 0; away < count; ++away) {
        for (const int at : {k - away, k + away})
            if (at >= 0 && at < count && edges[at].found) return edges[at].deviation;
    }
    return 0;
}

void GridFinder::find(const Plane& plane, const SymbolSize& size, Homography to_plane, Grid& grid) {
    plane_ = &plane, size_ = &size, to_plane_ = to_plane;
    // Sixteen places on each of sixteen lines from side to side.
    float low = kWhite, high = 0;
    for (int i = 0; i < 16; ++i) {
        const double across = size.columns / 32.0, row = (i + 0.5) / 16 * size.rows;
        const Point a = to_plane_(across, row), b = to_plane_(size.columns - across, row);
        float grey[kSpanRoom] = {};
        plane.add_line(static_cast<float>(a.x), static_cast<float>(a.y),
                       static_cast<float>((b.x - a.x) / 15), static_cast<float>((b.y - a.y) / 15),
                       16, 1, grey);
        const Span span = look(grey, 16, 1);
        low = std::min(low, span.low), high = std::max(high, span.high);
    }
    least_contrast_ = std::max(0.2f * (high - low), 0.01f * kWhite);

    std::array<Point, 4> corners;
    outer_corners(corners);
    const Homography better = map_of(size, corners);
    if (better.m[8] != 0) to_plane_ = better;

    edges_ = edges_found_ = 0;
    const int height = size.region_rows() + 2, width = size.region_columns() + 2;
    const int across = size.regions_across, down = size.regions_down;
    upright_.assign(static_cast<size_t>(across + 1) * down, {});
    level_.assign(static_cast<size_t>(down + 1) * across, {});
    across_.resize(static_cast<size_t>(down));
    down_.resize(static_cast<size_t>(across));
    const auto find_boundary = [&](bool upright, int b, float near,
                                   const std::vector<Edge>* beside) {
        for (int i = 0; i < (upright ? down : across); ++i) {
            const int length = upright ? height : width;
            (upright ? upright_[b * down + i] : level_[b * across + i]) =
                boundary(upright, b, i * length, (i + 1) * length, 1, near, beside);
        }
    };
    const auto find_track = [&](bool level, int index) {
        track(level, index, level ? &level_[index * across] : &upright_[(index + 1) * down]);
    };
    // From the outside in: the outer clock tracks tell where the inner boundaries are, which may
    // be a module and more from where even steps would put them.
    find_boundary(true, across, 0, nullptr);
    find_boundary(false, 0, 0, nullptr);
    find_track(true, 0);
    find_track(false, across - 1);
    const std::vector<Edge>&columns = across_[0], &rows = down_[across - 1];
    for (int b = 0; b <= across; ++b) {
        const bool inner = b > 0 && b < across;
        find_boundary(true, b, inner ? nearest(columns, b * width) : 0, &rows);
    }
    for (int b = 0; b <= down; ++b) {
        const bool inner = b > 0 && b < down;
        find_boundary(false, b, inner ? nearest(rows, b * height) : 0, &columns);
    }
    for (int i = 1; i < down; ++i) find_track(true, i);
    for (int j = 0; j < across - 1; ++j) find_track(false, j);
    const float growth_across = growth_of(true), growth_down = growth_of(false);
    straighten(true, growth_across);
    straighten(false, growth_down);
    grid.growth_across = growth_across, grid.growth_down = growth_down;
    grid.edges_found = edges_ > 0 ? 1.0 * edges_found_ / edges_ : 0;
    draw(grid);
    even_out(size, grid);
}

}  // namespace imi
