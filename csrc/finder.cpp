#include "finder.h"

#include <algorithm>

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
    for (int y = 0; y < rows_; ++y) {
        int plain = 0, alternating = 0;
        for (int x = 0; x < columns_; ++x) {
            const int ink = cells.at(y, x);
            plain += ink, alternating += (x & 1) != 0 ? -ink : ink;
            row_plain_[y * wide + x + 1] = plain;
            row_alternating_[y * wide + x + 1] = alternating;
            const size_t at = static_cast<size_t>(y) * columns_ + x;
            column_plain_[at + columns_] = column_plain_[at] + ink;
            column_alternating_[at + columns_] =
                column_alternating_[at] + ((y & 1) != 0 ? -ink : ink);
        }
    }
}

void PlacementFinder::weigh(const SymbolSize& size, bool swapped, float least, size_t most,
                            std::vector<Placement>& out) const {
    const int rows = swapped ? size.columns : size.rows;
    const int columns = swapped ? size.rows : size.columns;
    if (rows > rows_ || columns > columns_) return;
    if (rows < rows_ - slack_ || columns < columns_ - slack_) return;
    const int down = swapped ? size.regions_across : size.regions_down;
    const int across = swapped ? size.regions_down : size.regions_across;
    const int high = rows / down, wide = columns / across;  // of one data region
    const size_t line = static_cast<size_t>(columns_) + 1;

    const auto level = [&](const std::vector<int32_t>& sums, int y, int x) {
        return sums[y * line + x + columns] - sums[y * line + x];
    };
    const auto upright = [&](const std::vector<int32_t>& sums, int y, int x) {
        return sums[static_cast<size_t>(y + rows) * columns_ + x] -
               sums[static_cast<size_t>(y) * columns_ + x];
    };
    const int outer_cells = 2 * (rows + columns);
    const int cells = 2 * (rows * across + columns * down);
    for (int y = 0; y + rows <= rows_; ++y) {
        for (int x = 0; x + columns <= columns_; ++x) {
            // A blank or full ring round the box tells a symbol from one of its own data regions.
            int ring = 0, ring_cells = 0;
            if (y > 0) ring += level(row_plain_, y - 1, x), ring_cells += columns;
            if (y + rows < rows_) ring += level(row_plain_, y + rows, x), ring_cells += columns;
            if (x > 0) ring += upright(column_plain_, y, x - 1), ring_cells += rows;
            if (x + columns < columns_)
                ring += upright(column_plain_, y, x + columns), ring_cells += rows;
            for (const Corner corner : corners) {
                const bool left = at_left(corner), bottom = at_bottom(corner);
                // A timing track is dark where it leaves the solid leg.
                const int level_sign = ((x & 1) == 0) == left ? 1 : -1;
                const int upright_sign = ((y & 1) == 0) == bottom ? -1 : 1;
                const int solid_y = bottom ? high - 1 : 0, timing_y = bottom ? 0 : high - 1;
                const int solid_x = left ? 0 : wide - 1, timing_x = left ? wide - 1 : 0;
                // The outermost four lines first: most boxes fail there.
                const int outer =
                    level(row_plain_, bottom ? y + rows - 1 : y, x) +
                    level_sign * level(row_alternating_, bottom ? y : y + rows - 1, x) +
                    upright(column_plain_, y, left ? x : x + columns - 1) +
                    upright_sign * upright(column_alternating_, y, left ? x + columns - 1 : x);
                if (static_cast<float>(std::abs(outer)) < least * 256 * outer_cells) continue;
                int total = 0;
                for (int k = 0; k < down; ++k)
                    total += level(row_plain_, y + k * high + solid_y, x) +
                             level_sign * level(row_alternating_, y + k * high + timing_y, x);
                for (int k = 0; k < across; ++k)
                    total +=
                        upright(column_plain_, y, x + k * wide + solid_x) +
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
    }
}

void PlacementFinder::find(const Cells& cells, std::span<const SymbolSize* const> sizes, int slack,
                           float least, size_t most, std::vector<Placement>& out) {
    out.clear();
    slack_ = slack;
    sum(cells);
    for (const SymbolSize* size : sizes) {
        weigh(*size, false, least, most, out);
        if (!size->square()) weigh(*size, true, least, most, out);
    }
}

}  // namespace imi
