#include "creep.h"

#include <algorithm>
#include <cmath>

namespace imi {

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
        float* to = upright_edges_.data() + static_cast<size_t>(y) * w;
        for (int x = 2; x + 1 < w; ++x) to[x] = at[x - 1] + at[x] + at[x + 1];
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
    double s = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
    std::array<double, 3> x{}, y{};
    for (int r = std::max(0, row - kReach); r <= std::min(down_ - 1, row + kReach); ++r) {
        for (int c = std::max(0, column - kReach); c <= std::min(across_ - 1, column + kReach);
             ++c) {
            const Place& p = at(r, c);
            if (p.trust == 0 || (r == row && c == column)) continue;
            const int dr = r - row, dc = c - column;
            const double w = p.trust / (0.5 + dr * dr + dc * dc), px = dc * kStep, py = dr * kStep;
            s += w, sx += w * px, sy += w * py, sxx += w * px * px, sxy += w * px * py;
            syy += w * py * py;
            x[0] += w * p.dx, x[1] += w * p.dx * px, x[2] += w * p.dx * py;
            y[0] += w * p.dy, y[1] += w * p.dy * px, y[2] += w * p.dy * py;
        }
    }
    if (s == 0) return {};
    // Slopes are small unless several places say otherwise.
    sxx += 0.5, syy += 0.5;
    const double a = syy * sxx - sxy * sxy, b = sy * sxy - sx * syy, c = sx * sxy - sy * sxx;
    const double det = s * a + sx * b + sy * c;
    const double d = s * syy - sy * sy, e = sx * sy - s * sxy, f = s * sxx - sx * sx;
    const auto fit = [&](const std::array<double, 3>& v, float& at0, float& at1, float& at2) {
        at0 = static_cast<float>((a * v[0] + b * v[1] + c * v[2]) / det);
        at1 = static_cast<float>((b * v[0] + d * v[1] + e * v[2]) / det);
        at2 = static_cast<float>((c * v[0] + e * v[1] + f * v[2]) / det);
    };
    Lead out{};
    fit(x, out.dx, out.dx_x, out.dx_y);
    fit(y, out.dy, out.dy_x, out.dy_y);
    return out;
}

// How far the edges round a place lie from where the lead has them, in modules, and how clearly.
std::pair<float, float> Creeper::measure(const float* edges, bool upright, int row, int column,
                                         const Lead& lead) const {
    constexpr int half = 2, shifts = 7;
    std::array<float, shifts> sum{};
    for (int i = -half; i <= half; ++i) {     // boundaries
        for (int j = -half; j < half; ++j) {  // modules between them, by their middles
            const float u = static_cast<float>(i), v = static_cast<float>(j) + 0.5f;
            const float ox = upright ? v : u, oy = upright ? u : v;
            const int at_row = row * kStep + (upright ? i : j),
                      at_column = column * kStep + (upright ? j : i);
            if (at_row < 0 || at_column < 0 || at_row > rows_ || at_column > columns_) continue;
            const float x = static_cast<float>(column * kStep + margin_) + ox + lead.dx +
                            lead.dx_x * ox + lead.dx_y * oy;
            const float y = static_cast<float>(row * kStep + margin_) + oy + lead.dy +
                            lead.dy_x * ox + lead.dy_y * oy;
            const float px = x * kSide, py = y * kSide;
            const float along = upright ? py : px, across = upright ? px : py;
            const int a0 = static_cast<int>(std::floor(along)), b0 = static_cast<int>(across);
            const int longest = upright ? height_ : width_, widest = upright ? width_ : height_;
            if (a0 - shifts / 2 < 0 || a0 + shifts / 2 + 1 >= longest || b0 < 0 || b0 >= widest)
                continue;
            const float f = along - static_cast<float>(a0);
            const size_t step = upright ? width_ : 1, cross = upright ? 1 : width_;
            const float* at = edges + a0 * step + b0 * cross - (shifts / 2) * step;
            const float weight = 1 / (1 + 0.3f * (u * u + v * v));
            for (int k = 0; k < shifts; ++k)
                sum[k] += weight * (at[k * step] + f * (at[(k + 1) * step] - at[k * step]));
        }
    }
    int best = shifts / 2;
    float mean = 0;
    for (int k = 0; k < shifts; ++k) {
        mean += sum[k] / shifts;
        // Edges half a module off could as well be those of the neighbours.
        const auto off = static_cast<float>(k - shifts / 2);
        if (std::abs(k - shifts / 2) <= 2 &&
            sum[k] * (1 - 0.03f * off * off) >
                sum[best] *
                    (1 - 0.03f * static_cast<float>((best - shifts / 2) * (best - shifts / 2))))
            best = k;
    }
    if (mean <= 0) return {0.0f, 0.0f};
    float part = 0;
    const float bow = sum[best - 1] - 2 * sum[best] + sum[best + 1];
    if (bow < 0) part = std::clamp(0.5f * (sum[best - 1] - sum[best + 1]) / bow, -0.5f, 0.5f);
    return {(static_cast<float>(best - shifts / 2) + part) / kSide,
            std::clamp((sum[best] - mean) / mean, 0.0f, 1.0f)};
}

void Creeper::settle(int row, int column) {
    const Lead lead = this->lead(row, column);
    const auto [mx, qx] = measure(level_edges_.data(), false, row, column, lead);
    const auto [my, qy] = measure(upright_edges_.data(), true, row, column, lead);
    Place& p = at(row, column);
    p.dx = lead.dx + mx * std::min(0.9f, 2 * qx), p.dy = lead.dy + my * std::min(0.9f, 2 * qy);
    p.trust = 0.05f + std::min(qx, qy);
    const int module_row = std::min(row * kStep, rows_ - 1),
              module_column = std::min(column * kStep, columns_ - 1);
    if (column == 0) p.dx = left_[module_row], p.trust += 0.3f;
    if (column == across_ - 1) p.dx = right_[module_row], p.trust += 0.3f;
    if (row == 0) p.dy = top_[module_column], p.trust += 0.3f;
    if (row == down_ - 1) p.dy = bottom_[module_column], p.trust += 0.3f;
}

void Creeper::follow(const Raster& raster, int margin, float sign, Mesh& mesh) {
    margin_ = margin, rows_ = raster.rows - 2 * margin, columns_ = raster.columns - 2 * margin;
    width_ = raster.width(), height_ = raster.height();
    down_ = rows_ / kStep + 1, across_ = columns_ / kStep + 1;
    find_edges(raster);
    find_border(raster, true, false, sign, left_), find_border(raster, true, true, sign, right_);
    find_border(raster, false, false, sign, top_), find_border(raster, false, true, sign, bottom_);

    places_.assign(static_cast<size_t>(down_) * across_, {});
    pull_.assign(places_.size(), 0);
    const auto spread = [&](int row, int column) {
        for (int r = std::max(0, row - kReach); r <= std::min(down_ - 1, row + kReach); ++r)
            for (int c = std::max(0, column - kReach); c <= std::min(across_ - 1, column + kReach);
                 ++c)
                pull_[static_cast<size_t>(r) * across_ + c] +=
                    at(row, column).trust /
                    (0.5f +
                     static_cast<float>((r - row) * (r - row) + (c - column) * (c - column)));
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
        size_t best = 0;
        float most = -1;
        for (size_t i = 0; i < places_.size(); ++i)
            if (places_[i].trust == 0 && pull_[i] > most) most = pull_[i], best = i;
        const int row = static_cast<int>(best) / across_, column = static_cast<int>(best) % across_;
        settle(row, column);
        spread(row, column);
    }
    for (int row = 0; row < down_; ++row)
        for (int column = 0; column < across_; ++column) settle(row, column);

    const int nodes = mesh.columns + 1;
    x_.resize(mesh.x.size()), y_.resize(mesh.y.size());
    for (int row = 0; row <= mesh.rows; ++row) {
        const int inner_row = std::clamp(row - margin, 0, rows_);
        for (int column = 0; column <= mesh.columns; ++column) {
            const int inner_column = std::clamp(column - margin, 0, columns_);
            const int r0 = inner_row / kStep, c0 = inner_column / kStep;
            const int r1 = std::min(r0 + inner_row % kStep, down_ - 1);
            const int c1 = std::min(c0 + inner_column % kStep, across_ - 1);
            const Place &a = at(r0, c0), &b = at(r0, c1), &c = at(r1, c0), &d = at(r1, c1);
            const float gx = static_cast<float>(column) + 0.25f * (a.dx + b.dx + c.dx + d.dx);
            const float gy = static_cast<float>(row) + 0.25f * (a.dy + b.dy + c.dy + d.dy);
            const int x0 = std::clamp(static_cast<int>(std::floor(gx)), 0, mesh.columns - 1);
            const int y0 = std::clamp(static_cast<int>(std::floor(gy)), 0, mesh.rows - 1);
            const float fx = gx - static_cast<float>(x0), fy = gy - static_cast<float>(y0);
            const auto mix = [&](const std::vector<float>& v) {
                const float* p = v.data() + static_cast<size_t>(y0) * nodes + x0;
                const float top = p[0] + fx * (p[1] - p[0]);
                const float low = p[nodes] + fx * (p[nodes + 1] - p[nodes]);
                return top + fy * (low - top);
            };
            const size_t to = static_cast<size_t>(row) * nodes + column;
            x_[to] = mix(mesh.x), y_[to] = mix(mesh.y);
        }
    }
    mesh.x.swap(x_), mesh.y.swap(y_);
}

}  // namespace imi
