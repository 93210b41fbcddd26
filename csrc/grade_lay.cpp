// From the edges that were found to the grid: growth taken out, gaps filled, centres laid.
#include <algorithm>
#include <array>
#include <cmath>

#include "grade_grid.h"

namespace imi {

// Ink that spreads moves the two edges of a dark module apart and leaves its centre.
float GridFinder::growth_of(bool level) const {
    double sum = 0;
    int count = 0;
    for (const auto& edges : level ? across_ : down_) {
        for (size_t k = 1; k + 1 < edges.size(); ++k) {
            if (!edges[k - 1].found || !edges[k].found || !edges[k + 1].found) continue;
            const float bend =
                edges[k].deviation - 0.5f * (edges[k - 1].deviation + edges[k + 1].deviation);
            if (std::abs(bend) > 0.6f) continue;
            sum += (k % 2 == 0) == level ? -bend : bend;
            ++count;
        }
    }
    return count > 0 ? static_cast<float>(sum / count) : 0.0f;
}

// From edges to the deviations of module centres: growth out, stray edges out, gaps filled.
void GridFinder::straighten(bool level, float growth) {
    auto& tracks = level ? across_ : down_;
    auto& centres = level ? column_ : row_;
    const int count = level ? size_->columns : size_->rows;
    centres.resize(tracks.size());
    for (size_t t = 0; t < tracks.size(); ++t) {
        auto& edges = tracks[t];
        for (int k = 0; k <= count; ++k)
            edges[k].deviation += ((k % 2 == 0) == level ? 0.5f : -0.5f) * growth;
        // Where the track ends light there is no edge of its own: the boundary that its dark
        // modules end at stands for it.
        const int regions = level ? size_->regions_down : size_->regions_across;
        const Line& end = level ? upright_[size_->regions_across * regions + t] : level_[t];
        const float along = level
                                ? static_cast<float>(t) * (size_->region_rows() + 2) + 0.5f
                                : static_cast<float>(t + 1) * (size_->region_columns() + 2) - 0.5f;
        if (end.found)
            edges[level ? count : 0] = {end.at(along) + (level ? -0.5f : 0.5f) * growth, true};
        std::vector<float>& out = centres[t];
        out.assign(static_cast<size_t>(count), 0.0f);
        int last = -1;  // module whose centre is known
        for (int k = 0; k < count; ++k) {
            float sum = 0;
            int found = 0;
            for (int e = k; e <= k + 1; ++e) {
                if (!edges[e].found) continue;
                // An edge that no neighbour within two modules bears out is a speck's.
                bool alone = true;
                for (int n = std::max(0, e - 2); n <= std::min(count, e + 2); ++n)
                    alone &= n == e || !edges[n].found ||
                             std::abs(edges[n].deviation - edges[e].deviation) > 0.35f;
                if (alone) continue;
                sum += edges[e].deviation, ++found;
            }
            if (found == 0) continue;
            out[k] = sum / static_cast<float>(found);
            for (int gap = last + 1; gap < k; ++gap) {
                const float share =
                    last < 0 ? 1.0f : static_cast<float>(gap - last) / static_cast<float>(k - last);
                out[gap] = (1 - share) * (last < 0 ? 0.0f : out[last]) + share * out[k];
            }
            last = k;
        }
        for (int k = last + 1; last >= 0 && k < count; ++k) out[k] = out[last];
        if (last >= 0) continue;
        // No clock at all: even steps between the boundaries.
        const int pieces = level ? size_->regions_across : size_->regions_down;
        const int beside = level ? size_->regions_down : size_->regions_across;
        const int pitch = count / pieces;
        for (int k = 0; k < count; ++k) {
            const std::vector<Line>& lines = level ? upright_ : level_;
            const float before = lines[static_cast<size_t>(k / pitch) * beside].offset;
            const float after = lines[static_cast<size_t>(k / pitch + 1) * beside].offset;
            const float share = (static_cast<float>(k % pitch) + 0.5f) / static_cast<float>(pitch);
            out[k] = before + share * (after - before);
        }
    }
}

void GridFinder::draw(Grid& grid) const {
    const int columns = size_->columns;
    const int height = size_->region_rows() + 2, width = size_->region_columns() + 2;
    const int across = size_->regions_across, down = size_->regions_down;
    grid.centres.resize(static_cast<size_t>(size_->modules()));
    // Clock tracks say where a column or row starts; between the two boundaries of its region it
    // leans as they do.
    std::array<float, 144> lean;
    for (int i = 0; i < down; ++i) {
        for (int j = 0; j < across; ++j) {
            const Line &left = upright_[j * down + i], &right = upright_[(j + 1) * down + i];
            const Line &top = level_[i * across + j], &bottom = level_[(i + 1) * across + j];
            for (int c = 0; c < width; ++c) {
                const float share = (static_cast<float>(c) + 0.5f) / static_cast<float>(width);
                lean[c] = left.slope + share * (right.slope - left.slope);
            }
            const float* starts = column_[i].data() + j * width;
            for (int r = 0; r < height; ++r) {
                const int row = i * height + r;
                const float share = (static_cast<float>(r) + 0.5f) / static_cast<float>(height);
                const float fall = top.slope + share * (bottom.slope - top.slope);
                const double middle = row + 0.5 + row_[j][row];
                Point* out = grid.centres.data() + static_cast<size_t>(row) * columns + j * width;
                for (int c = 0; c < width; ++c)
                    out[c] = to_plane_(j * width + c + 0.5 + starts[c] + r * lean[c],
                                       middle + (c + 1 - width) * fall);
            }
        }
    }
}

void GridFinder::even_out(const SymbolSize& size, Grid& grid) {
    const int rows = size.rows, columns = size.columns;
    Point mean{}, across{}, down{};
    for (int row = 0; row < rows; ++row) {
        const double dr = row - 0.5 * (rows - 1);
        Point sum{};
        for (int column = 0; column < columns; ++column) {
            const double dc = column - 0.5 * (columns - 1);
            const Point at = grid.centres[static_cast<size_t>(row) * columns + column];
            sum.x += at.x, sum.y += at.y;
            across.x += dc * at.x, across.y += dc * at.y;
        }
        mean.x += sum.x, mean.y += sum.y;
        down.x += dr * sum.x, down.y += dr * sum.y;
    }
    const double count = 1.0 * rows * columns;
    const double c2 = count * (1.0 * columns * columns - 1) / 12;
    const double r2 = count * (1.0 * rows * rows - 1) / 12;
    grid.across = {across.x / c2, across.y / c2};
    grid.down = {down.x / r2, down.y / r2};
    const double r = 0.5 * (rows - 1), c = 0.5 * (columns - 1);
    grid.origin = {mean.x / count - r * grid.down.x - c * grid.across.x,
                   mean.y / count - r * grid.down.y - c * grid.across.y};
    double farthest = 0;
    for (int row = 0; row < rows; ++row) {
        for (int column = 0; column < columns; ++column) {
            const Point at = grid.centres[static_cast<size_t>(row) * columns + column];
            const Point even = grid.even(row, column);
            const double dx = at.x - even.x, dy = at.y - even.y;
            farthest = std::max(farthest, dx * dx + dy * dy);
        }
    }
    grid.farthest = std::sqrt(farthest) / (0.5 * (grid.pitch_across() + grid.pitch_down()));
}

}  // namespace imi
