#include "imb_texture.h"

#include <algorithm>
#include <cmath>

#include "cpu.h"

#if IMI_X86
#include <immintrin.h>
#endif

namespace imi {
namespace {

void block_plain(const uint8_t* at, std::ptrdiff_t stride, int32_t* sums) {
    int32_t pp = 0, qq = 0, pq = 0;
    for (int y = 0; y < texture_block_px; y += 2, at += 2 * stride) {
        for (int x = 0; x < texture_block_px; ++x) {
            const int p = at[x + stride + 1] - at[x], q = at[x + 1] - at[x + stride];
            pp += p * p, qq += q * q, pq += p * q;
        }
    }
    sums[0] = pp, sums[1] = qq, sums[2] = pq;
}

#if IMI_X86
IMI_TARGET_AVX2 inline __m256i words(const uint8_t* at) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

IMI_TARGET_AVX2 inline int32_t sum_of(__m128i four) {
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

// Two blocks side by side: the low half of each register is the left one.
IMI_TARGET_AVX2 void two_blocks_avx2(const uint8_t* at, std::ptrdiff_t stride, int32_t* pp_out,
                                     int32_t* qq_out, int32_t* pq_out) {
    __m256i pp = _mm256_setzero_si256(), qq = pp, pq = pp;
    for (int y = 0; y < texture_block_px; y += 2, at += 2 * stride) {
        const __m256i p = _mm256_sub_epi16(words(at + stride + 1), words(at));
        const __m256i q = _mm256_sub_epi16(words(at + 1), words(at + stride));
        pp = _mm256_add_epi32(pp, _mm256_madd_epi16(p, p));
        qq = _mm256_add_epi32(qq, _mm256_madd_epi16(q, q));
        pq = _mm256_add_epi32(pq, _mm256_madd_epi16(p, q));
    }
    pp_out[0] = sum_of(_mm256_castsi256_si128(pp));
    pp_out[1] = sum_of(_mm256_extracti128_si256(pp, 1));
    qq_out[0] = sum_of(_mm256_castsi256_si128(qq));
    qq_out[1] = sum_of(_mm256_extracti128_si256(qq, 1));
    pq_out[0] = sum_of(_mm256_castsi256_si128(pq));
    pq_out[1] = sum_of(_mm256_extracti128_si256(pq, 1));
}

#endif

}  // namespace

void measure_texture(const GreyView& frame, Texture& texture) {
    constexpr int block = texture_block_px;
    texture.across = frame.width > block ? (frame.width - 1) / block : 0;
    texture.down = frame.height > block ? (frame.height - 1) / block : 0;
    if (texture.across == 0 || texture.down == 0) texture.across = texture.down = 0;
    const size_t blocks = static_cast<size_t>(texture.across) * texture.down;
    texture.pp.resize(blocks), texture.qq.resize(blocks), texture.pq.resize(blocks);
    const bool fast = isa() == Isa::avx2;
    for (int by = 0; by < texture.down; ++by) {
        const uint8_t* row = frame.row(by * block);
        size_t at = static_cast<size_t>(by) * texture.across;
        int bx = 0;
#if IMI_X86
        if (fast) {  // the pixel on the right of 16 is still inside: the last column is in no block
            for (; bx + 2 <= texture.across; bx += 2, at += 2)
                two_blocks_avx2(row + bx * block, frame.stride, &texture.pp[at], &texture.qq[at],
                                &texture.pq[at]);
        }
#endif
        (void)fast;
        for (; bx < texture.across; ++bx, ++at) {
            int32_t sums[3];
            block_plain(row + bx * block, frame.stride, sums);
            texture.pp[at] = sums[0], texture.qq[at] = sums[1], texture.pq[at] = sums[2];
        }
    }
}

Grain grain_at(const Texture& texture, int bx, int by) {
    double pp = 0, qq = 0, pq = 0, pixels = 0;
    for (int y = std::max(0, by - 1); y <= std::min(texture.down - 1, by + 1); ++y) {
        for (int x = std::max(0, bx - 1); x <= std::min(texture.across - 1, bx + 1); ++x) {
            const int weight = (x == bx ? 2 : 1) * (y == by ? 2 : 1);
            const size_t at = static_cast<size_t>(y) * texture.across + x;
            pp += weight * texture.pp[at];
            qq += weight * texture.qq[at];
            pq += weight * texture.pq[at];
            pixels += weight * texture_pixels;
        }
    }
    // With gx = (p + q) / 2 and gy = (p - q) / 2, steps of one pixel: gx^2 + gy^2, gx^2 - gy^2 and
    // 2 gx gy.
    const double energy = (pp + qq) / 2, flat = pq, slant = (pp - qq) / 2;
    const double along = std::hypot(flat, slant);
    return {energy / pixels, energy > 0 ? along / energy : 0, 0.5 * std::atan2(slant, flat)};
}

double agreement_along(const Texture& texture, int bx, int by, double angle, int blocks) {
    const double c = std::cos(angle), s = std::sin(angle);
    double energy = 1, flat = 0, slant = 0;
    for (int i = -blocks; i <= blocks; ++i) {
        const long x = bx + std::lround(i * c), y = by + std::lround(i * s);
        if (x < 0 || y < 0 || x >= texture.across || y >= texture.down) continue;
        const size_t at = static_cast<size_t>(y) * texture.across + x;
        const double pp = texture.pp[at], qq = texture.qq[at];
        energy += (pp + qq) / 2, flat += texture.pq[at], slant += (pp - qq) / 2;
    }
    return (flat * (c * c - s * s) + slant * 2 * c * s) / energy;
}

}  // namespace imi
