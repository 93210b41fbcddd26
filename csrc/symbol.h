// One whole Data Matrix symbol: payload bytes -> modules, and modules -> payload bytes, in the
// order of the standard (ISO/IEC 16022:2006 clause 5, ISO/IEC 21471:2020 for the DMRE sizes).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "encodation.h"
#include "symbol_sizes.h"

namespace imi {

// Picks the smallest size of `shape` that holds `payload`, or throws Fault::payload_too_long.
// `size` null means "smallest that fits"; otherwise that size or a fault.
// Writes rows*columns bytes, 1 = dark, finder and timing included, no quiet zone.
const SymbolSize& encode(std::span<const uint8_t> payload, const SymbolSize* size, Shape shape,
                         Encodation encodation, std::vector<uint8_t>& modules);

// The second half of encode, for callers that have memory of their own: appends the error codewords
// to the data codewords of write_message and writes codewords.size->modules() bytes.
void draw(Codewords& codewords, uint8_t* modules);

// What a symbol says, and how much of it had to be corrected.
struct Decoded : Message {
    int errors_corrected = 0;  // codewords changed whose place was not announced
    int erasures = 0;          // codewords that were announced as doubtful
};

// `modules` is rows*columns bytes, non-zero = dark, the whole symbol with finder and timing (their
// values are not looked at). `doubt`, when not empty, has a byte for each module, 0 = sure, 255 =
// no idea; the codewords in greatest doubt are tried as erasures when errors alone do not correct.
// Throws Fault::no_such_size, bad_argument, uncorrectable or malformed_codewords. Never returns an
// answer whose syndromes do not vanish.
Decoded decode(std::span<const uint8_t> modules, int rows, int columns,
               std::span<const uint8_t> doubt = {});

}  // namespace imi
