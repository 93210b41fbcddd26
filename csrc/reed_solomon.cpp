#include "reed_solomon.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <mutex>
#include <vector>

#include "cpu.h"

namespace imi {
namespace {

using gf256::kMaxParity;
using gf256::kOrder;
using gf256::multiply;

// ---- encoding ------------------------------------------------------------------------------

// feedback * generator for every feedback, eight coefficients to a word, the first lowest: the
// shift register then moves whole words.
template <int kWords>
struct Products {
    std::array<std::array<uint64_t, kWords>, 256> row{};

    explicit Products(int parity) {
        const auto& generator = gf256::kGenerators[parity];
        for (int feedback = 0; feedback < 256; feedback++) {
            for (int i = 0; i < parity; i++) {
                const uint64_t product = multiply(static_cast<uint8_t>(feedback), generator[i]);
                row[feedback][i / 8] |= product << (8 * (i % 8));
            }
        }
    }
};

template <int kWords>
const Products<kWords>& products(int parity) {
    static std::array<std::once_flag, 8> once;
    static std::array<std::unique_ptr<const Products<kWords>>, 8> made;
    const int slot = (parity - 1) % 8;  // eight lengths share a number of words
    std::call_once(once[slot], [&] { made[slot] = std::make_unique<Products<kWords>>(parity); });
    return *made[slot];
}

template <int kWords>
void shift_register(std::span<const uint8_t> data, std::span<uint8_t> parity) {
    const auto& table = products<kWords>(static_cast<int>(parity.size()));
    std::array<uint64_t, kWords + 1> state{};  // the last stays 0: what is shifted in
    for (const uint8_t codeword : data) {
        const auto& row = table.row[codeword ^ (state[0] & 0xFF)];
        for (int i = 0; i < kWords; i++) {
            state[i] = (state[i] >> 8 | state[i + 1] << 56) ^ row[i];
        }
    }
    for (size_t i = 0; i < parity.size(); i++) {
        parity[i] = static_cast<uint8_t>(state[i / 8] >> (8 * (i % 8)));
    }
}

// ---- correcting ----------------------------------------------------------------------------

using Polynomial = std::array<uint8_t, kMaxParity + 2>;  // coefficient of x^i at [i]

// The value of `coefficients`, lowest power first, at x.
uint8_t evaluate(std::span<const uint8_t> coefficients, uint8_t x) {
    uint8_t value = 0;
    for (size_t i = coefficients.size(); i-- > 0;) {
        value = static_cast<uint8_t>(multiply(value, x) ^ coefficients[i]);
    }
    return value;
}

// The remainder of the block by the generator, lowest power first, or nothing when it vanishes:
// then all syndromes vanish, since the generator's roots are the syndromes' points.
std::optional<Polynomial> remainder(std::span<const uint8_t> block, int parity) {
    std::array<uint8_t, kMaxParity> expected;
    const size_t data = block.size() - parity;
    rs_encode(block.first(data), std::span(expected).first(parity));
    Polynomial rest{};
    uint8_t any = 0;
    for (int i = 0; i < parity; i++) {
        rest[parity - 1 - i] = static_cast<uint8_t>(expected[i] ^ block[data + i]);
        any |= rest[parity - 1 - i];
    }
    if (any == 0) return std::nullopt;
    return rest;
}

struct Locator {
    Polynomial polynomial{};
    int degree = 0;
};

// Berlekamp-Massey, started from the erasures' locator (Blahut, "Theory and Practice of Error
// Control Codes", 1983, 7.4 and 9.2).
Locator find_locator(const Polynomial& syndromes, int parity, int length,
                     std::span<const int> erasures) {
    Polynomial lambda{1}, b{};
    const int erased = static_cast<int>(erasures.size());
    for (int k = 0; k < erased; k++) {
        const uint8_t x = gf256::power(length - 1 - erasures[k]);
        for (int i = k + 1; i > 0; i--) lambda[i] ^= multiply(x, lambda[i - 1]);
    }
    b = lambda;
    int found = erased;  // erasures and errors so far
    for (int r = erased + 1; r <= parity; r++) {
        uint8_t discrepancy = 0;
        for (int i = 0; i < r; i++) discrepancy ^= multiply(lambda[i], syndromes[r - 1 - i]);
        std::copy_backward(b.begin(), b.end() - 1, b.end());
        b[0] = 0;
        if (discrepancy == 0) continue;
        const Polynomial before = lambda;
        for (size_t i = 0; i < lambda.size(); i++) lambda[i] ^= multiply(discrepancy, b[i]);
        if (2 * found <= r + erased - 1) {
            found = r + erased - found;
            const uint8_t scale = gf256::inverse(discrepancy);
            for (size_t i = 0; i < b.size(); i++) b[i] = multiply(before[i], scale);
        }
    }
    Locator locator{lambda, 0};
    for (int i = 0; i <= parity; i++) {
        if (lambda[i] != 0) locator.degree = i;
    }
    return locator;
}

}  // namespace

void rs_encode_portable(std::span<const uint8_t> data, std::span<uint8_t> parity) {
    assert(!parity.empty() && parity.size() <= kMaxParity);
    assert(data.size() + parity.size() <= kOrder);
    switch ((parity.size() + 7) / 8) {
        case 1:
            return shift_register<1>(data, parity);
        case 2:
            return shift_register<2>(data, parity);
        case 3:
            return shift_register<3>(data, parity);
        case 4:
            return shift_register<4>(data, parity);
        case 5:
            return shift_register<5>(data, parity);
        case 6:
            return shift_register<6>(data, parity);
        case 7:
            return shift_register<7>(data, parity);
        case 8:
            return shift_register<8>(data, parity);
        default:
            return shift_register<9>(data, parity);
    }
}

void rs_encode(std::span<const uint8_t> data, std::span<uint8_t> parity) {
#if IMI_X86
    if (isa() == Isa::avx2) return rs_encode_avx2(data, parity);
#endif
    rs_encode_portable(data, parity);
}

std::optional<int> rs_correct(std::span<uint8_t> block, int parity, std::span<const int> erasures,
                              int reserve) {
    const int length = static_cast<int>(block.size());
    const int erased = static_cast<int>(erasures.size());
    assert(parity >= 1 && parity <= kMaxParity && parity < length && length <= kOrder);
    if (erased + reserve > parity) return std::nullopt;
    const auto rest = remainder(block, parity);
    if (!rest) return 0;

    Polynomial syndromes{};
    for (int j = 0; j < parity; j++) {
        syndromes[j] = evaluate(std::span(*rest).first(parity), gf256::power(j + 1));
    }
    const Locator locator = find_locator(syndromes, parity, length, erasures);
    const int errors = locator.degree - erased;
    if (errors < 0 || 2 * errors + erased + reserve > parity) return std::nullopt;

    // Forney: with roots alpha^1.., the error value is omega(1/X) / lambda'(1/X).
    Polynomial omega{}, derivative{};
    for (int i = 0; i < parity; i++) {
        for (int j = 0; j <= std::min(i, locator.degree); j++) {
            omega[i] ^= multiply(locator.polynomial[j], syndromes[i - j]);
        }
    }
    for (int i = 1; i <= locator.degree; i += 2) derivative[i - 1] = locator.polynomial[i];

    std::array<uint8_t, kOrder> corrected;
    std::copy(block.begin(), block.end(), corrected.begin());
    int roots = 0;
    for (int i = 0; i < length; i++) {
        const uint8_t x_inverse = gf256::power((kOrder - (length - 1 - i)) % kOrder);
        if (evaluate(std::span(locator.polynomial).first(locator.degree + 1), x_inverse) != 0) {
            continue;
        }
        const uint8_t slope = evaluate(std::span(derivative).first(parity), x_inverse);
        if (slope == 0) return std::nullopt;  // a double root: not a locator
        const uint8_t value = evaluate(std::span(omega).first(parity), x_inverse);
        corrected[i] ^= multiply(value, gf256::inverse(slope));
        roots++;
    }
    if (roots != locator.degree) return std::nullopt;
    if (remainder(std::span(corrected).first(length), parity)) return std::nullopt;
    std::copy_n(corrected.begin(), length, block.begin());
    return errors;
}

}  // namespace imi
