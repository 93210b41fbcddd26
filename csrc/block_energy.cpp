#include "block_energy.h"

#include <algorithm>
#include <cstdlib>

#include "cpu.h"

#if IMI_X86
#include <immintrin.h>
#endif

namespace imi {
namespace {

// Where the figures of a block, or of four side by side, go.
struct To {
    uint16_t *horizontal, *vertical;
    uint8_t *darkest, *lightest;
};

void block_plain(const uint8_t* at, std::ptrdiff_t stride, const To& to) {
    int across = 0, down = 0;
    uint8_t darkest = 255, lightest = 0;
    for (int y = 0; y < block_px; ++y, at += stride) {
        for (int x = 0; x < block_px; ++x) {
            across += std::abs(at[x] - at[x + 1]);
            down += std::abs(at[x] - at[x + stride]);
            darkest = std::min(darkest, at[x]), lightest = std::max(lightest, at[x]);
        }
    }
    *to.horizontal = static_cast<uint16_t>(across);
    *to.vertical = static_cast<uint16_t>(down);
    *to.darkest = darkest, *to.lightest = lightest;
}

#if IMI_X86
// One row of blocks, four at a time as long as there are four: psadbw sums eight absolute
// differences, which is one row of a block. Returns the number of blocks done. A load of 32 bytes
// from the pixel on the right stays inside the row, since a block has a pixel to its right.
IMI_TARGET_AVX2 int row_avx2(const uint8_t* row, std::ptrdiff_t stride, int blocks, const To& to) {
    // From eight words (h0 . h1 . v0 . v1 .) of each half to h0 h1 h2 h3 v0 v1 v2 v3.
    const __m256i words =
        _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 4, 5, 8, 9,
                         12, 13, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i low_byte = _mm256_set1_epi64x(0xFF);
    int block = 0;
    for (; block + 4 <= blocks; block += 4) {
        const uint8_t* at = row + block * block_px;
        __m256i across = _mm256_setzero_si256(), down = _mm256_setzero_si256();
        __m256i here = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
        __m256i darkest = here, lightest = here;
        for (int y = 0; y < block_px; ++y, at += stride) {
            const __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 1));
            const __m256i below = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + stride));
            across = _mm256_add_epi64(across, _mm256_sad_epu8(here, right));
            down = _mm256_add_epi64(down, _mm256_sad_epu8(here, below));
            darkest = _mm256_min_epu8(darkest, here), lightest = _mm256_max_epu8(lightest, here);
            here = below;
        }
        // Sums, four of each kind: 64 bits to 16.
        const __m256i sums = _mm256_shuffle_epi8(_mm256_packus_epi32(across, down),
                                                 words);  // h0 h1 v0 v1 | h2 h3 v2 v3
        const __m128i first = _mm256_castsi256_si128(sums);
        const __m128i second = _mm256_extracti128_si256(sums, 1);
        const __m128i both = _mm_unpacklo_epi32(first, second);  // h0 h1 h2 h3 v0 v1 v2 v3
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to.horizontal + block), both);
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to.vertical + block),
                         _mm_unpackhi_epi64(both, both));
        // Within each eight bytes, into the lowest; then darkest and lightest side by side.
        darkest = _mm256_min_epu8(darkest, _mm256_srli_epi64(darkest, 32));
        darkest = _mm256_min_epu8(darkest, _mm256_srli_epi64(darkest, 16));
        darkest = _mm256_min_epu8(darkest, _mm256_srli_epi64(darkest, 8));
        lightest = _mm256_max_epu8(lightest, _mm256_srli_epi64(lightest, 32));
        lightest = _mm256_max_epu8(lightest, _mm256_srli_epi64(lightest, 16));
        lightest = _mm256_max_epu8(lightest, _mm256_srli_epi64(lightest, 8));
        const __m256i ends = _mm256_packus_epi32(_mm256_and_si256(darkest, low_byte),
                                                 _mm256_and_si256(lightest, low_byte));
        const __m256i narrow = _mm256_shuffle_epi8(ends, words);
        const __m128i words8 =
            _mm_unpacklo_epi32(_mm256_castsi256_si128(narrow), _mm256_extracti128_si256(narrow, 1));
        const __m128i bytes = _mm_packus_epi16(words8, words8);  // d0 d1 d2 d3 l0 l1 l2 l3
        _mm_storeu_si32(to.darkest + block, bytes);
        _mm_storeu_si32(to.lightest + block, _mm_srli_si128(bytes, 4));
    }
    return block;
}
#endif

}  // namespace

void measure_blocks(const GreyView& frame, BlockEnergy& energy) {
    energy.across = frame.width > block_px ? (frame.width - 1) / block_px : 0;
    energy.down = frame.height > block_px ? (frame.height - 1) / block_px : 0;
    if (energy.across == 0 || energy.down == 0) energy.across = energy.down = 0;
    const size_t blocks = static_cast<size_t>(energy.across) * energy.down;
    energy.horizontal.resize(blocks), energy.vertical.resize(blocks);
    energy.darkest.resize(blocks), energy.lightest.resize(blocks);
    const bool fast = isa() == Isa::avx2;
    for (int by = 0; by < energy.down; ++by) {
        const uint8_t* row = frame.row(by * block_px);
        const auto to = [&](int bx) {
            const size_t at = static_cast<size_t>(by) * energy.across + bx;
            return To{energy.horizontal.data() + at, energy.vertical.data() + at,
                      energy.darkest.data() + at, energy.lightest.data() + at};
        };
        int bx = 0;
#if IMI_X86
        if (fast) bx = row_avx2(row, frame.stride, energy.across, to(0));
#endif
        (void)fast;
        for (; bx < energy.across; ++bx) block_plain(row + bx * block_px, frame.stride, to(bx));
    }
}

}  // namespace imi
