// A polynomial over the field at many consecutive powers of alpha: syndromes, and the search for a
// locator's roots. The costly part of correcting a block.
#pragma once

#include <cstdint>
#include <span>

#include "gf256.h"

namespace imi::gf256 {

// values[i] = the polynomial at alpha^(first + i). Coefficients from the lowest power, at most
// kMaxParity + 1 of them; 0 <= first and first + values.size() <= 256.
void evaluate(std::span<const uint8_t> coefficients, int first, std::span<uint8_t> values);

// The variants behind evaluate, for tests and for the dispatch.
void evaluate_portable(std::span<const uint8_t> coefficients, int first, std::span<uint8_t> values);
void evaluate_avx2(std::span<const uint8_t> coefficients, int first, std::span<uint8_t> values);

}  // namespace imi::gf256
