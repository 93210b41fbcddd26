// How sure a decoded symbol is: the chance that noise would have passed, in bits.
//
// Reed-Solomon corrects a block of n codewords, p of them for errors, with e erasures and t errors
// from 256^e * C(n - e, t) * 255^t of the 256^p possible syndromes, so a random block passes with
// that share: proof_bits. All blocks have to pass, so bits add up. A reader that tries m times
// sees a false one m times as often: a level of read_grid makes at most kMostAttempts corrections
// of a block, each with kProofBits or more, so a grid laid over anything but a symbol gives an
// answer with a chance below 128 * 2^-40 = 1.2e-10 a level, 6e-10 for all five. (Of several blocks
// each pays five bits for its own attempts.) What the data say beyond that, that they parse, is not
// counted.
//
// The small sizes cannot reach that with Reed-Solomon alone; there the finder, timing and alignment
// modules count too, less what a search gains by picking the best of about 2^20 places.
#pragma once

#include "symbol_sizes.h"

namespace imi {

inline constexpr float kProofBits = 40;
inline constexpr int kMostAttempts = 128;
// Of Reed-Solomon, however good the finder looks: a ruined symbol may have a whole one. One try of
// a few grids needs less than tries with erasures at every level of read_grid, 2^12 or so.
inline constexpr float kLeastBits = 16, kPatientBits = 28;
inline constexpr float kSearchBits = 20;  // of the finder's, spent on finding it

// -log2 of the chance that a random block of `length` codewords is corrected with these figures.
float proof_bits(int length, int parity, int errors, int erasures);

// -log2 of the chance that `right` or more of `count` modules are as they should be by coin toss.
float finder_bits(int count, int right);

// Whether an answer stands. `bits` is the sum of proof_bits over the blocks, `patient` whether it
// was sought with erasures.
bool proven(float bits, bool patient, int finder_modules, int finder_right);

}  // namespace imi
