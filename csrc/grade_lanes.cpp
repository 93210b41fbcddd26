#include "grade_lanes.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "cpu.h"

#if IMI_X86
#include <immintrin.h>
#endif

namespace imi {
namespace {

void add_line_portable(const Greys& greys, float x, float y, float dx, float dy, int count,
                       float share, float* out) {
    for (int i = 0; i < count; ++i) {
        const float px = x + static_cast<float>(i) * dx, py = y + static_cast<float>(i) * dy;
        const int x0 = static_cast<int>(px), y0 = static_cast<int>(py);
        const int16_t* above = greys.values + y0 * greys.width + x0;
        const int16_t* below = above + greys.width;
        const float fx = px - static_cast<float>(x0), fy = py - static_cast<float>(y0);
        const auto a = static_cast<float>(above[0]), b = static_cast<float>(above[1]);
        const auto c = static_cast<float>(below[0]), d = static_cast<float>(below[1]);
        const float top = a + fx * (b - a), bottom = c + fx * (d - c);
        out[i] += share * (top + fy * (bottom - top));
    }
}

Span look_portable(const float* greys, int count, float sign) {
    Span span{greys[0], greys[0], 0};
    for (int i = 1; i < count; ++i)
        span.low = std::min(span.low, greys[i]), span.high = std::max(span.high, greys[i]);
    const float middle = (span.high + span.low) / 2;
    for (int i = 0; i < count; ++i)
        span.beyond |= static_cast<uint32_t>(sign * (greys[i] - middle) >= 0) << i;
    return span;
}

int32_t weigh_square_portable(const Greys& greys, const int16_t* from, const int16_t* weights,
                              int rows, int stride) {
    int32_t sum = 0;
    for (int row = 0; row < rows; ++row, weights += stride, from += greys.width) {
        for (int i = 0; i < stride; ++i) sum += static_cast<int32_t>(weights[i]) * from[i];
    }
    return sum;
}

Beyond weigh_beyond_portable(const int16_t* weights, int rows, int stride, const Border& border) {
    constexpr int lanes = 8;
    float nearer[lanes] = {}, there[lanes] = {}, farther[lanes] = {};
    const auto part = [](float over) { return std::clamp(over, 0.0f, 1.0f); };
    const auto share = [&](float over) {
        return part(over + border.soft) + part(over - border.soft);
    };
    for (int row = 0; row < rows; ++row) {
        for (int column = 0; column < stride; column += lanes, weights += lanes) {
            const float at = border.first + border.by_row * static_cast<float>(row) +
                             border.by_column * static_cast<float>(column);
            for (int i = 0; i < lanes; ++i) {
                const auto weight = static_cast<float>(weights[i]);
                const float over = at + border.by_column * static_cast<float>(i);
                nearer[i] += weight * share(over + border.step);
                there[i] += weight * share(over);
                farther[i] += weight * share(over - border.step);
            }
        }
    }
    Beyond sum{0, 0, 0};
    for (int i = 0; i < lanes; ++i)
        sum.nearer += nearer[i], sum.there += there[i], sum.farther += farther[i];
    return sum;
}

void weigh_row_portable(const Greys& greys, const int16_t* from, std::span<const Tap> taps,
                        int count, int16_t* out) {
    std::fill(out, out + count, int16_t{0});
    for (const Tap& tap : taps) {
        const int16_t* at = from + tap.row * greys.width + tap.column;
        const uint32_t weight = tap.weight;
        for (int x = 0; x < count; ++x) {
            const uint32_t product = weight * static_cast<uint16_t>(at[x]);
            out[x] = static_cast<int16_t>(out[x] + static_cast<uint16_t>(product >> 16));
        }
    }
}

#if IMI_X86

IMI_TARGET_AVX2 void add_line_avx2(const Greys& greys, float x, float y, float dx, float dy,
                                   int count, float share, float* out) {
    const __m256 vdx = _mm256_set1_ps(dx), vdy = _mm256_set1_ps(dy);
    const __m256 vx = _mm256_set1_ps(x), vy = _mm256_set1_ps(y), part = _mm256_set1_ps(share);
    const __m256i width = _mm256_set1_epi32(greys.width), low = _mm256_set1_epi32(0xffff);
    const __m256i last = _mm256_set1_epi32(count - 1);
    const int* above = reinterpret_cast<const int*>(greys.values);  // pairs of neighbours
    __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int i = 0; i < count; i += kLineLanes) {
        // Lanes past the last place repeat it: they stay inside.
        const __m256 at = _mm256_cvtepi32_ps(_mm256_min_epi32(index, last));
        const __m256 px = _mm256_add_ps(vx, _mm256_mul_ps(at, vdx));
        const __m256 py = _mm256_add_ps(vy, _mm256_mul_ps(at, vdy));
        const __m256i x0 = _mm256_cvttps_epi32(px), y0 = _mm256_cvttps_epi32(py);
        const __m256 fx = _mm256_sub_ps(px, _mm256_cvtepi32_ps(x0));
        const __m256 fy = _mm256_sub_ps(py, _mm256_cvtepi32_ps(y0));
        const __m256i place = _mm256_add_epi32(_mm256_mullo_epi32(y0, width), x0);
        const __m256i ab = _mm256_i32gather_epi32(above, place, 2);
        const __m256i cd = _mm256_i32gather_epi32(above, _mm256_add_epi32(place, width), 2);
        const __m256 a = _mm256_cvtepi32_ps(_mm256_and_si256(ab, low));
        const __m256 b = _mm256_cvtepi32_ps(_mm256_srli_epi32(ab, 16));
        const __m256 c = _mm256_cvtepi32_ps(_mm256_and_si256(cd, low));
        const __m256 d = _mm256_cvtepi32_ps(_mm256_srli_epi32(cd, 16));
        const __m256 top = _mm256_add_ps(a, _mm256_mul_ps(fx, _mm256_sub_ps(b, a)));
        const __m256 bottom = _mm256_add_ps(c, _mm256_mul_ps(fx, _mm256_sub_ps(d, c)));
        const __m256 value = _mm256_add_ps(top, _mm256_mul_ps(fy, _mm256_sub_ps(bottom, top)));
        _mm256_storeu_ps(out + i,
                         _mm256_add_ps(_mm256_loadu_ps(out + i), _mm256_mul_ps(part, value)));
        index = _mm256_add_epi32(index, _mm256_set1_epi32(kLineLanes));
    }
}

IMI_TARGET_AVX2 Span look_avx2(const float* greys, int count, float sign) {
    const __m256 first = _mm256_set1_ps(greys[0]);
    __m256 part[kSpanRoom / 8], low = first, high = first;
    for (int k = 0; k < kSpanRoom / 8; ++k) {
        const __m256i index =
            _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(8 * k));
        const __m256i counts = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), index);
        part[k] =
            _mm256_blendv_ps(first, _mm256_loadu_ps(greys + 8 * k), _mm256_castsi256_ps(counts));
        low = _mm256_min_ps(low, part[k]), high = _mm256_max_ps(high, part[k]);
    }
    __m128 least = _mm_min_ps(_mm256_castps256_ps128(low), _mm256_extractf128_ps(low, 1));
    __m128 most = _mm_max_ps(_mm256_castps256_ps128(high), _mm256_extractf128_ps(high, 1));
    least = _mm_min_ps(least, _mm_movehl_ps(least, least));
    most = _mm_max_ps(most, _mm_movehl_ps(most, most));
    least = _mm_min_ss(least, _mm_movehdup_ps(least));
    most = _mm_max_ss(most, _mm_movehdup_ps(most));
    Span span{_mm_cvtss_f32(least), _mm_cvtss_f32(most), 0};
    const __m256 middle = _mm256_set1_ps((span.high + span.low) / 2), side = _mm256_set1_ps(sign);
    for (int k = 0; k < kSpanRoom / 8; ++k) {
        const __m256 off = _mm256_mul_ps(side, _mm256_sub_ps(part[k], middle));
        const int bits = _mm256_movemask_ps(_mm256_cmp_ps(off, _mm256_setzero_ps(), _CMP_GE_OQ));
        span.beyond |= static_cast<uint32_t>(bits) << 8 * k;
    }
    span.beyond &= (1u << count) - 1;
    return span;
}

IMI_TARGET_AVX2 int32_t weigh_square_avx2(const Greys& greys, const int16_t* from,
                                          const int16_t* weights, int rows, int stride) {
    const auto eight = [](const int16_t* at) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    };
    __m256i sums = _mm256_setzero_si256();
    for (int row = 0; row < rows; row += 2, from += 2 * greys.width, weights += 2 * stride) {
        for (int i = 0; i < stride; i += 8) {
            const __m256i by = _mm256_set_m128i(eight(weights + stride + i), eight(weights + i));
            const __m256i of = _mm256_set_m128i(eight(from + greys.width + i), eight(from + i));
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(by, of));
        }
    }
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(sum);
}

IMI_TARGET_AVX2 Beyond weigh_beyond_avx2(const int16_t* weights, int rows, int stride,
                                         const Border& border) {
    const __m256 soft = _mm256_set1_ps(border.soft), step = _mm256_set1_ps(border.step);
    const __m256 ramp =
        _mm256_mul_ps(_mm256_set1_ps(border.by_column), _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7));
    const __m256 none = _mm256_setzero_ps(), whole = _mm256_set1_ps(1);
    __m256 sums[3] = {none, none, none};
    for (int row = 0; row < rows; ++row) {
        for (int column = 0; column < stride; column += 8, weights += 8) {
            const __m256 at =
                _mm256_set1_ps(border.first + border.by_row * static_cast<float>(row) +
                               border.by_column * static_cast<float>(column));
            const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights));
            const __m256 weight = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(eight));
            const __m256 over = _mm256_add_ps(at, ramp);
            const __m256 overs[3] = {_mm256_add_ps(over, step), over, _mm256_sub_ps(over, step)};
            for (int k = 0; k < 3; ++k) {
                __m256 early = _mm256_add_ps(overs[k], soft), late = _mm256_sub_ps(overs[k], soft);
                early = _mm256_min_ps(_mm256_max_ps(early, none), whole);
                late = _mm256_min_ps(_mm256_max_ps(late, none), whole);
                const __m256 share = _mm256_add_ps(early, late);
                sums[k] = _mm256_add_ps(sums[k], _mm256_mul_ps(weight, share));
            }
        }
    }
    float totals[3];
    for (int k = 0; k < 3; ++k) {
        float lanes[8];
        _mm256_storeu_ps(lanes, sums[k]);
        totals[k] = 0;
        for (const float lane : lanes) totals[k] += lane;
    }
    return {totals[0], totals[1], totals[2]};
}

IMI_TARGET_AVX2 void weigh_row_avx2(const Greys& greys, const int16_t* from,
                                    std::span<const Tap> taps, int count, int16_t* out) {
    const auto group = [](const int16_t* at) { return reinterpret_cast<const __m256i*>(at); };
    for (int x = 0; x < count; x += kMeanLanes) {
        __m256i left = _mm256_setzero_si256(), right = left;
        for (const Tap& tap : taps) {
            const int16_t* at = from + x + tap.row * greys.width + tap.column;
            const __m256i by = _mm256_set1_epi16(static_cast<int16_t>(tap.weight));
            left = _mm256_add_epi16(left, _mm256_mulhi_epu16(_mm256_loadu_si256(group(at)), by));
            right =
                _mm256_add_epi16(right, _mm256_mulhi_epu16(_mm256_loadu_si256(group(at + 16)), by));
        }
        alignas(32) int16_t means[kMeanLanes];
        _mm256_store_si256(reinterpret_cast<__m256i*>(means), left);
        _mm256_store_si256(reinterpret_cast<__m256i*>(means + 16), right);
        std::memcpy(out + x, means,
                    sizeof(int16_t) * static_cast<size_t>(std::min(kMeanLanes, count - x)));
    }
}

#endif

}  // namespace

void add_line(const Greys& greys, float x, float y, float dx, float dy, int count, float share,
              float* out) {
#if IMI_X86
    if (isa() == Isa::avx2) return add_line_avx2(greys, x, y, dx, dy, count, share, out);
#endif
    add_line_portable(greys, x, y, dx, dy, count, share, out);
}

Span look(const float* greys, int count, float sign) {
    assert(count > 0 && count <= kSpanRoom);
#if IMI_X86
    if (isa() == Isa::avx2) return look_avx2(greys, count, sign);
#endif
    return look_portable(greys, count, sign);
}

int32_t weigh_square(const Greys& greys, const int16_t* from, const int16_t* weights, int rows,
                     int stride) {
#if IMI_X86
    if (isa() == Isa::avx2) return weigh_square_avx2(greys, from, weights, rows, stride);
#endif
    return weigh_square_portable(greys, from, weights, rows, stride);
}

Beyond weigh_beyond(const int16_t* weights, int rows, int stride, const Border& border) {
#if IMI_X86
    if (isa() == Isa::avx2) return weigh_beyond_avx2(weights, rows, stride, border);
#endif
    return weigh_beyond_portable(weights, rows, stride, border);
}

void weigh_row(const Greys& greys, const int16_t* from, std::span<const Tap> taps, int count,
               int16_t* out) {
#if IMI_X86
    if (isa() == Isa::avx2) return weigh_row_avx2(greys, from, taps, count, out);
#endif
    weigh_row_portable(greys, from, taps, count, out);
}

}  // namespace imi
