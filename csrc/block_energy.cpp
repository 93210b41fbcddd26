#include "block_energy.h"

#include <cstdlib>

#include "cpu.h"

#if IMI_X86
#include <immintrin.h>
#endif

namespace imi {
namespace {

void block_plain(const uint8_t* at, std::ptrdiff_t stride, uint16_t& horizontal,
                 uint16_t& vertical) {
    int across = 0, down = 0;
    for (int y = 0; y < block_px; ++y, at += stride) {
        for (int x = 0; x < block_px; ++x) {
            across += std::abs(at[x] - at[x + 1]);
            down += std::abs(at[x] - at[x + stride]);
        }
    }
    horizontal = static_cast<uint16_t>(across);
    vertical = static_cast<uint16_t>(down);
}

#if IMI_X86
// Four blocks side by side: psadbw sums eight absolute differences, which is one row of a block.
IMI_TARGET_AVX2 void four_blocks_avx2(const uint8_t* at, std::ptrdiff_t stride,
                                      uint16_t* horizontal, uint16_t* vertical) {
    __m256i across = _mm256_setzero_si256(), down = _mm256_setzero_si256();
    __m256i here = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    for (int y = 0; y < block_px; ++y, at += stride) {
        const __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 1));
        const __m256i below = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + stride));
        across = _mm256_add_epi64(across, _mm256_sad_epu8(here, right));
        down = _mm256_add_epi64(down, _mm256_sad_epu8(here, below));
        here = below;
    }
    alignas(32) uint64_t a[4], d[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(a), across);
    _mm256_store_si256(reinterpret_cast<__m256i*>(d), down);
    for (int i = 0; i < 4; ++i) {
        horizontal[i] = static_cast<uint16_t>(a[i]);
        vertical[i] = static_cast<uint16_t>(d[i]);
    }
}
#endif

}  // namespace

void measure_blocks(const GreyView& frame, BlockEnergy& energy) {
    energy.across = frame.width > block_px ? (frame.width - 1) / block_px : 0;
    energy.down = frame.height > block_px ? (frame.height - 1) / block_px : 0;
    if (energy.across == 0 || energy.down == 0) energy.across = energy.down = 0;
    const size_t blocks = static_cast<size_t>(energy.across) * energy.down;
    energy.horizontal.resize(blocks);
    energy.vertical.resize(blocks);
    const bool fast = isa() == Isa::avx2;
    for (int by = 0; by < energy.down; ++by) {
        const uint8_t* row = frame.row(by * block_px);
        uint16_t* horizontal = energy.horizontal.data() + static_cast<size_t>(by) * energy.across;
        uint16_t* vertical = energy.vertical.data() + static_cast<size_t>(by) * energy.across;
        int bx = 0;
#if IMI_X86
        if (fast) {  // a load of 32 bytes from the pixel on the right must stay inside the row
            for (; bx + 4 <= energy.across; bx += 4)
                four_blocks_avx2(row + bx * block_px, frame.stride, horizontal + bx, vertical + bx);
        }
#endif
        (void)fast;
        for (; bx < energy.across; ++bx)
            block_plain(row + bx * block_px, frame.stride, horizontal[bx], vertical[bx]);
    }
}

}  // namespace imi
