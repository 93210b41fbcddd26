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
// Four blocks side by side: psadbw sums eight absolute differences, which is one row of a block.
IMI_TARGET_AVX2 void four_blocks_avx2(const uint8_t* at, std::ptrdiff_t stride, const To& to) {
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
    // Within each eight bytes, into the lowest.
    darkest = _mm256_min_epu8(darkest, _mm256_srli_epi64(darkest, 32));
    darkest = _mm256_min_epu8(darkest, _mm256_srli_epi64(darkest, 16));
    darkest = _mm256_min_epu8(darkest, _mm256_srli_epi64(darkest, 8));
    lightest = _mm256_max_epu8(lightest, _mm256_srli_epi64(lightest, 32));
    lightest = _mm256_max_epu8(lightest, _mm256_srli_epi64(lightest, 16));
    lightest = _mm256_max_epu8(lightest, _mm256_srli_epi64(lightest, 8));
    alignas(32) uint64_t a[4], d[4], low[4], high[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(a), across);
    _mm256_store_si256(reinterpret_cast<__m256i*>(d), down);
    _mm256_store_si256(reinterpret_cast<__m256i*>(low), darkest);
    _mm256_store_si256(reinterpret_cast<__m256i*>(high), lightest);
    for (int i = 0; i < 4; ++i) {
        to.horizontal[i] = static_cast<uint16_t>(a[i]);
        to.vertical[i] = static_cast<uint16_t>(d[i]);
        to.darkest[i] = static_cast<uint8_t>(low[i] & 255);
        to.lightest[i] = static_cast<uint8_t>(high[i] & 255);
    }
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
        if (fast) {  // a load of 32 bytes from the pixel on the right must stay inside the row
            for (; bx + 4 <= energy.across; bx += 4)
                four_blocks_avx2(row + bx * block_px, frame.stride, to(bx));
        }
#endif
        (void)fast;
        for (; bx < energy.across; ++bx) block_plain(row + bx * block_px, frame.stride, to(bx));
    }
}

}  // namespace imi
