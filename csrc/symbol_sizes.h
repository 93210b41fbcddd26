// The 48 symbol sizes: 24 square, 6 rectangular (ISO/IEC 16022:2006 Table 7) and 18 DMRE
// (ISO/IEC 21471:2020). Everything else about a size is derived.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace imi {

struct SymbolSize {
    int16_t rows, columns;                // modules, finder and timing included
    int8_t regions_down, regions_across;  // data regions
    int16_t data_codewords;
    int8_t blocks;  // interleaved Reed-Solomon blocks
    bool dmre;

    constexpr int mapping_rows() const { return rows - 2 * regions_down; }
    constexpr int mapping_columns() const { return columns - 2 * regions_across; }
    constexpr int region_rows() const { return mapping_rows() / regions_down; }
    constexpr int region_columns() const { return mapping_columns() / regions_across; }
    constexpr int codewords() const { return mapping_rows() * mapping_columns() / 8; }
    constexpr int error_codewords() const { return codewords() - data_codewords; }
    constexpr int error_codewords_per_block() const { return error_codewords() / blocks; }
    constexpr int modules() const { return rows * columns; }
    constexpr bool square() const { return rows == columns; }
    // Latch and length field take one codeword each: the field that reaches the end of the symbol
    // writes its length as 0 (ISO/IEC 16022:2006 5.2.9.1).
    constexpr int base256_bytes() const { return data_codewords - 2; }
};

inline constexpr int kSymbolSizes = 48;

inline constexpr std::array<SymbolSize, kSymbolSizes> kSizes = {{
    // rows, columns, regions down, across, data codewords, blocks, DMRE
    {10, 10, 1, 1, 3, 1, false},      {12, 12, 1, 1, 5, 1, false},
    {14, 14, 1, 1, 8, 1, false},      {16, 16, 1, 1, 12, 1, false},
    {18, 18, 1, 1, 18, 1, false},     {20, 20, 1, 1, 22, 1, false},
    {22, 22, 1, 1, 30, 1, false},     {24, 24, 1, 1, 36, 1, false},
    {26, 26, 1, 1, 44, 1, false},     {32, 32, 2, 2, 62, 1, false},
    {36, 36, 2, 2, 86, 1, false},     {40, 40, 2, 2, 114, 1, false},
    {44, 44, 2, 2, 144, 1, false},    {48, 48, 2, 2, 174, 1, false},
    {52, 52, 2, 2, 204, 2, false},    {64, 64, 4, 4, 280, 2, false},
    {72, 72, 4, 4, 368, 4, false},    {80, 80, 4, 4, 456, 4, false},
    {88, 88, 4, 4, 576, 4, false},    {96, 96, 4, 4, 696, 4, false},
    {104, 104, 4, 4, 816, 6, false},  {120, 120, 6, 6, 1050, 6, false},
    {132, 132, 6, 6, 1304, 8, false}, {144, 144, 6, 6, 1558, 10, false},
    {8, 18, 1, 1, 5, 1, false},       {8, 32, 1, 2, 10, 1, false},
    {12, 26, 1, 1, 16, 1, false},     {12, 36, 1, 2, 22, 1, false},
    {16, 36, 1, 2, 32, 1, false},     {16, 48, 1, 2, 49, 1, false},
    {8, 48, 1, 2, 18, 1, true},       {8, 64, 1, 4, 24, 1, true},
    {8, 80, 1, 4, 32, 1, true},       {8, 96, 1, 4, 38, 1, true},
    {8, 120, 1, 6, 49, 1, true},      {8, 144, 1, 6, 63, 1, true},
    {12, 64, 1, 4, 43, 1, true},      {12, 88, 1, 4, 64, 1, true},
    {16, 64, 1, 4, 62, 1, true},      {20, 36, 1, 2, 44, 1, true},
    {20, 44, 1, 2, 56, 1, true},      {20, 64, 1, 4, 84, 1, true},
    {22, 48, 1, 2, 72, 1, true},      {24, 48, 1, 2, 80, 1, true},
    {24, 64, 1, 4, 108, 1, true},     {26, 40, 1, 2, 70, 1, true},
    {26, 48, 1, 2, 90, 1, true},      {26, 64, 1, 4, 118, 1, true},
}};

inline constexpr int kMaxDataCodewords = 1558;  // 144x144
inline constexpr int kMaxCodewords = 2178;
inline constexpr int kMaxMappingModules = 132 * 132;

consteval bool sizes_are_consistent() {
    for (const SymbolSize& s : kSizes) {
        if (s.mapping_rows() % s.regions_down || s.mapping_columns() % s.regions_across)
            return false;
        // 10x10 and its like leave a square of four modules over, never more.
        const int over = s.mapping_rows() * s.mapping_columns() - 8 * s.codewords();
        if (over != 0 && over != 4) return false;
        if (s.error_codewords() % s.blocks != 0) return false;
        if (s.error_codewords_per_block() > 68) return false;
        const int longest = (s.data_codewords + s.blocks - 1) / s.blocks;
        if (longest + s.error_codewords_per_block() > 255) return false;  // the field's order
        if (s.codewords() > kMaxCodewords || s.data_codewords > kMaxDataCodewords) return false;
        if (s.region_columns() < 8 || s.region_columns() > 24) return false;  // placement.cpp
        // Only 144x144 has blocks of two lengths: 8 of 156 and 2 of 155 data codewords.
        if ((s.data_codewords % s.blocks != 0) != (s.rows == 144)) return false;
    }
    return true;
}
static_assert(sizes_are_consistent());

const SymbolSize* find_size(int rows, int columns) noexcept;  // null when there is no such size
const SymbolSize& require_size(int rows, int columns);        // or throws Fault::no_such_size
std::string name_of(const SymbolSize& size);                  // "40x40"

}  // namespace imi
