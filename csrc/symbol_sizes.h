// The 48 symbol sizes: 24 square, 6 rectangular (ISO/IEC 16022:2006 Table 7) and 18 DMRE
// (ISO/IEC 21471:2020). Everything else about a size is derived.
#pragma once

#include <array>
#include <cstdint>

namespace imi {

struct SymbolSize {
    int16_t rows, columns;                // modules, finder and timing included
    int8_t regions_down, regions_across;  // data regions
    int16_t data_codewords;
    int8_t blocks;  // interleaved Reed-Solomon blocks
    bool dmre;

    constexpr int mapping_rows() const { return rows - 2 * regions_down; }
    constexpr int mapping_columns() const { return columns - 2 * regions_across; }
    constexpr int codewords() const { return mapping_rows() * mapping_columns() / 8; }
    constexpr int error_codewords() const { return codewords() - data_codewords; }
    constexpr int error_codewords_per_block() const { return error_codewords() / blocks; }
    constexpr bool square() const { return rows == columns; }
};

const SymbolSize* find_size(int rows, int columns) noexcept;  // null when there is no such size

}  // namespace imi
