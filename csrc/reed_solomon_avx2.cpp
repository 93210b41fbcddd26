// Reed-Solomon encoding without a dependency chain: parity is the sum of codeword * row, where the
// row is x^(parity + distance to the end) modulo the generator. A product of a codeword by 32
// coefficients is two shuffles by nibbles. 114 + 48 codewords: about 0.2 us against 0.8 portable.
#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <mutex>

#include "cpu.h"
#include "reed_solomon.h"

#if IMI_X86
#include <immintrin.h>

namespace imi {
namespace {

using gf256::kMaxParity;
using gf256::kOrder;

inline constexpr int kLane = 32;

// The rows of one parity length, each as low nibbles and high nibbles of `kLanes` lanes.
template <int kLanes>
struct Rows {
    struct Row {
        alignas(kLane) std::array<uint8_t, kLanes * kLane> low{}, high{};
    };
    std::array<Row, kOrder> at;  // by distance to the last data codeword

    explicit Rows(int parity) {
        const auto& generator = gf256::kGenerators[parity];
        std::array<uint8_t, kMaxParity> row{};
        std::copy_n(generator.begin(), parity, row.begin());
        for (Row& nibbles : at) {
            for (int i = 0; i < parity; i++) {
                nibbles.low[i] = row[i] & 15;
                nibbles.high[i] = row[i] >> 4;
            }
            const uint8_t overflow = row[0];  // times x, modulo the generator
            for (int i = 0; i < parity; i++) {
                const uint8_t next = i + 1 < parity ? row[i + 1] : 0;
                row[i] = static_cast<uint8_t>(next ^ gf256::multiply(overflow, generator[i]));
            }
        }
    }
};

template <int kLanes>
const Rows<kLanes>& rows(int parity) {
    static std::array<std::once_flag, kLane> once;
    static std::array<std::unique_ptr<const Rows<kLanes>>, kLane> made;
    const int slot = (parity - 1) % kLane;  // 32 lengths share a number of lanes
    std::call_once(once[slot], [&] { made[slot] = std::make_unique<Rows<kLanes>>(parity); });
    return *made[slot];
}

template <int kLanes>
IMI_TARGET_AVX2 void sum_of_rows(std::span<const uint8_t> data, std::span<uint8_t> parity) {
    const Rows<kLanes>& table = rows<kLanes>(static_cast<int>(parity.size()));
    __m256i sum[kLanes];
    for (auto& lane : sum) lane = _mm256_setzero_si256();
    const size_t length = data.size();
    for (size_t i = 0; i < length; i++) {
        const auto* products = gf256::kNibbleProducts[data[i]].data();
        const __m256i by_low =
            _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(products)));
        const __m256i by_high = _mm256_broadcastsi128_si256(
            _mm_load_si128(reinterpret_cast<const __m128i*>(products + 16)));
        const auto& row = table.at[length - 1 - i];
        for (int lane = 0; lane < kLanes; lane++) {
            const __m256i low =
                _mm256_load_si256(reinterpret_cast<const __m256i*>(row.low.data() + lane * kLane));
            const __m256i high =
                _mm256_load_si256(reinterpret_cast<const __m256i*>(row.high.data() + lane * kLane));
            sum[lane] =
                _mm256_xor_si256(sum[lane], _mm256_xor_si256(_mm256_shuffle_epi8(by_low, low),
                                                             _mm256_shuffle_epi8(by_high, high)));
        }
    }
    alignas(kLane) std::array<uint8_t, kLanes * kLane> out;
    for (int lane = 0; lane < kLanes; lane++) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.data() + lane * kLane), sum[lane]);
    }
    std::copy_n(out.begin(), parity.size(), parity.begin());
}

}  // namespace

void rs_encode_avx2(std::span<const uint8_t> data, std::span<uint8_t> parity) {
    assert(!parity.empty() && parity.size() <= kMaxParity);
    assert(data.size() + parity.size() <= kOrder);
    if (parity.size() <= kLane) return sum_of_rows<1>(data, parity);
    if (parity.size() <= 2 * kLane) return sum_of_rows<2>(data, parity);
    sum_of_rows<3>(data, parity);
}

}  // namespace imi

#else

namespace imi {

void rs_encode_avx2(std::span<const uint8_t> data, std::span<uint8_t> parity) {
    rs_encode_portable(data, parity);
}

}  // namespace imi

#endif
