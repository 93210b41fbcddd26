#include "track.h"

#include <algorithm>
#include <cmath>

namespace imi {
namespace {

// Displacements are quarters of a module, the distance of the samples.
constexpr int kReach = 7, kStates = 2 * kReach + 1;
constexpr int kSteepest = 2;  // from one boundary to the next
// In units of the mean score: times the square of such a step, and of a displacement.
constexpr float kBend = 0.15f, kFar = 0.01f;

}  // namespace

// `score_`: for every sample across the lines, how much more edge lies before it than half a module
// further, over the whole symbol.
void Tracker::find_edges(const Raster& raster, int margin, bool upright) {
    const int width = raster.width(), size = upright ? raster.height() : width;
    line_.assign(size, 0.0f), score_.assign(size, 0.0f);
    const int first = margin * kSide;
    if (upright) {
        // Two samples at a time: half a module, which halves the noise.
        for (int y = 1; y < size; ++y) {
            const float *a = raster.line(y - 1), *b = raster.line(y);
            float sum = 0;
            for (int x = first; x < width - first; x += 2)
                sum += std::abs(b[x] + b[x + 1] - a[x] - a[x + 1]);
            line_[y] = sum;
        }
    } else {
        for (int y = first; y < raster.height() - first; y += 2) {
            const float *a = raster.line(y), *b = raster.line(y + 1);
            float* to = line_.data();
            for (int x = 1; x < width; ++x) to[x] += std::abs(a[x] + b[x] - a[x - 1] - b[x - 1]);
        }
    }
    const auto smooth = [&](int x) { return line_[x - 1] + 2 * line_[x] + line_[x + 1]; };
    float sum = 0;
    for (int x = 3; x + 3 < size; ++x) {
        score_[x] = smooth(x) - 0.5f * (smooth(x - 2) + smooth(x + 2));
        sum += std::abs(score_[x]);
    }
    const float scale = sum > 0 ? static_cast<float>(size) / sum : 0.0f;
    for (float& score : score_) score *= scale;
}

// The best course of the boundaries (Viterbi); boundary 0 is expected before sample `first`.
void Tracker::trace(int first, std::vector<float>& out) {
    const auto nodes = static_cast<int>(out.size()), width = static_cast<int>(score_.size());
    cost_.assign(2 * kStates, 0.0f), back_.resize(static_cast<size_t>(nodes) * kStates);
    float *now = cost_.data(), *next = now + kStates;
    const auto value = [&](int node, int state) {
        const int at = first + node * kSide + state - kReach;
        const auto off = static_cast<float>(state - kReach);
        return (at >= 0 && at < width ? score_[at] : 0.0f) - kFar * off * off;
    };
    for (int s = 0; s < kStates; ++s) now[s] = value(0, s);
    for (int node = 1; node < nodes; ++node) {
        for (int s = 0; s < kStates; ++s) {
            float best = -1e30f;
            int from = s;
            for (int k = std::max(0, s - kSteepest); k <= std::min(kStates - 1, s + kSteepest);
                 ++k) {
                const auto step = static_cast<float>(s - k);
                const float v = now[k] - kBend * step * step;
                if (v > best) best = v, from = k;
            }
            next[s] = best + value(node, s);
            back_[static_cast<size_t>(node) * kStates + s] = static_cast<signed char>(from);
        }
        std::swap(now, next);
    }
    int state = static_cast<int>(std::max_element(now, now + kStates) - now);
    for (int node = nodes; node-- > 0;) {
        const int at = first + node * kSide + state - kReach;
        float part = 0;  // the top of the parabola through three scores
        if (at >= 1 && at + 1 < width) {
            const float bow = score_[at - 1] - 2 * score_[at] + score_[at + 1];
            if (bow < 0)
                part = std::clamp(0.5f * (score_[at - 1] - score_[at + 1]) / bow, -0.5f, 0.5f);
        }
        out[node] = (static_cast<float>(state - kReach) + part) / kSide;
        state = back_[static_cast<size_t>(node) * kStates + state];
    }
    // A boundary seen by few edges leans on its neighbours.
    float before = out[0];
    for (int i = 1; i + 1 < nodes; ++i) {
        const float here = out[i];
        out[i] = 0.25f * (before + 2 * here + out[i + 1]);
        before = here;
    }
}

void Tracker::follow(const Raster& raster, int margin, Mesh& mesh) {
    const int rows = raster.rows - 2 * margin, columns = raster.columns - 2 * margin;
    across_.resize(columns + 1), down_.resize(rows + 1);
    find_edges(raster, margin, false), trace(margin * kSide, across_);
    find_edges(raster, margin, true), trace(margin * kSide, down_);
    displace(mesh, x_, y_, [&](int row, int column) -> Point {
        return {across_[std::clamp(column - margin, 0, columns)],
                down_[std::clamp(row - margin, 0, rows)]};
    });
}

}  // namespace imi
