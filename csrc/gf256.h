// The field of ISO/IEC 16022:2006 5.7.1: GF(256) modulo x^8 + x^5 + x^3 + x^2 + 1, and the
// generator polynomials of Annex E, all computed by the compiler.
#pragma once

#include <array>
#include <cstdint>

namespace imi::gf256 {

inline constexpr int kFieldPolynomial = 0x12D;
inline constexpr int kOrder = 255;     // of the multiplicative group; alpha = 2 generates it
inline constexpr int kMaxParity = 68;  // 120x120 has the most error codewords in one block

struct Tables {
    std::array<uint8_t, 2 * kOrder> power{};  // doubled: a sum of two logarithms needs no modulo
    std::array<uint8_t, 256> log{};           // log[0] is never read
};

consteval Tables make_tables() {
    Tables tables;
    int x = 1;
    for (int i = 0; i < kOrder; i++) {
        tables.power[i] = tables.power[i + kOrder] = static_cast<uint8_t>(x);
        tables.log[x] = static_cast<uint8_t>(i);
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
    if (a == 0 || b == 0) return 0;
    return kTables.power[kTables.log[a] + kTables.log[b]];
}

// 1 / a; `a` is not 0.
constexpr uint8_t inverse(uint8_t a) { return kTables.power[kOrder - kTables.log[a]]; }

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
