#include "gf256_evaluate.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "cpu.h"

#if IMI_X86
#include <immintrin.h>
#endif

namespace imi::gf256 {
namespace {

constexpr int kLane = 32;

void check(std::span<const uint8_t> coefficients, int first, std::span<uint8_t> values) {
    assert(coefficients.size() <= kMaxParity + 1);
    assert(first >= 0 && first + values.size() <= 256);
    static_cast<void>(coefficients), static_cast<void>(first), static_cast<void>(values);
}

#if IMI_X86

// alpha^(k * exponent) by k and exponent; a last lane may reach past exponent 255.
constexpr int kExponents = 256 + kLane - 1;
using Powers = std::array<std::array<uint8_t, kExponents>, kMaxParity + 1>;
consteval Powers make_powers() {
    Powers all{};
    for (int k = 0; k <= kMaxParity; k++) {
        for (int exponent = 0, product = 0; exponent < kExponents; exponent++) {
            all[k][exponent] = power(product);
            product += k;
            if (product >= kOrder) product -= kOrder;
        }
    }
    return all;
}
constexpr Powers kPowers = make_powers();

// `kLanes` lanes of values from alpha^first on.
template <int kLanes>
IMI_TARGET_AVX2 void evaluate_lanes(std::span<const uint8_t> coefficients, int first,
                                    uint8_t* values) {
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i sum[kLanes];
    for (auto& lane : sum) lane = _mm256_setzero_si256();
    for (size_t k = 0; k < coefficients.size(); k++) {
        const auto* products = kNibbleProducts[coefficients[k]].data();
        const __m256i by_low =
            _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(products)));
        const __m256i by_high = _mm256_broadcastsi128_si256(
            _mm_load_si128(reinterpret_cast<const __m128i*>(products + 16)));
        const uint8_t* row = kPowers[k].data() + first;
        for (int lane = 0; lane < kLanes; lane++) {
            const __m256i at =
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + lane * kLane));
            const __m256i low = _mm256_and_si256(at, nibble);
            const __m256i high = _mm256_and_si256(_mm256_srli_epi16(at, 4), nibble);
            sum[lane] =
                _mm256_xor_si256(sum[lane], _mm256_xor_si256(_mm256_shuffle_epi8(by_low, low),
                                                             _mm256_shuffle_epi8(by_high, high)));
        }
    }
    for (int lane = 0; lane < kLanes; lane++) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + lane * kLane), sum[lane]);
    }
}

#endif

}  // namespace

void evaluate_portable(std::span<const uint8_t> coefficients, int first,
                       std::span<uint8_t> values) {
    check(coefficients, first, values);
    std::fill(values.begin(), values.end(), uint8_t{0});
    for (size_t k = 0; k < coefficients.size(); k++) {
        if (coefficients[k] == 0) continue;
        const int step = static_cast<int>(k), start = log(coefficients[k]);
        int product = step * first % kOrder;
        for (uint8_t& value : values) {
            value ^= power(start + product);
            product += step;
            if (product >= kOrder) product -= kOrder;
        }
    }
}

void evaluate_avx2(std::span<const uint8_t> coefficients, int first, std::span<uint8_t> values) {
#if IMI_X86
    check(coefficients, first, values);
    alignas(kLane) std::array<uint8_t, 256> all;
    size_t done = 0;
    for (; done + 2 * kLane < values.size(); done += 3 * kLane) {
        evaluate_lanes<3>(coefficients, first + static_cast<int>(done), all.data() + done);
    }
    for (; done < values.size(); done += kLane) {
        evaluate_lanes<1>(coefficients, first + static_cast<int>(done), all.data() + done);
    }
    std::copy_n(all.begin(), values.size(), values.begin());
#else
    evaluate_portable(coefficients, first, values);
#endif
}

void evaluate(std::span<const uint8_t> coefficients, int first, std::span<uint8_t> values) {
    if (isa() == Isa::avx2) return evaluate_avx2(coefficients, first, values);
    evaluate_portable(coefficients, first, values);
}

}  // namespace imi::gf256
