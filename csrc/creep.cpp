#include "creep.h"

#include <algorithm>
#include <cmath>

namespace imi {
namespace {

// How much a place counts so many rows and columns away.
float near_weight(int rows, int columns) {
    return 1 / (0.5f + static_cast<float>(rows * rows + columns * columns));
}

}  // namespace

// Strength of the edges before each sample, along lines and along columns, over about a module
// across them.
void Creeper::find_edges(const Raster& raster) {
    const size_t size = raster.grey.size();
    level_edges_.assign(size, 0), upright_edges_.assign(size, 0), sums_.resize(size);
    const int w = width_, h = height_;
    for (int y = 1; y < h; ++y) {
        const float *a = raster.line(y - 1), *b = raster.line(y);
        float* to = sums_.data() + static_cast<size_t>(y) * w;
        for (int x = 1; x < w; ++x) to[x] = std::abs(a[x] + b[x] - a[x - 1] - b[x - 1]);
    }
    for (int y = 2; y + 1 < h; ++y) {
        const float* at = sums_.data() + static_cast<size_t>(y) * w;
        float* to = level_edges_.data() + static_cast<size_t>(y) * w;
        for (int x = 1; x < w; ++x) to[x] = at[x - w] + at[x] + at[x + w];
    }
    for (int y = 1; y < h; ++y) {
        const float *a = raster.line(y - 1), *b = raster.line(y);
        float* to = sums_.data() + static_cast<size_t>(y) * w;
        for (int x = 1; x < w; ++x) to[x] = std::abs(b[x] + b[x - 1] - a[x] - a[x - 1]);
    }
    for (int y = 1; y < h; ++y) {
        const float* at = sums_.data() + static_cast<size_t>(y) * w;
        for (int x = 2; x + 1 < w; ++x)
            upright_edges_[static_cast<size_t>(x) * h + y] = at[x - 1] + at[x] + at[x + 1];
    }
}

// Displacement of one side of the symbol, a value a module along it: the first edge from paper to
// ink from outside, one course for the whole side. `upright` for the left and right sides.
void Creeper::find_border(const Raster& raster, bool upright, bool far, float sign,
                          std::vector<float>& out) {
    const int count = upright ? rows_ : columns_, deep = upright ? columns_ : rows_;
    constexpr int states = 4 * kSide;  // two modules to either side
    out.resize(count);
    score_.assign(static_cast<size_t>(count) * states, 0);
    back_.resize(score_.size());
    float size = 0;
    for (int i = 0; i < count; ++i) {
        // Solid at the left and below. Timing has an edge at every other module, but which ones is
        // not known before the other axis is: the strongest of three neighbours is taken.
        const bool solid = upright ? !far : far;
        const int reach = solid ? 0 : 1;
        std::array<float, states> edge{};
        for (int near = std::max(0, i - reach); near <= std::min(count - 1, i + reach); ++near) {
            float before = 0;
            for (int s = 0; s < states; ++s) {  // from outside
                const int across = far ? (margin_ + deep) * kSide + 2 * kSide - 1 - s
                                       : margin_ * kSide - 2 * kSide + s;
                float here = 0;
                for (int k = 0; k < kSide; ++k) {
                    const int along = (margin_ + near) * kSide + k;
                    here += upright ? raster.line(along)[across] : raster.line(across)[along];
                }
                here *= sign;
                if (s > 0) edge[s] = std::max(edge[s], before - here);
                before = here;
            }
        }
        float outside = 0;
        for (int s = 0; s < states; ++s) {
            score_[static_cast<size_t>(i) * states + s] = edge[s] - 0.7f * outside;
            if (s >= 2) outside = std::max(outside, edge[s - 2]);
            size = std::max(size, edge[s]);
        }
    }
    const float bend = 0.08f * size, far_off = 0.002f * size;
    std::array<float, states> now{}, next{};
    for (int i = 0; i < count; ++i) {
        for (int s = 0; s < states; ++s) {
            float best = -1e30f;
            int from = s;
            for (int k = std::max(0, s - 2); k <= std::min(states - 1, s + 2); ++k) {
                const auto step = static_cast<float>(s - k);
                const float v = now[k] - bend * step * step;
                if (v > best) best = v, from = k;
            }
            const auto off = static_cast<float>(s - states / 2);
            next[s] = best + score_[static_cast<size_t>(i) * states + s] - far_off * off * off;
            back_[static_cast<size_t>(i) * states + s] = static_cast<signed char>(from);
        }
        now = next;
    }
    int state = static_cast<int>(std::max_element(now.begin(), now.end()) - now.begin());
    for (int i = count; i-- > 0;) {
        const float* at = score_.data() + static_cast<size_t>(i) * states + state;
        float part = 0;
        if (state > 0 && state + 1 < states) {
            const float bow = at[-1] - 2 * at[0] + at[1];
            if (bow < 0) part = std::clamp(0.5f * (at[-1] - at[1]) / bow, -0.5f, 0.5f);
        }
        const float off = (static_cast<float>(state - states / 2) + part) / kSide;
        out[i] = far ? -off : off;
        state = back_[static_cast<size_t>(i) * states + state];
    }
    for (int i = 1; i + 1 < count; ++i) out[i] = 0.25f * (out[i - 1] + 2 * out[i] + out[i + 1]);
}

// Where the places around say that this one lies: a plane through them.
Creeper::Lead Creeper::lead(int row, int column) const {
    float s = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
    std::array<float, 3> x{}, y{};
    for (int r = std::max(0, row - kReach); r <= std::min(down_ - 1, row + kReach); ++r) {
        for (int c = std::max(0, column - kReach); c <= std::min(across_ - 1, column + kReach);
             ++c) {
            const Place& p = at(r, c);
            if (p.trust == 0) continue;
            const auto px = static_cast<float>(c - column), py = static_cast<float>(r - row);
            const float w =
                p.trust * weights_[(r - row + kReach) * (2 * kReach + 1) + c - column + kReach];
            const float wx = w * px, wy = w * py;
            s += w, sx += wx, sy += wy, sxx += wx * px, sxy += wx * py, syy += wy * py;
            x[0] += w * p.dx, x[1] += wx * p.dx, x[2] += wy * p.dx;
            y[0] += w * p.dy, y[1] += wx * p.dy, y[2] += wy * p.dy;
        }
    }
    if (s == 0) return {};
    // Slopes are small unless several places say otherwise.
    sxx += 0.5f, syy += 0.5f;
    const float a = syy * sxx - sxy * sxy, b = sy * sxy - sx * syy, c = sx * sxy - sy * sxx;
    const float scale = 1 / (s * a + sx * b + sy * c);
    const float d = s * syy - sy * sy, e = sx * sy - s * sxy, f = s * sxx - sx * sx;
    const auto fit = [&](const std::array<float, 3>& v, float& at0, float& at_x, float& at_y) {
        at0 = (a * v[0] + b * v[1] + c * v[2]) * scale;
        at_x = (b * v[0] + d * v[1] + e * v[2]) * scale;
        at_y = (c * v[0] + e * v[1] + f * v[2]) * scale;
    };
    Lead out{};
    fit(x, out.dx, out.dx_x, out.dx_y);
    fit(y, out.dy, out.dy_x, out.dy_y);
    return out;
}

// How far the edges round a place lie from where the lead has them, in modules, and how clearly.
// `edges` has lines of `length` values along the axis measured.
Creeper::Reading Creeper::measure(const float* edges, bool upright, int row, int column,
                                  const Lead& lead) const {
    constexpr int half = 2, before = 3, shifts = 8;  // boundaries; quarters of a module
    const int length = upright ? height_ : width_, lines = upright ? width_ : height_;
    const int along_at = upright ? row : column, along_most = upright ? rows_ : columns_;
    const int across_at = upright ? column : row, across_most = upright ? columns_ : rows_;
    // Of the boundary `u` modules along and `v` across from here, in samples.
    const float shift = upright ? lead.dy : lead.dx, cross_shift = upright ? lead.dx : lead.dy;
    const float shift_u = upright ? lead.dy_y : lead.dx_x,
                shift_v = upright ? lead.dy_x : lead.dx_y;
    const float cross_u = upright ? lead.dx_y : lead.dy_x,
                cross_v = upright ? lead.dx_x : lead.dy_y;
    std::array<float, shifts> sum{};
    for (int i = std::max(-half, -along_at); i <= std::min(half, along_most - along_at); ++i) {
        for (int j = std::max(-half, -across_at); j < std::min(half, across_most - across_at);
             ++j) {
            const float u = static_cast<float>(i), v = static_cast<float>(j) + 0.5f;
            const float along =
                (static_cast<float>(along_at + margin_) + u + shift + shift_u * u + shift_v * v) *
                kSide;
            const float across = (static_cast<float>(across_at + margin_) + v + cross_shift +
                                  cross_u * u + cross_v * v) *
                                 kSide;
            const auto a = static_cast<int>(along), b = static_cast<int>(across);
            if (!(along >= before && a + shifts - before < length && across >= 0 && b < lines))
                continue;
            const float f = along - static_cast<float>(a);
            const float* at = edges + static_cast<size_t>(b) * length + (a - before);
            const float weight = 1 / (1 + 0.3f * (u * u + v * v));
            const float first = weight * (1 - f), second = weight * f;
            for (int k = 0; k < shifts; ++k) sum[k] += first * at[k] + second * at[k + 1];
        }
    }
    // Edges further off could as well be those of the neighbours.
    constexpr std::array<float, 5> belief = {0.88f, 0.97f, 1.0f, 0.97f, 0.88f};
    float mean = 0;
    for (int k = 0; k < 2 * before + 1; ++k) mean += sum[k];
    mean /= 2 * before + 1;
    if (!(mean > 0)) return {0, 0};
    int best = before;
    for (int k = before - 2; k <= before + 2; ++k)
        if (sum[k] * belief[k - before + 2] > sum[best] * belief[best - before + 2]) best = k;
    float part = 0;
    const float bow = sum[best - 1] - 2 * sum[best] + sum[best + 1];
    if (bow < 0) part = std::clamp(0.5f * (sum[best - 1] - sum[best + 1]) / bow, -0.5f, 0.5f);
    return {(static_cast<float>(best - before) + part) / kSide,
            std::clamp((sum[best] - mean) / mean, 0.0f, 1.0f)};
}

void Creeper::settle(int row, int column) {
    const Lead lead = this->lead(row, column);
    const Reading x = measure(level_edges_.data(), false, row, column, lead);
    const Reading y = measure(upright_edges_.data(), true, row, column, lead);
    Place& p = at(row, column);
    p.dx = lead.dx + x.off * std::min(0.9f, 2 * x.clear);
    p.dy = lead.dy + y.off * std::min(0.9f, 2 * y.clear);
    // No further than the margin that the raster takes in, or there is nothing to see.
    const auto limit = static_cast<float>(margin_);
    p.dx = std::clamp(p.dx, -limit, limit), p.dy = std::clamp(p.dy, -limit, limit);
    p.trust = 0.05f + std::min(x.clear, y.clear);
    const int module_row = std::min(row, rows_ - 1), module_column = std::min(column, columns_ - 1);
    if (column == 0) p.dx = left_[module_row], p.trust += 0.3f;
    if (column == across_ - 1) p.dx = right_[module_row], p.trust += 0.3f;
    if (row == 0) p.dy = top_[module_column], p.trust += 0.3f;
    if (row == down_ - 1) p.dy = bottom_[module_column], p.trust += 0.3f;
}

void Creeper::follow(const Raster& raster, int margin, float sign, Mesh& mesh) {
    margin_ = margin, rows_ = raster.rows - 2 * margin, columns_ = raster.columns - 2 * margin;
    width_ = raster.width(), height_ = raster.height();
    down_ = rows_ + 1, across_ = columns_ + 1;
    for (int r = -kReach, i = 0; r <= kReach; ++r)
        for (int c = -kReach; c <= kReach; ++c) weights_[i++] = near_weight(r, c);
    find_edges(raster);
    find_border(raster, true, false, sign, left_), find_border(raster, true, true, sign, right_);
    find_border(raster, false, false, sign, top_), find_border(raster, false, true, sign, bottom_);

    places_.assign(static_cast<size_t>(down_) * across_, {});
    pull_.assign(places_.size(), 0), row_best_.assign(down_, -1);
    // The place that is best led to goes next. Each row knows its best.
    const auto value = [&](int row, int column) {
        return pull_[static_cast<size_t>(row) * across_ + column];
    };
    const auto spread = [&](int row, int column) {
        const float trust = at(row, column).trust;
        for (int r = std::max(0, row - kReach); r <= std::min(down_ - 1, row + kReach); ++r) {
            int& best = row_best_[r];
            for (int c = std::max(0, column - kReach); c <= std::min(across_ - 1, column + kReach);
                 ++c) {
                if (at(r, c).trust > 0) continue;
                pull_[static_cast<size_t>(r) * across_ + c] +=
                    trust * near_weight(r - row, c - column);
                if (best < 0 || value(r, c) > value(r, best)) best = c;
            }
        }
        if (row_best_[row] != column) return;
        row_best_[row] = -1;
        for (int c = 0; c < across_; ++c)
            if (at(row, c).trust == 0 &&
                (row_best_[row] < 0 || value(row, c) > value(row, row_best_[row])))
                row_best_[row] = c;
    };
    for (const bool low : {false, true}) {
        for (const bool right : {false, true}) {
            const int row = low ? down_ - 1 : 0, column = right ? across_ - 1 : 0;
            Place& p = at(row, column);
            p.dx = (right ? right_ : left_)[low ? rows_ - 1 : 0];
            p.dy = (low ? bottom_ : top_)[right ? columns_ - 1 : 0];
            p.trust = 1;
            spread(row, column);
        }
    }
    for (size_t left = places_.size() - 4; left > 0; --left) {
        int row = -1;
        for (int r = 0; r < down_; ++r)
            if (row_best_[r] >= 0 &&
                (row < 0 || value(r, row_best_[r]) > value(row, row_best_[row])))
                row = r;
        const int column = row_best_[row];
        settle(row, column);
        spread(row, column);
    }

    displace(mesh, x_, y_, [&](int row, int column) -> Point {
        const Place& place =
            at(std::clamp(row - margin, 0, rows_), std::clamp(column - margin, 0, columns_));
        return {place.dx, place.dy};
    });
}

}  // namespace imi
