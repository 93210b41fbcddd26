#include "track.h"

#include <algorithm>
#include <cmath>

namespace imi {
namespace {

constexpr int kSteepest =
    2;  // quarters of a module that a boundary may be off from one to the next

}  // namespace

// `strips_`: for every row of cells, the strength of the edges before each sample along it.
void Tracker::find_edges(const float* grey, int lines, int width, int cells_down) {
    strips_.assign(static_cast<size_t>(cells_down) * width, 0);
    band_.resize(static_cast<size_t>(width) * 2);
    for (int line = 0; line + 1 < lines; line += 2) {
        const float* a = grey + static_cast<size_t>(line) * width;
        const float* b = a + width;
        float* sum = band_.data();
        float* edge = band_.data() + width;
        for (int x = 0; x < width; ++x) sum[x] = a[x] + b[x];
        edge[0] = 0;
        for (int x = 1; x < width; ++x) edge[x] = std::abs(sum[x] - sum[x - 1]);
        float* to = strips_.data() + static_cast<size_t>(line / kSide) * width;
        for (int x = 1; x + 1 < width; ++x) to[x] += edge[x - 1] + 2 * edge[x] + edge[x + 1];
    }
}

// The best course of the boundaries (Viterbi). Boundary i lies `first` + i * kSide + its
// displacement along `score`; `pull`, when given, is where the neighbouring bands have it.
void Tracker::trace(const float* score, int width, int first, int nodes, int reach, float stiff,
                    const float* pull, float* out) {
    const int states = 2 * reach + 1;
    cost_.assign(2 * static_cast<size_t>(states), 0);
    back_.resize(static_cast<size_t>(nodes) * states);
    float* now = cost_.data();
    float* next = now + states;
    const auto value = [&](int node, int state) {
        const int at = first + node * kSide + state - reach;
        float v = at >= 0 && at < width ? score[at] : 0;
        const auto off = static_cast<float>(state - reach);
        if (pull != nullptr) {
            const float miss = off - pull[node] * kSide;
            v -= 0.15f * std::min(miss * miss, 9.0f);
        } else {
            v -= 0.01f * off * off;
        }
        return v;
    };
    for (int s = 0; s < states; ++s) now[s] = value(0, s);
    for (int node = 1; node < nodes; ++node) {
        for (int s = 0; s < states; ++s) {
            float best = -1e30f;
            int from = s;
            for (int k = std::max(0, s - kSteepest); k <= std::min(states - 1, s + kSteepest);
                 ++k) {
                const auto bend = static_cast<float>(s - k);
                const float v = now[k] - stiff * bend * bend;
                if (v > best) best = v, from = k;
            }
            next[s] = best + value(node, s);
            back_[static_cast<size_t>(node) * states + s] = static_cast<signed char>(from);
        }
        std::swap(now, next);
    }
    int state = static_cast<int>(std::max_element(now, now + states) - now);
    for (int node = nodes; node-- > 0;) {
        // The top of the parabola through three scores.
        const int at = first + node * kSide + state - reach;
        float part = 0;
        if (at >= 1 && at + 1 < width) {
            const float a = score[at - 1], b = score[at], c = score[at + 1];
            const float bow = a - 2 * b + c;
            if (bow < 0) part = std::clamp(0.5f * (a - c) / bow, -0.5f, 0.5f);
        }
        out[node] = (static_cast<float>(state - reach) + part) / kSide;
        if (node > 0) state = back_[static_cast<size_t>(node) * states + state];
    }
}

void Tracker::solve(int cells_down, int cells_along, int margin, int stretch, int reach,
                    float stiff, Field& field) {
    const int width = cells_along * kSide, rows = cells_down - 2 * margin;
    const int nodes = cells_along - 2 * margin + 1;
    const int bands = stretch == 0 ? 1 : std::max(1, (2 * rows + stretch / 2) / stretch - 1);
    field.bands = bands, field.nodes = nodes;
    field.at.resize(static_cast<size_t>(bands) * nodes);
    score_.assign(static_cast<size_t>(bands) * width, 0);
    for (int band = 0; band < bands; ++band) {
        const float from =
            static_cast<float>(band) * static_cast<float>(rows) / static_cast<float>(bands + 1);
        const float to = bands == 1 ? static_cast<float>(rows)
                                    : static_cast<float>(band + 2) * static_cast<float>(rows) /
                                          static_cast<float>(bands + 1);
        float* sum = band_.data();
        std::fill(sum, sum + width, 0.0f);
        for (int row = static_cast<int>(from);
             row < std::min(rows, static_cast<int>(std::ceil(to))); ++row) {
            const float* strip = strips_.data() + static_cast<size_t>(row + margin) * width;
            for (int x = 0; x < width; ++x) sum[x] += strip[x];
        }
        // An edge here, and none half a module away.
        float* score = score_.data() + static_cast<size_t>(band) * width;
        float size = 0;
        for (int x = 2; x + 2 < width; ++x) {
            score[x] = sum[x] - 0.5f * (sum[x - 2] + sum[x + 2]);
            size += std::abs(score[x]);
        }
        const float scale = size > 0 ? static_cast<float>(width) / size : 0.0f;
        for (int x = 0; x < width; ++x) score[x] *= scale;
        trace(score, width, margin * kSide, nodes, reach, stiff, nullptr,
              field.at.data() + static_cast<size_t>(band) * nodes);
    }
    pull_.resize(nodes);
    for (int round = 0; round < (bands > 1 ? 2 : 0); ++round) {
        for (int band = 0; band < bands; ++band) {
            const float* before =
                field.at.data() + static_cast<size_t>(std::max(0, band - 1)) * nodes;
            const float* after =
                field.at.data() + static_cast<size_t>(std::min(bands - 1, band + 1)) * nodes;
            for (int i = 0; i < nodes; ++i) pull_[i] = 0.5f * (before[i] + after[i]);
            if (band == 0) std::copy_n(after, nodes, pull_.begin());
            if (band == bands - 1) std::copy_n(before, nodes, pull_.begin());
            trace(score_.data() + static_cast<size_t>(band) * width, width, margin * kSide, nodes,
                  reach, stiff, pull_.data(), field.at.data() + static_cast<size_t>(band) * nodes);
        }
    }
    // A boundary seen by few edges leans on its neighbours.
    for (int band = 0; band < bands; ++band) {
        float* at = field.at.data() + static_cast<size_t>(band) * nodes;
        float before = at[0];
        for (int i = 1; i + 1 < nodes; ++i) {
            const float here = at[i];
            at[i] = 0.25f * (before + 2 * here + at[i + 1]);
            before = here;
        }
    }
}

void Tracker::follow(const Raster& raster, int margin, int stretch, int reach, float stiff,
                     Mesh& mesh) {
    const int width = raster.width(), height = raster.height();
    find_edges(raster.grey.data(), height, width, raster.rows);
    solve(raster.rows, raster.columns, margin, stretch, reach, stiff, across_);
    turned_.resize(raster.grey.size());
    for (int y = 0; y < height; ++y) {
        const float* line = raster.line(y);
        for (int x = 0; x < width; ++x) turned_[static_cast<size_t>(x) * height + y] = line[x];
    }
    find_edges(turned_.data(), width, height, raster.columns);
    solve(raster.columns, raster.rows, margin, stretch, reach, stiff, down_);

    const int rows = raster.rows - 2 * margin, columns = raster.columns - 2 * margin;
    const auto between = [](const Field& field, int across, float at, int length) {
        const float band =
            field.bands == 1
                ? 0.0f
                : std::clamp(
                      at * static_cast<float>(field.bands + 1) / static_cast<float>(length) - 1,
                      0.0f, static_cast<float>(field.bands - 1));
        const int low = std::min(static_cast<int>(band), std::max(0, field.bands - 2));
        const int high = std::min(low + 1, field.bands - 1);
        const float a = field.at[static_cast<size_t>(low) * field.nodes + across];
        const float b = field.at[static_cast<size_t>(high) * field.nodes + across];
        return a + (band - static_cast<float>(low)) * (b - a);
    };
    const int nodes = mesh.columns + 1;
    x_.resize(mesh.x.size()), y_.resize(mesh.y.size());
    for (int row = 0; row <= mesh.rows; ++row) {
        const int inner_row = std::clamp(row - margin, 0, rows);
        for (int column = 0; column <= mesh.columns; ++column) {
            const int inner_column = std::clamp(column - margin, 0, columns);
            const float dx = between(across_, inner_column, static_cast<float>(inner_row), rows);
            const float dy = between(down_, inner_row, static_cast<float>(inner_column), columns);
            const float gx = static_cast<float>(column) + dx, gy = static_cast<float>(row) + dy;
            const int x0 = std::clamp(static_cast<int>(std::floor(gx)), 0, mesh.columns - 1);
            const int y0 = std::clamp(static_cast<int>(std::floor(gy)), 0, mesh.rows - 1);
            const float fx = gx - static_cast<float>(x0), fy = gy - static_cast<float>(y0);
            const auto mix = [&](const std::vector<float>& v) {
                const float* a = v.data() + static_cast<size_t>(y0) * nodes + x0;
                const float top = a[0] + fx * (a[1] - a[0]);
                const float low = a[nodes] + fx * (a[nodes + 1] - a[nodes]);
                return top + fy * (low - top);
            };
            const size_t at = static_cast<size_t>(row) * nodes + column;
            x_[at] = mix(mesh.x), y_[at] = mix(mesh.y);
        }
    }
    mesh.x.swap(x_), mesh.y.swap(y_);
}

}  // namespace imi
