#include "placement.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>

namespace imi {
namespace {

// A whole Utah covers two modules of one row and three of each of the next two rows. It is written
// as 2 + 4 + 4 bytes: the fourth byte lands on the module to its right, which is why the Utahs go
// from left to right, the wrapped shapes last, and mapping rows have room at their end.
inline constexpr int kRowPadding = 4;
inline constexpr int kMaxMappingBytes = kMaxMappingModules + kMaxMappingModules / 8 * kRowPadding;

struct Utah {
    uint16_t codeword;
    uint16_t offset;  // of its first module in the padded mapping matrix
};

struct Ragged {  // a corner, or a shape that wraps round an edge
    uint16_t codeword;
    std::array<uint16_t, 8> offsets;
};

struct Layout {
    const SymbolSize& size;
    int stride;                     // of the padded mapping matrix
    std::vector<uint16_t> indices;  // in the symbol, eight to a codeword
    std::vector<Utah> utahs;        // by ascending column
    std::vector<Ragged> ragged;
    std::vector<uint8_t> empty;  // finder and timing, data regions light

    explicit Layout(const SymbolSize& symbol_size);
};

int symbol_row(const SymbolSize& size, int row) { return row + 2 * (row / size.region_rows()) + 1; }
int symbol_column(const SymbolSize& size, int column) {
    return column + 2 * (column / size.region_columns()) + 1;
}

// Every region has a solid border left and below, and an alternating one above and to the right
// (ISO/IEC 16022:2006 4.3.1 and 5.8).
std::vector<uint8_t> draw_borders(const SymbolSize& size) {
    std::vector<uint8_t> modules(size.modules());
    const int height = size.region_rows() + 2, width = size.region_columns() + 2;
    for (int row = 0; row < size.rows; row++) {
        for (int column = 0; column < size.columns; column++) {
            const int y = row % height, x = column % width;
            const bool dark = x == 0 || y == height - 1 || (y == 0 && x % 2 == 0) ||
                              (x == width - 1 && y % 2 == 1);
            modules[row * size.columns + column] = dark;
        }
    }
    return modules;
}

Layout::Layout(const SymbolSize& symbol_size)
    : size(symbol_size),
      stride(size.mapping_columns() + kRowPadding),
      indices(8 * size.codewords()),
      empty(draw_borders(size)) {
    std::vector<std::array<uint16_t, 8>> offsets(size.codewords());
    const auto visit = [&](int codeword, int bit, int row, int column) {
        offsets[codeword][bit] = static_cast<uint16_t>(row * stride + column);
        indices[8 * codeword + bit] = static_cast<uint16_t>(symbol_row(size, row) * size.columns +
                                                            symbol_column(size, column));
    };
    PlacementWalk(size.mapping_rows(), size.mapping_columns(), visit).run();

    for (int codeword = 0; codeword < size.codewords(); codeword++) {
        const auto& at = offsets[codeword];
        const std::array<int, 8> utah = {0,          1,          stride,         stride + 1,
                                         stride + 2, 2 * stride, 2 * stride + 1, 2 * stride + 2};
        bool whole = true;
        for (int bit = 0; bit < 8; bit++) whole &= at[bit] == at[0] + utah[bit];
        const auto number = static_cast<uint16_t>(codeword);
        if (whole) {
            utahs.push_back({number, at[0]});
        } else {
            ragged.push_back({number, at});
        }
    }
    std::stable_sort(utahs.begin(), utahs.end(), [this](const Utah& a, const Utah& b) {
        return a.offset % stride < b.offset % stride;
    });
}

const Layout& layout_of(const SymbolSize& size) {
    static std::array<std::once_flag, kSymbolSizes> once;
    static std::array<std::unique_ptr<const Layout>, kSymbolSizes> made;
    const auto slot = static_cast<size_t>(&size - kSizes.data());
    std::call_once(once[slot], [&] { made[slot] = std::make_unique<Layout>(kSizes[slot]); });
    return *made[slot];
}

// The eight modules of a codeword as bytes, most significant first. Sixteen bytes each, so that
// four may be read from the last three.
consteval std::array<std::array<uint8_t, 16>, 256> make_spread() {
    std::array<std::array<uint8_t, 16>, 256> all{};
    for (int codeword = 0; codeword < 256; codeword++) {
        for (int bit = 0; bit < 8; bit++) all[codeword][bit] = codeword >> (7 - bit) & 1;
    }
    return all;
}
alignas(64) constexpr auto kSpread = make_spread();

void fill_mapping(const Layout& layout, const uint8_t* codewords, uint8_t* mapping) {
    const int stride = layout.stride;
    for (const Utah utah : layout.utahs) {
        const uint8_t* bits = kSpread[codewords[utah.codeword]].data();
        uint8_t* to = mapping + utah.offset;
        std::memcpy(to, bits, 2);
        std::memcpy(to + stride, bits + 2, 4);
        std::memcpy(to + 2 * stride, bits + 5, 4);
    }
    for (const Ragged& shape : layout.ragged) {
        const uint8_t* bits = kSpread[codewords[shape.codeword]].data();
        for (int bit = 0; bit < 8; bit++) mapping[shape.offsets[bit]] = bits[bit];
    }
    const int rows = layout.size.mapping_rows(), columns = layout.size.mapping_columns();
    if (rows * columns % 8 != 0) {  // Annex F: a fixed pattern where no codeword fits
        uint8_t* last = mapping + (rows - 1) * stride + columns - 1;
        last[0] = last[-stride - 1] = 1;
        last[-1] = last[-stride] = 0;
    }
}

// `count` bytes, at least `kHalf` and at most twice that, as two copies that overlap.
template <int kHalf>
inline void copy_row(uint8_t* to, const uint8_t* from, int count) {
    std::memcpy(to, from, kHalf);
    std::memcpy(to + count - kHalf, from + count - kHalf, kHalf);
}

template <int kHalf>
void copy_regions(const Layout& layout, const uint8_t* mapping, uint8_t* modules) {
    // Locals, since a store through uint8_t* may change anything that is not.
    const SymbolSize size = layout.size;
    const int width = size.region_columns(), height = size.region_rows();
    const int stride = layout.stride;
    for (int down = 0; down < size.regions_down; down++) {
        modules += size.columns;  // the border above
        for (int row = 0; row < height; row++) {
            const uint8_t* from = mapping;
            uint8_t* to = modules + 1;
            for (int across = 0; across < size.regions_across; across++) {
                copy_row<kHalf>(to, from, width);
                from += width;
                to += width + 2;
            }
            mapping += stride;
            modules += size.columns;
        }
        modules += size.columns;  // the border below
    }
}

}  // namespace

std::span<const uint16_t> module_indices(const SymbolSize& size) { return layout_of(size).indices; }

void place(const SymbolSize& size, const uint8_t* codewords, uint8_t* modules) {
    const Layout& layout = layout_of(size);
    std::array<uint8_t, kMaxMappingBytes> mapping;
    fill_mapping(layout, codewords, mapping.data());
    std::memcpy(modules, layout.empty.data(), layout.empty.size());
    if (size.region_columns() <= 16) {
        copy_regions<8>(layout, mapping.data(), modules);
    } else {
        copy_regions<16>(layout, mapping.data(), modules);
    }
}

void collect(const SymbolSize& size, const uint8_t* modules, uint8_t* codewords) {
    const Layout& layout = layout_of(size);
    const uint16_t* index = layout.indices.data();
    for (int i = 0; i < size.codewords(); i++, index += 8) {
        unsigned codeword = 0;
        for (int bit = 0; bit < 8; bit++) codeword = codeword << 1 | (modules[index[bit]] != 0);
        codewords[i] = static_cast<uint8_t>(codeword);
    }
}

}  // namespace imi
