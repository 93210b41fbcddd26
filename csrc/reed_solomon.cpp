#include "reed_solomon.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <mutex>
#include <vector>

#include "cpu.h"
#include "gf256_evaluate.h"

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
// Control Codes", 1983, 7.4 and 9.2). Nothing as soon as it is longer than `longest`: it never
// shrinks. Polynomials are only touched up to their degrees.
std::optional<Locator> find_locator(const Polynomial& syndromes, int parity, int length,
                                    std::span<const int> erasures, int longest) {
    Polynomial lambda{1};
    const int erased = static_cast<int>(erasures.size());
    for (int k = 0; k < erased; k++) {
        const uint8_t x = gf256::power(length - 1 - erasures[k]);
        for (int i = k + 1; i > 0; i--) lambda[i] ^= multiply(x, lambda[i - 1]);
    }
    Polynomial b = lambda;  // the locator before the last change of length, over its discrepancy
    int b_degree = erased, b_age = 0;
    int found = erased;  // erasures and errors so far: lambda has no higher power
    for (int r = erased + 1; r <= parity; r++) {
        uint8_t discrepancy = 0;
        const int terms = std::min(found + 1, r);
        for (int i = 0; i < terms; i++) discrepancy ^= multiply(lambda[i], syndromes[r - 1 - i]);
        b_age++;
        if (discrepancy == 0) continue;
        const bool longer = 2 * found <= r + erased - 1;
        Polynomial before;
        if (longer) std::copy_n(lambda.begin(), found + 1, before.begin());
        for (int i = 0; i <= b_degree; i++) lambda[i + b_age] ^= multiply(discrepancy, b[i]);
        if (!longer) continue;
        const uint8_t scale = gf256::inverse(discrepancy);
        for (int i = 0; i <= found; i++) b[i] = multiply(before[i], scale);
        b_degree = found, b_age = 0;
        found = r + erased - found;
        if (found > longest) return std::nullopt;
    }
    if (lambda[found] == 0) return std::nullopt;  // fewer roots than errors
    return Locator{lambda, found};
}

// The value at alpha^exponent of every `stride`-th term of a polynomial.
uint8_t value_at(std::span<const uint8_t> coefficients, int exponent, size_t stride) {
    const int step = exponent * static_cast<int>(stride) % kOrder;
    uint8_t value = 0;
    for (size_t k = 0, power = 0; k < coefficients.size(); k += stride) {
        value ^= gf256::kTables.power[gf256::kTables.log[coefficients[k]] + power];
        power += static_cast<size_t>(step);
        if (power >= kOrder) power -= kOrder;
    }
    return value;
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

    Polynomial syndromes;
    gf256::evaluate(std::span(*rest).first(parity), 1, std::span(syndromes).first(parity));
    const int longest = erased + (parity - erased - reserve) / 2;
    const auto locator = find_locator(syndromes, parity, length, erasures, longest);
    if (!locator) return std::nullopt;
    const int degree = locator->degree;
    const auto lambda = std::span(locator->polynomial).first(degree + 1);

    // The inverse of place i's power is alpha^(i - length + 1), and alpha^255 is 1.
    const int first = kOrder + 1 - length;
    std::array<uint8_t, kOrder> at_place;
    gf256::evaluate(lambda, first, std::span(at_place).first(length));
    if (std::count(at_place.begin(), at_place.begin() + length, 0) != degree) return std::nullopt;

    // Forney: with roots alpha^1.., the error value is omega(1/X) / lambda'(1/X). Of omega, what is
    // not below lambda's degree vanishes; the derivative is the odd terms over x.
    Polynomial omega{};
    for (int i = 0; i < degree; i++) {
        for (int j = 0; j <= i; j++) omega[i] ^= multiply(lambda[j], syndromes[i - j]);
    }
    std::array<uint8_t, kOrder> corrected;
    std::copy(block.begin(), block.end(), corrected.begin());
    for (int i = 0; i < length; i++) {
        if (at_place[i] != 0) continue;
        const uint8_t slope = value_at(lambda.subspan(1), first + i, 2);
        if (slope == 0) return std::nullopt;  // a double root: not a locator
        const uint8_t value = value_at(std::span(omega).first(degree), first + i, 1);
        corrected[i] ^= multiply(value, gf256::inverse(slope));
    }
    if (remainder(std::span(corrected).first(length), parity)) return std::nullopt;
    std::copy_n(corrected.begin(), length, block.begin());
    return degree - erased;
}

}  // namespace imi
