// Reed-Solomon over one block of codewords (ISO/IEC 16022:2006 5.7 and Annex E).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "gf256.h"

namespace imi {

// Writes the error codewords of `data` into `parity`. 1 <= parity.size() <= 68 and
// data.size() + parity.size() <= 255: the caller's promise.
void rs_encode(std::span<const uint8_t> data, std::span<uint8_t> parity);

// The variants behind rs_encode, for tests and for the dispatch.
void rs_encode_portable(std::span<const uint8_t> data, std::span<uint8_t> parity);
void rs_encode_avx2(std::span<const uint8_t> data, std::span<uint8_t> parity);

// Corrects `block` (data then parity) in place and returns how many codewords were changed whose
// place was not in `erasures`; or nothing, with the block as it was, when no correction exists with
// 2 * errors + erasures + reserve <= parity. The answer is proven: its syndromes vanish.
//
// `erasures` are distinct indices into `block`. `reserve` error codewords are kept for detection;
// rs_reserve() has the standard's figure.
std::optional<int> rs_correct(std::span<uint8_t> block, int parity, std::span<const int> erasures,
                              int reserve);

// ISO/IEC 16022:2006 5.7.3: three error codewords are reserved when erasures take more than half.
constexpr int rs_reserve(int parity, int erasures) { return 2 * erasures > parity ? 3 : 0; }

// 10x10, 12x12 and 8x18 have so few error codewords that one is reserved without erasures too
// (ISO/IEC 16022:2006 5.7.3).
constexpr int rs_error_reserve(int parity) { return parity <= 7 ? 1 : 0; }

}  // namespace imi
