#include "pyramid.h"

#include <algorithm>
#include <array>

#include "cpu.h"

#if IMI_X86
#include <immintrin.h>
#endif

namespace imi {

namespace {

void halve_row_plain(const uint8_t* above, const uint8_t* below, uint8_t* out, int from, int to) {
    for (int x = from; x < to; ++x)
        out[x] = static_cast<uint8_t>(
            (above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1] + 2) >> 2);
}

#if IMI_X86
// Returns how many pixels it made.
IMI_TARGET_AVX2 int halve_row_avx2(const uint8_t* above, const uint8_t* below, uint8_t* out,
                                   int width) {
    const __m256i ones = _mm256_set1_epi8(1), two = _mm256_set1_epi16(2);
    int x = 0;
    for (; x + 16 <= width; x += 16) {
        const auto pairs = [&](const uint8_t* at) IMI_TARGET_AVX2 {
            return _mm256_maddubs_epi16(
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 2 * x)), ones);
        };
        const __m256i sum = _mm256_add_epi16(_mm256_add_epi16(pairs(above), pairs(below)), two);
        const __m256i mean = _mm256_srli_epi16(sum, 2);
        const __m128i packed =
            _mm_packus_epi16(_mm256_castsi256_si128(mean), _mm256_extracti128_si256(mean, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + x), packed);
    }
    return x;
}
#endif

}  // namespace

GreyView halve(const GreyView& frame, std::vector<uint8_t>& pixels) {
    const int width = frame.width / 2, height = frame.height / 2;
    pixels.resize(static_cast<size_t>(width) * height);
    const bool fast = isa() == Isa::avx2;
    for (int y = 0; y < height; ++y) {
        const uint8_t *above = frame.row(2 * y), *below = frame.row(2 * y + 1);
        uint8_t* out = pixels.data() + static_cast<size_t>(y) * width;
        int x = 0;
#if IMI_X86
        if (fast) x = halve_row_avx2(above, below, out, width);
#endif
        (void)fast;
        halve_row_plain(above, below, out, x, width);
    }
    return {pixels.data(), width, height, width};
}

GreyView twice(const GreyView& frame, std::vector<uint8_t>& pixels, std::vector<float>& rows) {
    const int width = 2 * (frame.width + kDoublingRim), height = 2 * (frame.height + kDoublingRim);
    pixels.resize(static_cast<size_t>(width) * height);
    rows.resize(static_cast<size_t>(frame.height) * width);
    // A new pixel lies a quarter of a pixel before or behind an old one.
    constexpr std::array<float, 4> behind{-0.0703125f, 0.8671875f, 0.2265625f, -0.0234375f};
    const auto place = [](int at, int limit, std::array<int, 4>& from) {
        const int old = (at - kDoublingRim) >> 1;
        const bool later = ((at - kDoublingRim) & 1) != 0;
        for (int i = 0; i < 4; ++i)
            from[i] = std::clamp(later ? old - 1 + i : old + 1 - i, 0, limit - 1);
    };
    std::array<int, 4> from{};
    for (int x = 0; x < width; ++x) {
        place(x, frame.width, from);
        for (int y = 0; y < frame.height; ++y) {
            const uint8_t* row = frame.row(y);
            float sum = 0;
            for (int i = 0; i < 4; ++i) sum += behind[i] * static_cast<float>(row[from[i]]);
            rows[static_cast<size_t>(y) * width + x] = sum;
        }
    }
    for (int y = 0; y < height; ++y) {
        place(y, frame.height, from);
        std::array<const float*, 4> row{};
        for (int i = 0; i < 4; ++i) row[i] = rows.data() + static_cast<size_t>(from[i]) * width;
        uint8_t* to = pixels.data() + static_cast<size_t>(y) * width;
        for (int x = 0; x < width; ++x) {
            const float sum = behind[0] * row[0][x] + behind[1] * row[1][x] +
                              behind[2] * row[2][x] + behind[3] * row[3][x];
            to[x] = static_cast<uint8_t>(std::clamp(sum + 0.5f, 0.0f, 255.0f));
        }
    }
    return {pixels.data(), width, height, width};
}

}  // namespace imi
