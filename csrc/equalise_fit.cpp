#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "cpu.h"
#include "equalise.h"

namespace imi {
namespace {

// An equaliser's terms of one module: 5 x 5 lattice points, one for the threshold, and what the
// module is thought to be, so that one product gives both sides of the normal equations.
constexpr int kTaps = 25, kOne = kTaps, kTerms = kTaps + 1, kWanted = kTerms, kPadded = 32;
constexpr int kTogether = 4;           // modules added up at a time
constexpr size_t kMostModules = 2048;  // that the fit looks at; larger symbols are thinned

using Products = std::array<std::array<float, kPadded>, kTerms>;
using Taps = std::array<float, kPadded>;

// Cholesky; `a` symmetric positive definite, lower triangle used, destroyed.
template <int n>
void solve(std::array<std::array<double, n>, n>& a, std::array<double, n>& b) {
    for (int j = 0; j < n; ++j) {
        for (int i = j; i < n; ++i) {
            double sum = a[i][j];
            for (int k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
            a[i][j] = sum;
        }
        const double root = 1 / std::sqrt(std::max(a[j][j], 1e-9));
        for (int i = j; i < n; ++i) a[i][j] *= root;
    }
    for (int j = 0; j < n; ++j) {
        for (int k = 0; k < j; ++k) b[j] -= a[j][k] * b[k];
        b[j] /= a[j][j];
    }
    for (int j = n; j-- > 0;) {
        for (int k = j + 1; k < n; ++k) b[j] -= a[k][j] * b[k];
        b[j] /= a[j][j];
    }
}

// The bodies are compiled twice, for any processor and for AVX2. Every lane adds up in the same
// order, so the results are the same to the last bit.
[[gnu::always_inline]] inline void multiply_body(const float* terms, const float* weights,
                                                 size_t count, size_t step, Products& a) {
    for (auto& row : a) row.fill(0);
    for (size_t m = 0; m + kTogether <= count; m += kTogether * step) {
        const float *f0 = terms + m * kPadded, *f1 = f0 + kPadded, *f2 = f1 + kPadded,
                    *f3 = f2 + kPadded;
        for (int i = 0; i < kTerms; ++i) {
            const float s0 = weights[m] * f0[i], s1 = weights[m + 1] * f1[i];
            const float s2 = weights[m + 2] * f2[i], s3 = weights[m + 3] * f3[i];
            float* to = a[i].data();
            for (int k = i / 8 * 8; k < kPadded; k += 8)
                for (int l = k; l < k + 8; ++l)
                    to[l] += (s0 * f0[l] + s1 * f1[l]) + (s2 * f2[l] + s3 * f3[l]);
        }
    }
}

[[gnu::always_inline]] inline void apply_body(const float* terms, const Taps& taps, size_t count,
                                              float* out) {
    for (size_t m = 0; m < count; ++m) {
        const float* f = terms + m * kPadded;
        float sum[8];
        for (int l = 0; l < 8; ++l)
            sum[l] = (taps[l] * f[l] + taps[l + 8] * f[l + 8]) +
                     (taps[l + 16] * f[l + 16] + taps[l + 24] * f[l + 24]);
        out[m] = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
    }
}

void multiply(const float* terms, const float* weights, size_t count, size_t step, Products& a) {
    multiply_body(terms, weights, count, step, a);
}
void apply(const float* terms, const Taps& taps, size_t count, float* out) {
    apply_body(terms, taps, count, out);
}
#if IMI_X86
IMI_TARGET_AVX2 void multiply_avx2(const float* terms, const float* weights, size_t count,
                                   size_t step, Products& a) {
    multiply_body(terms, weights, count, step, a);
}
IMI_TARGET_AVX2 void apply_avx2(const float* terms, const Taps& taps, size_t count, float* out) {
    apply_body(terms, taps, count, out);
}
#endif

}  // namespace

void Equaliser::fit(std::span<const int8_t> known) {
    const size_t count = soft.size();
    terms_.resize(count * kPadded + 8), weights_.resize(count);
    float weights = 0;
    for (int row = 0; row < rows_; ++row) {
        for (int column = 0; column < columns_; ++column) {
            const size_t at = static_cast<size_t>(row) * columns_ + column;
            float* f = terms_.data() + at * kPadded;
            const float* from =
                normal_.data() + static_cast<size_t>(2 * row) * stride_ + 2 * column;
            for (int y = 0; y < 5; ++y) std::memcpy(f + 5 * y, from + y * stride_, 5 * sizeof *f);
            const bool dark = known[at] >= 0 ? known[at] > 0 : soft[at] > 0;
            f[kOne] = 1, f[kWanted] = dark ? 1.0f : -1.0f;
            std::fill(f + kWanted + 1, f + kPadded, 0.0f);
            weights_[at] = lost_[at]        ? 0.0f
                           : known[at] >= 0 ? 1.0f
                                            : std::min(1.0f, std::abs(soft[at]) * 2);
            weights += weights_[at];
        }
    }
    Products a;
    const size_t step = (count + kMostModules - 1) / kMostModules;
    Taps taps{};
#if IMI_X86
    if (isa() == Isa::avx2)
        multiply_avx2(terms_.data(), weights_.data(), count, step, a);
    else
#endif
        multiply(terms_.data(), weights_.data(), count, step, a);
    std::array<std::array<double, kTerms>, kTerms> normal;
    std::array<double, kTerms> solution;
    // Towards the middle tap alone.
    const double ridge = 0.01 * weights / static_cast<double>(step);
    for (int i = 0; i < kTerms; ++i) {
        for (int k = 0; k <= i; ++k) normal[i][k] = a[k][i];
        normal[i][i] += ridge;
        solution[i] = a[i][kWanted] + (i == kTaps / 2 ? ridge : 0);
    }
    solve<kTerms>(normal, solution);
    for (int i = 0; i < kTerms; ++i) taps[i] = static_cast<float>(solution[i]);
#if IMI_X86
    if (isa() == Isa::avx2)
        apply_avx2(terms_.data(), taps, count, soft.data());
    else
#endif
        apply(terms_.data(), taps, count, soft.data());
    double misses = 0;
    for (size_t at = 0; at < count; ++at) {
        if (lost_[at]) soft[at] = 0;
        const float miss = std::abs(soft[at]) - 1;
        if (!lost_[at]) misses += miss < 0 ? miss * miss : std::min(miss * miss, 1.0f);
    }
    noise = static_cast<float>(std::sqrt(misses / static_cast<double>(count)));
}

// Decisions are -1 and 1, so a lattice point's expectation is a table of few entries.
void Equaliser::find_damage() {
    // With a rim of paper, so that every lattice point has its neighbours.
    const int wide = columns_ + 4, high = rows_ + 4;
    ink_.assign(static_cast<size_t>(wide) * high, -1.0f);
    for (int row = 0; row < rows_; ++row)
        for (int column = 0; column < columns_; ++column)
            ink_[static_cast<size_t>(row + 2) * wide + column + 2] =
                soft[static_cast<size_t>(row) * columns_ + column] > 0 ? 1.0f : -1.0f;
    misfit_.resize(normal_.size());
    const int lines = 2 * (rows_ + 2) - 1;
    // Four kinds of points: middles of cells, of their upright and level edges, and corners. Each
    // is about linear in the sums of the nearest, next and furthest modules.
    for (int kind = 0; kind < 4; ++kind) {
        const auto terms = [&](const float* at) -> std::array<float, 3> {
            switch (kind) {
                case 0:
                    return {at[0], at[-1] + at[1] + at[-wide] + at[wide],
                            at[-wide - 1] + at[-wide + 1] + at[wide - 1] + at[wide + 1]};
                case 1:
                    return {at[0] + at[1], at[-wide] + at[-wide + 1] + at[wide] + at[wide + 1], 0};
                case 2:
                    return {at[0] + at[wide], at[-1] + at[1] + at[wide - 1] + at[wide + 1], 0};
                default:
                    return {at[0] + at[1] + at[wide] + at[wide + 1], 0, 0};
            }
        };
        const auto visit = [&](auto&& each) {
            for (int y = kind / 2; y < lines; y += 2) {
                // Lattice line y lies in row y / 2 - 1 of the symbol, which is row y / 2 + 1 here.
                const float* ink = ink_.data() + static_cast<size_t>(y / 2 + 1) * wide + 1;
                const size_t line = static_cast<size_t>(y) * stride_;
                for (int x = kind % 2; x < stride_; x += 2) each(terms(ink + x / 2), line + x);
            }
        };
        std::array<float, 10> sums{};  // of 1, f and f f, upper triangle
        std::array<float, 4> right{};
        visit([&](const std::array<float, 3>& f, size_t at) {
            const float v = std::clamp(normal_[at], -2.0f, 2.0f);
            sums[0] += 1, sums[1] += f[0], sums[2] += f[1], sums[3] += f[2];
            sums[4] += f[0] * f[0], sums[5] += f[0] * f[1], sums[6] += f[0] * f[2];
            sums[7] += f[1] * f[1], sums[8] += f[1] * f[2], sums[9] += f[2] * f[2];
            right[0] += v, right[1] += v * f[0], right[2] += v * f[1], right[3] += v * f[2];
        });
        std::array<std::array<double, 4>, 4> a{};
        std::array<double, 4> b{};
        for (int i = 0, n = 0; i < 4; ++i) {
            for (int k = i; k < 4; ++k) a[k][i] = sums[n++];
            a[i][i] += 1, b[i] = right[i];
        }
        solve<4>(a, b);
        std::array<float, 4> w;
        for (int i = 0; i < 4; ++i) w[i] = static_cast<float>(b[i]);
        float sum = 0;
        visit([&](const std::array<float, 3>& f, size_t at) {
            const float miss = normal_[at] - (w[0] + w[1] * f[0] + w[2] * f[1] + w[3] * f[2]);
            misfit_[at] = std::min(miss * miss, 1.0f);
            sum += misfit_[at];
        });
        const float scale = sums[0] / (sum + 1e-6f * sums[0]);
        visit([&](const std::array<float, 3>&, size_t at) { misfit_[at] *= scale; });
    }
    damage.resize(soft.size());
    for (int row = 0; row < rows_; ++row) {
        for (int column = 0; column < columns_; ++column) {
            float sum = 0;
            for (int y = 1; y <= 3; ++y)
                for (int x = 1; x <= 3; ++x)
                    sum += misfit_[static_cast<size_t>(2 * row + y) * stride_ + 2 * column + x];
            damage[static_cast<size_t>(row) * columns_ + column] = sum / 9;
        }
    }
}

}  // namespace imi
