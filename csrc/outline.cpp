#include "outline.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "module_map.h"
#include "scan.h"

namespace imi {
namespace {

constexpr int rays = 24;            // cast inwards from each side
constexpr int least_box = 20;       // pixels a side: ten modules of two
constexpr int least_contrast = 24;  // grey levels between paper and ink
constexpr float near_px = 0.6f;     // of a point that lies on its side
constexpr double steepest = 0.35;   // slope of a side against the frame, about 19 degrees

enum Side { left, top, right, bottom };

// A side as depth = offset + slope * along: x over y for left and right, y over x for the others.
struct Line {
    double offset, slope;
};

struct Tone {
    int paper, ink, middle;
    uint8_t flip;  // xor that makes paper light
};

// Levels of paper and print, and which of them is the lighter.
std::optional<Tone> find_tone(const GreyView& frame, const Box& box) {
    constexpr int grid = 16;
    std::array<uint16_t, 64> histogram{};
    for (int i = 0; i < grid; ++i) {
        const uint8_t* row = frame.row(box.top + (2 * i + 1) * (box.bottom - box.top) / (2 * grid));
        for (int k = 0; k < grid; ++k)
            ++histogram[row[box.left + (2 * k + 1) * (box.right - box.left) / (2 * grid)] / 4];
    }
    constexpr int tenth = grid * grid / 10;
    int low = 0, high = 63;
    for (int seen = histogram[0]; seen < tenth; seen += histogram[low]) ++low;
    for (int seen = histogram[63]; seen < tenth; seen += histogram[high]) --high;
    low = 4 * low + 2, high = 4 * high + 2;
    if (high - low < least_contrast) return std::nullopt;
    int light = 0;  // of the box's rim
    for (int k = 0; k < grid; ++k) {
        const int x = box.left + (2 * k + 1) * (box.right - box.left) / (2 * grid);
        const int y = box.top + (2 * k + 1) * (box.bottom - box.top) / (2 * grid);
        for (const int grey : {frame.row(box.top)[x], frame.row(box.bottom - 1)[x],
                               frame.row(y)[box.left], frame.row(y)[box.right - 1]})
            light += 2 * grey > low + high ? 1 : -1;
    }
    if (light >= 0) return Tone{high, low, (low + high) / 2, 0};
    return Tone{255 - low, 255 - high, (510 - low - high) / 2, 255};
}

struct Hits {
    std::array<float, rays> along{}, depth{};
    int count = 0;
};

// Where each ray first meets print, to a fraction of a pixel.
Hits cast(const GreyView& frame, const Box& box, Side side, const Tone& tone) {
    Hits hits;
    const bool level = side == left || side == right;  // the rays run along rows
    const int begin = level ? box.top : box.left, end = level ? box.bottom : box.right;
    const int depth = (level ? box.right - box.left : box.bottom - box.top) / 2;
    const std::ptrdiff_t step = (level ? 1 : frame.stride) * (side == left || side == top ? 1 : -1);
    const int from = side == left    ? box.left
                     : side == right ? box.right - 1
                     : side == top   ? box.top
                                     : box.bottom - 1;
    const int sign = side == left || side == top ? 1 : -1;
    for (int i = 0; i < rays; ++i) {
        // The corners are left out: there a turned symbol shows its other side.
        // Each anywhere in its share of the side, by the golden section, lest they keep step with a
        // clock track.
        const int share = (i * 1024 + i * 633 % 1024) * 9 / 10;
        const int along =
            begin + static_cast<int>((end - begin) * int64_t{share + 1229} / (1024 * rays));
        const uint8_t* at = level ? frame.row(along) + from : frame.row(from) + along;
        int before = 0;
        for (int k = 0; k < depth; ++k, at += step) {
            const int grey = *at ^ tone.flip;
            if (before > tone.middle && grey <= tone.middle) {
                const float share =
                    static_cast<float>(before - tone.middle) / static_cast<float>(before - grey);
                const float inwards = static_cast<float>(k) - 1 + share;
                hits.along[hits.count] = static_cast<float>(along) + 0.5f;
                hits.depth[hits.count++] =
                    static_cast<float>(from) + 0.5f + static_cast<float>(sign) * inwards;
                break;
            }
            before = grey;
        }
    }
    return hits;
}

// The outermost line that nearly as many hits lie on as on any; nothing when fewer than a third
// agree.
std::optional<Line> fit_side(const Hits& hits, Side side) {
    if (hits.count < rays * 2 / 3) return std::nullopt;
    const float outwards = side == left || side == top ? -1.0f : 1.0f;
    std::array<float, rays> along = hits.along, depth = hits.depth;
    for (int j = hits.count; j < rays; ++j) depth[j] = 1e9f;  // on no line
    struct Choice {
        int on;
        float far, offset, slope;
    };
    std::array<Choice, rays * rays / 9> choices;
    int count = 0, most = 0;
    const int third = hits.count / 3;
    const float middle = (along[0] + along[hits.count - 1]) / 2;
    for (int i = 0; i < third; ++i) {
        for (int k = hits.count - third + i % 2; k < hits.count; k += 2) {
            const float slope = (depth[k] - depth[i]) / (along[k] - along[i]);
            if (std::abs(slope) > steepest) continue;
            const float offset = depth[i] - slope * along[i];
            std::array<int32_t, 4> on4{};
            for (int j = 0; j < rays; j += 4)
                for (int lane = 0; lane < 4; ++lane)
                    on4[lane] +=
                        std::abs(depth[j + lane] - offset - slope * along[j + lane]) < near_px ? 1
                                                                                               : 0;
            const int on = on4[0] + on4[1] + on4[2] + on4[3];
            choices[count++] = {on, outwards * (offset + slope * middle), offset, slope};
            most = std::max(most, on);
        }
    }
    if (most < rays / 3) return std::nullopt;
    // Half of a clock track's rays pass between its modules, and many of them end on the next row.
    const Choice* best = nullptr;
    for (int i = 0; i < count; ++i)
        if (3 * choices[i].on >= 2 * most && (best == nullptr || choices[i].far > best->far))
            best = &choices[i];
    Line line{best->offset, best->slope};
    // Rays that meet a module near its corner fall short: the second round leaves them out.
    for (const double inwards : {double{near_px}, near_px / 2.0}) {
        double n = 0, x = 0, y = 0, xx = 0, xy = 0;
        for (int j = 0; j < hits.count; ++j) {
            const double out = outwards * (depth[j] - line.offset - line.slope * along[j]);
            if (!(out > -inwards && out < near_px)) continue;
            n += 1, x += along[j], y += depth[j];
            xx += along[j] * along[j], xy += along[j] * depth[j];
        }
        const double spread = n * xx - x * x;
        if (n < 4 || !(spread > 0)) return std::nullopt;
        line.slope = (n * xy - x * y) / spread;
        line.offset = (y - line.slope * x) / n;
    }
    return line;
}

Point meet(const Line& upright, const Line& level) {  // x over y, y over x
    const double x =
        (upright.offset + upright.slope * level.offset) / (1 - upright.slope * level.slope);
    return {x, level.offset + level.slope * x};
}

// Of the rays that fall on the side between its corners, the share that meets print on it.
double solidity(const Hits& hits, const Line& line, double from, double to) {
    int on = 0, all = 0;
    for (int j = 0; j < hits.count; ++j) {
        if (hits.along[j] < from + 1 || hits.along[j] > to - 1) continue;
        ++all;
        on += std::abs(hits.depth[j] - line.offset - line.slope * hits.along[j]) < 1 ? 1 : 0;
    }
    return all == 0 ? 0 : static_cast<double>(on) / all;
}

// Modules of the clock track from `a` (dark) to `b` (light), `inset` pixels inside the symbol,
// whose inner neighbours are `inner_a` and `inner_b`.
int count_modules(const GreyView& frame, const Tone& tone, Point a, Point b, Point inner_a,
                  Point inner_b, double inset) {
    const auto inwards = [inset](Point from, Point to) {
        const double share = inset / std::hypot(to.x - from.x, to.y - from.y);
        return Point{from.x + share * (to.x - from.x), from.y + share * (to.y - from.y)};
    };
    a = inwards(a, inner_a), b = inwards(b, inner_b);
    const double length = std::hypot(b.x - a.x, b.y - a.y);
    std::array<float, 512> seen;
    const double step = length > 432 ? length / 432 : 1;  // three samples a module are enough
    const int samples = static_cast<int>((length - 1 + 1e-6) / step);
    if (samples < 12 || samples > static_cast<int>(seen.size())) return 0;
    const double dx = (b.x - a.x) / length, dy = (b.y - a.y) / length;
    scan_line(frame, a.x + dx, a.y + dy, dx * step, dy * step, samples, seen.data());
    const float swing = 0.1f * static_cast<float>(tone.paper - tone.ink);
    const auto middle = static_cast<float>(tone.middle);
    bool dark = true;
    int modules = 1;
    for (int i = 0; i < samples; ++i) {
        const float grey = tone.flip != 0 ? 255 - seen[i] : seen[i];
        if (dark ? grey > middle + swing : grey < middle - swing) dark = !dark, ++modules;
    }
    return modules;
}

// A clock track's outer edge, measured anew at the middle of each of its dark modules: along
// `from` + k * `along` (upright modules), `out` being one module outwards. Returns the points where
// that edge crosses the symbol's ends, or nothing when too little of it is plain.
std::optional<std::array<Point, 2>> measure_track(const GreyView& frame, const Tone& tone,
                                                  const Homography& to_image, Point from,
                                                  Point along, Point out, int modules) {
    constexpr int steps = 12;  // from half a module inside to as much outside
    std::array<Point, 72> at;
    int count = 0;
    for (int k = 0; k < modules; k += modules < 32 ? 2 : 4) {
        const double x = from.x + (k + 0.5) * along.x, y = from.y + (k + 0.5) * along.y;
        const Point inner = to_image(x - 0.5 * out.x, y - 0.5 * out.y);
        const Point outer = to_image(x + 0.6 * out.x, y + 0.6 * out.y);
        std::array<float, steps + 1> line;
        scan_line(frame, inner.x, inner.y, (outer.x - inner.x) / steps, (outer.y - inner.y) / steps,
                  steps + 1, line.data());
        const auto middle = static_cast<float>(tone.flip != 0 ? 255 - tone.middle : tone.middle);
        const float sign = tone.flip != 0 ? -1.0f : 1.0f;
        for (int i = 0; i < steps; ++i) {
            const float a = sign * (line[i] - middle), b = sign * (line[i + 1] - middle);
            if (!(a <= 0 && b > 0)) continue;
            const double share = (i + a / (a - b)) / steps;
            at[count++] = {inner.x + share * (outer.x - inner.x),
                           inner.y + share * (outer.y - inner.y)};
            break;
        }
    }
    if (count < modules / 8 || count < 4) return std::nullopt;
    // The line p + t * d of least squares, d along the track.
    const Point begin = to_image(from.x, from.y);
    const Point end = to_image(from.x + modules * along.x, from.y + modules * along.y);
    const double length = std::hypot(end.x - begin.x, end.y - begin.y);
    const Point d{(end.x - begin.x) / length, (end.y - begin.y) / length};
    double slope = 0, offset = 0;
    for (int round = 0; round < 2; ++round) {
        double n = 0, t1 = 0, h1 = 0, t2 = 0, th = 0;
        for (int i = 0; i < count; ++i) {
            const double x = at[i].x - begin.x, y = at[i].y - begin.y;
            const double t = x * d.x + y * d.y, h = y * d.x - x * d.y;
            if (round > 0 && std::abs(h - offset - slope * t) > near_px) continue;
            n += 1, t1 += t, h1 += h, t2 += t * t, th += t * h;
        }
        const double spread = n * t2 - t1 * t1;
        if (n < 4 || !(spread > 0)) return std::nullopt;
        slope = (n * th - t1 * h1) / spread;
        offset = (h1 - slope * t1) / n;
    }
    const double far = offset + slope * length;
    return std::array{Point{begin.x - offset * d.y, begin.y + offset * d.x},
                      Point{end.x - far * d.y, end.y + far * d.x}};
}

// Where the line through a, b meets the line through c, d.
Point cross(Point a, Point b, Point c, Point d) {
    const double ux = b.x - a.x, uy = b.y - a.y, vx = d.x - c.x, vy = d.y - c.y;
    const double t = ((c.x - a.x) * vy - (c.y - a.y) * vx) / (ux * vy - uy * vx);
    return {a.x + t * ux, a.y + t * uy};
}

}  // namespace

std::optional<Outline> fit_outline(const GreyView& frame, const Box& box,
                                   std::span<const SymbolSize* const> sizes) {
    if (box.right - box.left < least_box || box.bottom - box.top < least_box) return std::nullopt;
    const auto tone = find_tone(frame, box);
    if (!tone) return std::nullopt;
    std::array<Hits, 4> hits;
    std::array<Line, 4> lines;
    for (const Side side : {left, top, right, bottom}) {
        hits[side] = cast(frame, box, side, *tone);
        const auto line = fit_side(hits[side], side);
        if (!line) return std::nullopt;
        lines[side] = *line;
    }
    // Clockwise, each with the side that leads on to the next.
    const std::array<Point, 4> corners{
        meet(lines[left], lines[bottom]), meet(lines[left], lines[top]),
        meet(lines[right], lines[top]), meet(lines[right], lines[bottom])};
    const std::array<double, 4> solid{
        solidity(hits[left], lines[left], corners[1].y, corners[0].y),
        solidity(hits[top], lines[top], corners[1].x, corners[2].x),
        solidity(hits[right], lines[right], corners[2].y, corners[3].y),
        solidity(hits[bottom], lines[bottom], corners[0].x, corners[3].x)};
    int corner = 0;  // of the L: between the side before it and the side after it
    for (int i = 1; i < 4; ++i)
        if (solid[i] + solid[(i + 3) % 4] > solid[corner] + solid[(corner + 3) % 4]) corner = i;
    if (solid[corner] + solid[(corner + 3) % 4] < 1.6) return std::nullopt;

    const Point p0 = corners[corner], p1 = corners[(corner + 1) % 4];
    const Point p2 = corners[(corner + 2) % 4], p3 = corners[(corner + 3) % 4];
    // Half a module inside is right; before the module is known, a pixel and a half is near enough
    // for modules of three pixels.
    const double width = std::hypot(p2.x - p1.x, p2.y - p1.y);
    const double height = std::hypot(p2.x - p3.x, p2.y - p3.y);
    double inset_columns = 1.5, inset_rows = 1.5;
    Outline outline{nullptr, {}, false, tone->flip != 0};
    for (int round = 0; round < 2; ++round) {
        const int columns = count_modules(frame, *tone, p1, p2, p0, p3, inset_columns);
        const int rows = count_modules(frame, *tone, p3, p2, p0, p1, inset_rows);
        if (std::min(rows, columns) < 8 || std::max(rows, columns) > 144) return std::nullopt;
        outline.size = find_size(rows, columns);
        outline.mirrored = outline.size == nullptr;
        if (outline.mirrored) outline.size = find_size(columns, rows);
        inset_columns = 0.5 * width / columns, inset_rows = 0.5 * height / rows;
        if (outline.size != nullptr && std::min(inset_columns, inset_rows) >= 1.5) break;
    }
    std::array<Point, 4> upright{p1, p2, p3, p0};  // of module (0, 0), then clockwise
    if (outline.mirrored) upright = {p3, p2, p1, p0};
    if (outline.size == nullptr ||
        std::find(sizes.begin(), sizes.end(), outline.size) == sizes.end())
        return std::nullopt;
    outline.to_image = modules_to(upright, *outline.size);
    const double wide = outline.size->columns, high = outline.size->rows;
    const auto upper = measure_track(frame, *tone, outline.to_image, {0, 0}, {1, 0}, {0, -1},
                                     outline.size->columns);
    const auto farther = measure_track(frame, *tone, outline.to_image, {wide, high}, {0, -1},
                                       {1, 0}, outline.size->rows);
    if (upper && farther) {
        const auto [a, b] = *upper;
        const auto [c, d] = *farther;
        const std::array<Point, 4> measured{cross(a, b, upright[3], upright[0]), cross(a, b, c, d),
                                            cross(c, d, upright[3], upright[2]), upright[3]};
        outline.to_image = modules_to(measured, *outline.size);
    }
    for (const double value : outline.to_image.m)
        if (!std::isfinite(value)) return std::nullopt;
    return outline;
}

}  // namespace imi
