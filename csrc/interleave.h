// Which Reed-Solomon block a codeword belongs to (ISO/IEC 16022:2006 5.7.2, Annex A).
#pragma once

#include "symbol_sizes.h"

namespace imi {

// Codeword i of the symbol, data and error codewords counted through, belongs to block i mod B and
// follows codeword i - B there. One rule for all sizes: in 144x144 the 1558 data codewords end in
// the middle of a turn, so the error codewords start with block 8, and blocks 8 and 9 are one
// data codeword shorter.
struct Block {
    const SymbolSize& size;
    int index;

    constexpr int data_codewords() const {
        return (size.data_codewords - index + size.blocks - 1) / size.blocks;
    }
    constexpr int codewords() const { return data_codewords() + size.error_codewords_per_block(); }
    // Place in the symbol's sequence of codeword i of this block.
    constexpr int position(int i) const { return index + i * size.blocks; }
};

consteval bool blocks_cover_every_codeword() {
    for (const SymbolSize& size : kSizes) {
        int data = 0, all = 0;
        for (int b = 0; b < size.blocks; b++) {
            const Block block{size, b};
            data += block.data_codewords();
            all += block.codewords();
            if (block.position(block.data_codewords() - 1) >= size.data_codewords) return false;
            if (block.position(block.data_codewords()) < size.data_codewords) return false;
            if (block.position(block.codewords() - 1) >= size.codewords()) return false;
        }
        if (data != size.data_codewords || all != size.codewords()) return false;
    }
    return true;
}
static_assert(blocks_cover_every_codeword());

}  // namespace imi
