// Codewords with doubts -> corrected codewords: Forney's generalised minimum distance decoding
// ("Concatenated Codes", 1966), one set of syndromes for all erasure counts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "symbol_sizes.h"

namespace imi {

struct Correction {
    int errors = 0;    // codewords changed whose place was not announced
    int erasures = 0;  // codewords that were taken as unknown
    float bits = 0;    // proof_bits of all blocks
};

// Corrects all blocks of a symbol in place, or leaves some of them corrected and returns nothing.
// `doubt` is by codeword of the symbol, any scale, larger is more doubtful; empty for errors alone.
// `patient` also takes the most doubtful codewords as erasures, one, three, five and so on.
// `bits` that the answer needs steer how many may be erased; the caller decides by proven().
// Adds the tries of all blocks to `attempts`.
std::optional<Correction> correct_codewords(const SymbolSize& size, uint8_t* codewords,
                                            std::span<const float> doubt, bool patient,
                                            int& attempts);

}  // namespace imi
