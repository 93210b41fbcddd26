#include "finder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "cpu.h"

namespace imi {
namespace {

constexpr std::array corners{Corner::bottom_left, Corner::top_left, Corner::top_right,
                             Corner::bottom_right};

bool at_left(Corner corner) { return corner == Corner::bottom_left || corner == Corner::top_left; }
bool at_bottom(Corner corner) {
    return corner == Corner::bottom_left || corner == Corner::bottom_right;
}
bool quarter_turned(Corner corner) {
    return corner == Corner::top_left || corner == Corner::bottom_right;
}

}  // namespace

Turn turn_of(const Placement& p) {
    const int level = at_left(p.corner) ? 1 : -1, upright = at_bottom(p.corner) ? -1 : 1;
    Turn turn{};
    turn.row = at_bottom(p.corner) ? p.row + p.rows - 1 : p.row;
    turn.column = at_left(p.corner) ? p.column : p.column + p.columns - 1;
    // From the corner one leg runs level and one upright; which is the lower leg says the turn.
    if (quarter_turned(p.corner) != p.mirrored)
        turn.along_row = upright, turn.up_column = level;
    else
        turn.along_column = level, turn.up_row = upright;
    return turn;
}

void PlacementFinder::sum(const Cells& cells) {
    rows_ = cells.rows, columns_ = cells.columns;
    const size_t wide = static_cast<size_t>(columns_) + 1;
    row_plain_.assign(rows_ * wide, 0), row_alternating_.assign(rows_ * wide, 0);
    const size_t size = static_cast<size_t>(rows_ + 1) * columns_;
    column_plain_.assign(size, 0), column_alternating_.assign(size, 0);
    flip_.resize(columns_), weight_.resize(columns_);
    for (int x = 0; x < columns_; ++x) flip_[x] = -(x & 1);
    for (int y = 0; y < rows_; ++y) {
        const size_t at = static_cast<size_t>(y) * columns_;
        const int16_t* ink = cells.ink.data() + at;
        int plain = 0, alternating = 0;
        for (int x = 0; x < columns_; ++x) {
            plain += ink[x], alternating += (ink[x] ^ flip_[x]) - flip_[x];
            row_plain_[y * wide + x + 1] = plain;
            row_alternating_[y * wide + x + 1] = alternating;
        }
        int32_t* down = column_plain_.data() + at;
        int32_t* timing = column_alternating_.data() + at;
        const int sign = (y & 1) != 0 ? -1 : 1;
        for (int x = 0; x < columns_; ++x) down[x + columns_] = down[x] + ink[x];
        for (int x = 0; x < columns_; ++x) timing[x + columns_] = timing[x] + ink[x] * sign;
    }
}

// The best turn's sum over finder, timing and alignment bars, for each box of one row of boxes.
// Most boxes fail here, so these are the loops that count; they have no branch and the compiler
// vectorises them.
[[gnu::always_inline]] inline void PlacementFinder::weigh_row(int y, int rows, int columns,
                                                              int down, int across) {
    const int high = rows / down, wide = columns / across;  // of one data region
    const size_t boxes = static_cast<size_t>(columns_ - columns) + 1;
    for (auto& line : lines_) line.assign(boxes, 0);
    auto& [top, bottom, left, right, top_timing, bottom_timing, left_timing, right_timing] = lines_;
    const size_t line = static_cast<size_t>(columns_) + 1;
    for (int k = 0; k < down; ++k) {
        const int32_t* upper = row_plain_.data() + (y + k * high) * line;
        const int32_t* upper_timing = row_alternating_.data() + (y + k * high) * line;
        const int32_t* lower = upper + (high - 1) * line;
        const int32_t* lower_timing = upper_timing + (high - 1) * line;
        for (size_t x = 0; x < boxes; ++x) {
            top[x] += upper[x + columns] - upper[x];
            bottom[x] += lower[x + columns] - lower[x];
            top_timing[x] += upper_timing[x + columns] - upper_timing[x];
            bottom_timing[x] += lower_timing[x + columns] - lower_timing[x];
        }
    }
    const size_t begin = static_cast<size_t>(y) * columns_,
                 end = begin + static_cast<size_t>(rows) * columns_;
    for (int k = 0; k < across; ++k) {
        const int32_t* from = column_plain_.data() + begin + k * wide;
        const int32_t* to = column_plain_.data() + end + k * wide;
        const int32_t* from_timing = column_alternating_.data() + begin + k * wide;
        const int32_t* to_timing = column_alternating_.data() + end + k * wide;
        const int last = wide - 1;
        for (size_t x = 0; x < boxes; ++x) {
            left[x] += to[x] - from[x];
            right[x] += to[x + last] - from[x + last];
            left_timing[x] += to_timing[x] - from_timing[x];
            right_timing[x] += to_timing[x + last] - from_timing[x + last];
        }
    }
    const int flip_y = (y & 1) != 0 ? -1 : 1;
    const int32_t* flip_x = flip_.data();
    int32_t* out = weight_.data();
    for (size_t x = 0; x < boxes; ++x) {
        // A timing track is dark where it leaves the solid leg.
        const int32_t tt = (top_timing[x] ^ flip_x[x]) - flip_x[x];
        const int32_t bt = (bottom_timing[x] ^ flip_x[x]) - flip_x[x];
        const int32_t lt = left_timing[x] * flip_y, rt = right_timing[x] * flip_y;
        const int32_t bottom_left = std::abs(bottom[x] + tt + left[x] - rt);
        const int32_t top_left = std::abs(top[x] + bt + left[x] + rt);
        const int32_t top_right = std::abs(top[x] - bt + right[x] + lt);
        const int32_t bottom_right = std::abs(bottom[x] - tt + right[x] - lt);
        out[x] = std::max(std::max(bottom_left, top_left), std::max(top_right, bottom_right));
    }
}

void PlacementFinder::weigh_row_portable(int y, int rows, int columns, int down, int across) {
    weigh_row(y, rows, columns, down, across);
}

// The same statements, which the compiler then makes of instructions twice as wide.
#if IMI_X86
IMI_TARGET_AVX2 void PlacementFinder::weigh_row_avx2(int y, int rows, int columns, int down,
                                                     int across) {
    weigh_row(y, rows, columns, down, across);
}
#endif

int64_t PlacementFinder::weigh(const SymbolSize& size, bool swapped, float least, size_t most,
                               std::vector<Placement>& out) {
    const int rows = swapped ? size.columns : size.rows;
    const int columns = swapped ? size.rows : size.columns;
    if (rows > rows_ || columns > columns_) return 0;
    if (rows < rows_ - slack_ || columns < columns_ - slack_) return 0;
    const int down = swapped ? size.regions_across : size.regions_down;
    const int across = swapped ? size.regions_down : size.regions_across;
    // Boxes without number are weighed, and the small ones agree by chance: four deviations.
    const auto cells = static_cast<float>(2 * (rows * across + columns * down));
    least = std::max(least, 4 / std::sqrt(cells));
    struct Spot {
        int32_t sum;
        int y, x;
    };
    std::array<Spot, 4> best;
    best.fill({static_cast<int32_t>(least * 256 * cells) - 1, -1, -1});
    const bool fast = isa() == Isa::avx2;
    (void)fast;
    for (int y = 0; y + rows <= rows_; ++y) {
#if IMI_X86
        if (fast)
            weigh_row_avx2(y, rows, columns, down, across);
        else
#endif
            weigh_row_portable(y, rows, columns, down, across);
        for (int x = 0; x + columns <= columns_; ++x) {
            if (weight_[x] <= best.back().sum) continue;
            size_t place = best.size() - 1;
            for (; place > 0 && best[place - 1].sum < weight_[x]; --place)
                best[place] = best[place - 1];
            best[place] = {weight_[x], y, x};
        }
    }
    for (const Spot& spot : best)
        if (spot.y >= 0) weigh_box(size, swapped, spot.y, spot.x, least, most, out);
    return int64_t{rows_ - rows + 1} * (columns_ - columns + 1);
}

void PlacementFinder::weigh_box(const SymbolSize& size, bool swapped, int y, int x, float least,
                                size_t most, std::vector<Placement>& out) const {
    const int rows = swapped ? size.columns : size.rows;
    const int columns = swapped ? size.rows : size.columns;
    const int down = swapped ? size.regions_across : size.regions_down;
    const int across = swapped ? size.regions_down : size.regions_across;
    const int high = rows / down, wide = columns / across;  // of one data region
    const size_t line = static_cast<size_t>(columns_) + 1;
    const auto level = [&](const std::vector<int32_t>& sums, int at_y, int at_x) {
        return sums[at_y * line + at_x + columns] - sums[at_y * line + at_x];
    };
    const auto upright = [&](const std::vector<int32_t>& sums, int at_y, int at_x) {
        return sums[static_cast<size_t>(at_y + rows) * columns_ + at_x] -
               sums[static_cast<size_t>(at_y) * columns_ + at_x];
    };
    // A blank or full ring round the box tells a symbol from one of its own data regions.
    int ring = 0, ring_cells = 0;
    if (y > 0) ring += level(row_plain_, y - 1, x), ring_cells += columns;
    if (y + rows < rows_) ring += level(row_plain_, y + rows, x), ring_cells += columns;
    if (x > 0) ring += upright(column_plain_, y, x - 1), ring_cells += rows;
    if (x + columns < columns_) ring += upright(column_plain_, y, x + columns), ring_cells += rows;
    const int cells = 2 * (rows * across + columns * down);
    for (const Corner corner : corners) {
        const bool left = at_left(corner), bottom = at_bottom(corner);
        const int level_sign = ((x & 1) == 0) == left ? 1 : -1;
        const int upright_sign = ((y & 1) == 0) == bottom ? -1 : 1;
        const int solid_y = bottom ? high - 1 : 0, timing_y = bottom ? 0 : high - 1;
        const int solid_x = left ? 0 : wide - 1, timing_x = left ? wide - 1 : 0;
        int total = 0;
        for (int k = 0; k < down; ++k)
            total += level(row_plain_, y + k * high + solid_y, x) +
                     level_sign * level(row_alternating_, y + k * high + timing_y, x);
        for (int k = 0; k < across; ++k)
            total += upright(column_plain_, y, x + k * wide + solid_x) +
                     upright_sign * upright(column_alternating_, y, x + k * wide + timing_x);
        const bool inverted = total < 0;
        const float sum = static_cast<float>(std::abs(total)) / 256;
        const float quiet = static_cast<float>(inverted ? ring : -ring) / 256;
        Placement found{};
        found.agreement = sum / static_cast<float>(cells);
        if (found.agreement < least) continue;
        found.evidence = sum - 0.4f * static_cast<float>(cells) + 0.5f * quiet -
                         0.2f * static_cast<float>(ring_cells);
        if (out.size() == most && out.back().evidence >= found.evidence) continue;
        found.size = &size;
        found.row = y, found.column = x, found.rows = rows, found.columns = columns;
        found.corner = corner;
        found.mirrored = quarter_turned(corner) != swapped && !size.square();
        found.inverted = inverted;
        if (out.size() == most) out.pop_back();
        const auto place = std::upper_bound(
            out.begin(), out.end(), found,
            [](const Placement& a, const Placement& b) { return a.evidence > b.evidence; });
        out.insert(place, found);
    }
}

int64_t PlacementFinder::find(const Cells& cells, std::span<const SymbolSize* const> sizes,
                              int slack, float least, size_t most, std::vector<Placement>& out) {
    out.clear();
    slack_ = slack;
    sum(cells);
    int64_t boxes = 0;
    for (const SymbolSize* size : sizes) {
        boxes += weigh(*size, false, least, most, out);
        if (!size->square()) boxes += weigh(*size, true, least, most, out);
    }
    return boxes;
}

}  // namespace imi
