// The field of ISO/IEC 16022:2006 5.7.1: GF(256) modulo x^8 + x^5 + x^3 + x^2 + 1, and the
// generator polynomials of Annex E, all computed by the compiler.
#pragma once

#include <array>
#include <cstdint>

namespace imi::gf256 {

inline constexpr int kFieldPolynomial = 0x12D;
inline constexpr int kOrder = 255;     // of the multiplicative group; alpha = 2 generates it
inline constexpr int kMaxParity = 68;  // 120x120 has the most error codewords in one block

inline constexpr int kLogOfZero = 2 * kOrder;

struct Tables {
    // Doubled: a sum of two logarithms needs no modulo; then 0 wherever one of them is that of 0.
    std::array<uint8_t, 2 * kLogOfZero + 1> power{};
    std::array<uint16_t, 256> log{kLogOfZero};
};

consteval Tables make_tables() {
    Tables tables;
    int x = 1;
    for (int i = 0; i < kOrder; i++) {
        tables.power[i] = tables.power[i + kOrder] = static_cast<uint8_t>(x);
        tables.log[x] = static_cast<uint16_t>(i);
        x <<= 1;
        if (x & 0x100) x ^= kFieldPolynomial;
    }
    return tables;
}

inline constexpr Tables kTables = make_tables();

// alpha to the power `exponent`, 0 <= exponent < 510.
constexpr uint8_t power(int exponent) { return kTables.power[exponent]; }

// The exponent of alpha that gives `a`; `a` is not 0.
constexpr int log(uint8_t a) { return kTables.log[a]; }

constexpr uint8_t multiply(uint8_t a, uint8_t b) {
    return kTables.power[kTables.log[a] + kTables.log[b]];
}

// 1 / a; `a` is not 0.
constexpr uint8_t inverse(uint8_t a) { return kTables.power[kOrder - kTables.log[a]]; }

// What a shuffle by nibbles needs to multiply by a: 16 products of a by a low nibble, then 16 by a
// high one.
consteval std::array<std::array<uint8_t, 32>, 256> make_nibble_products() {
    std::array<std::array<uint8_t, 32>, 256> all{};
    for (int a = 0; a < 256; a++) {
        for (int nibble = 0; nibble < 16; nibble++) {
            const auto factor = static_cast<uint8_t>(a);
            all[a][nibble] = multiply(factor, static_cast<uint8_t>(nibble));
            all[a][16 + nibble] = multiply(factor, static_cast<uint8_t>(nibble << 4));
        }
    }
    return all;
}
alignas(64) inline constexpr auto kNibbleProducts = make_nibble_products();

// kGenerators[n][i] is the coefficient of x^(n-1-i) in (x - alpha)(x - alpha^2)...(x - alpha^n);
// the leading 1 is not stored.
using Generators = std::array<std::array<uint8_t, kMaxParity>, kMaxParity + 1>;

consteval Generators make_generators() {
    Generators all{};
    // Each is built from the one before: from scratch, clang stops at its constexpr step limit.
    for (int n = 1; n <= kMaxParity; n++) {
        const uint8_t root = power(n);
        for (int i = 0; i < n; i++) {
            const uint8_t before = i == 0 ? 1 : all[n - 1][i - 1];
            const uint8_t same = i < n - 1 ? all[n - 1][i] : 0;
            all[n][i] = static_cast<uint8_t>(same ^ multiply(root, before));
        }
    }
    return all;
}

inline constexpr Generators kGenerators = make_generators();

// Annex E prints the generator for 5 error codewords as x^5 + 62x^4 + 111x^3 + 15x^2 + 48x + 228.
static_assert(kGenerators[5][0] == 62 && kGenerators[5][1] == 111 && kGenerators[5][2] == 15 &&
              kGenerators[5][3] == 48 && kGenerators[5][4] == 228);

}  // namespace imi::gf256
