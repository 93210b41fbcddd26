#include "soft_decode.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "gf256_evaluate.h"
#include "interleave.h"
#include "proof.h"
#include "reed_solomon.h"

namespace imi {
namespace {

using gf256::kMaxParity;
using gf256::kOrder;
using gf256::kTables;
using Syndromes = std::array<uint8_t, kMaxParity>;

// The block polynomial at alpha^1.., through its remainder by the generator, which is shorter and
// comes from a fast encoder. False when all vanish.
bool find_syndromes(std::span<const uint8_t> block, int parity, Syndromes& out) {
    std::array<uint8_t, kMaxParity> rest;
    const size_t data = block.size() - parity;
    rs_encode(block.first(data), std::span(rest).first(parity));
    uint8_t any = 0;
    for (int i = 0; i < parity; ++i) any |= rest[i] ^= block[data + i];
    if (any == 0) return false;
    std::reverse(rest.begin(), rest.begin() + parity);
    gf256::evaluate(std::span(rest).first(parity), 1, std::span(out).first(parity));
    return true;
}

// The length of the shortest shift register that makes s[0..count) (Massey 1969): the number of
// errors, when there are few enough.
int linear_complexity(const uint8_t* s, int count) {
    std::array<uint8_t, kMaxParity + 2> c{1}, b{1}, t;
    int length = 0, gap = 1, b_log = 0, b_degree = 0, c_degree = 0;
    for (int n = 0; n < count; ++n) {
        uint8_t d = s[n];
        for (int i = 1; i <= std::min(c_degree, n); ++i) d ^= gf256::multiply(c[i], s[n - i]);
        if (d == 0) {
            ++gap;
            continue;
        }
        const bool grows = 2 * length <= n;
        const int before = c_degree;
        if (grows) t = c;
        const int scale = (kTables.log[d] + kOrder - b_log) % kOrder;
        for (int i = 0; i <= b_degree && i + gap <= kMaxParity; ++i)
            if (b[i] != 0) c[i + gap] ^= kTables.power[kTables.log[b[i]] + scale];
        c_degree = std::max(c_degree, std::min(b_degree + gap, kMaxParity));
        if (grows) {
            length = n + 1 - length;
            b = t, b_degree = before, b_log = kTables.log[d], gap = 1;
        } else {
            ++gap;
        }
    }
    return length;
}

constexpr int small_parity = 20;  // error codewords of a block that counts on the finder too

struct BlockCorrection {
    int errors, erasures;
};

std::optional<BlockCorrection> correct_block(std::span<uint8_t> block, int parity,
                                             std::span<const float> doubt, bool patient,
                                             float least_bits, int& attempts) {
    Syndromes syndromes{};
    ++attempts;
    if (!find_syndromes(block, parity, syndromes)) return BlockCorrection{0, 0};
    const int length = static_cast<int>(block.size());
    // As many errors as leave a syndrome over are told from noise by the register alone; only the
    // last possible one, when it proves anything, needs the search for roots.
    const auto worth = [&](int errors, int erasures) {
        return 2 * errors + erasures <= parity && errors + erasures <= length &&
               proof_bits(length, parity, errors, erasures) >= least_bits;
    };
    const int errors = linear_complexity(syndromes.data(), parity);
    // A hasty caller does without it: noise then ends here, but for one time in 256.
    const bool hopeless = !patient && parity > small_parity && 2 * errors >= parity;
    if (!hopeless && worth(errors, 0)) {
        if (const auto done = rs_correct(block, parity, {}, 0)) return BlockCorrection{*done, 0};
    }
    if (!patient || doubt.empty()) return std::nullopt;

    std::array<int, kOrder> order;
    std::iota(order.begin(), order.begin() + length, 0);
    std::sort(order.begin(), order.begin() + length,
              [&](int a, int b) { return doubt[a] != doubt[b] ? doubt[a] > doubt[b] : a < b; });
    Syndromes forney = syndromes;  // times the erasures' locator; the first `erased` are spent
    for (int erased = 1; erased < parity && erased <= length; ++erased) {
        const int x = length - 1 - order[erased - 1];
        for (int i = parity - 1; i > 0; --i)
            if (forney[i - 1] != 0) forney[i] ^= kTables.power[kTables.log[forney[i - 1]] + x];
        if (erased % 2 == 0 && parity - erased > 1) continue;
        if (!worth(0, erased)) break;
        ++attempts;
        const int left = linear_complexity(forney.data() + erased, parity - erased);
        if (!worth(left, erased)) continue;
        const auto places = std::span<const int>(order).first(erased);
        if (const auto done = rs_correct(block, parity, places, 0))
            return BlockCorrection{*done, erased};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Correction> correct_codewords(const SymbolSize& size, uint8_t* codewords,
                                            std::span<const float> doubt, bool patient,
                                            int& attempts) {
    assert(doubt.empty() || static_cast<int>(doubt.size()) == size.codewords());
    Correction all;
    const int parity = size.error_codewords_per_block();
    // About 25 tries a block: five bits of each block pay for them. One block alone pays by
    // kMostAttempts, and a small one may fall short, since its finder makes up for it.
    const auto blocks = static_cast<float>(size.blocks);
    const float least = size.blocks > 1         ? std::max(kLeastBits, kProofBits / blocks + 5)
                        : parity > small_parity ? kProofBits
                        : patient               ? kPatientBits
                                                : kLeastBits;
    std::array<uint8_t, kOrder> gathered;
    std::array<float, kOrder> gathered_doubt;
    for (int b = 0; b < size.blocks; ++b) {
        const Block block{size, b};
        const int length = block.codewords();
        for (int i = 0; i < length; ++i) gathered[i] = codewords[block.position(i)];
        if (!doubt.empty())
            for (int i = 0; i < length; ++i) gathered_doubt[i] = doubt[block.position(i)];
        const auto done = correct_block(
            std::span(gathered).first(length), parity,
            doubt.empty() ? std::span<const float>{} : std::span(gathered_doubt).first(length),
            patient, least, attempts);
        if (!done) return std::nullopt;
        for (int i = 0; i < length; ++i) codewords[block.position(i)] = gathered[i];
        all.errors += done->errors, all.erasures += done->erasures;
        all.bits += proof_bits(length, parity, done->errors, done->erasures);
    }
    return all;
}

}  // namespace imi
