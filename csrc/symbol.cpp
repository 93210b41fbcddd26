#include "symbol.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>

#include "error.h"
#include "interleave.h"
#include "placement.h"
#include "reed_solomon.h"

namespace imi {
namespace {

using gf256::kMaxParity;
using gf256::kOrder;

// ---- error codewords -----------------------------------------------------------------------

void append_error_codewords(const SymbolSize& size, uint8_t* codewords) {
    const int parity = size.error_codewords_per_block();
    if (size.blocks == 1) {
        return rs_encode({codewords, static_cast<size_t>(size.data_codewords)},
                         {codewords + size.data_codewords, static_cast<size_t>(parity)});
    }
    std::array<uint8_t, kOrder> data;
    std::array<uint8_t, kMaxParity> error;
    for (int b = 0; b < size.blocks; b++) {
        const Block block{size, b};
        const int length = block.data_codewords();
        for (int i = 0; i < length; i++) data[i] = codewords[block.position(i)];
        rs_encode(std::span(data).first(length), std::span(error).first(parity));
        for (int i = 0; i < parity; i++) codewords[block.position(length + i)] = error[i];
    }
}

// ---- correction ----------------------------------------------------------------------------

struct Corrected {
    int errors = 0, erasures = 0;
};

// Corrects one block: errors alone, then with the most doubtful codewords as erasures, two more at
// a time (Forney's generalised minimum distance decoding). `doubt` is by codeword of the block.
std::optional<Corrected> correct(std::span<uint8_t> block, int parity,
                                 std::span<const uint16_t> doubt) {
    const int reserve = rs_error_reserve(parity);
    if (const auto errors = rs_correct(block, parity, {}, reserve)) return Corrected{*errors, 0};
    if (doubt.empty() || reserve > 0) return std::nullopt;  // erasures would prove nothing

    std::array<int, kOrder> order;
    std::iota(order.begin(), order.begin() + block.size(), 0);
    // By place where equal: std::stable_sort would allocate.
    std::sort(order.begin(), order.begin() + block.size(),
              [&](int a, int b) { return doubt[a] != doubt[b] ? doubt[a] > doubt[b] : a < b; });
    for (int erasures = 2; erasures + rs_reserve(parity, erasures) <= parity; erasures += 2) {
        if (doubt[order[erasures - 1]] == 0) break;  // nothing doubtful is left
        const auto places = std::span<const int>(order).first(erasures);
        const auto errors = rs_correct(block, parity, places, rs_reserve(parity, erasures));
        if (errors) return Corrected{*errors, erasures};
    }
    return std::nullopt;
}

// Doubt of each codeword: the sum over its modules. For small doubts the chance that a codeword is
// wrong is the sum of the chances that a module is.
void sum_doubt(const SymbolSize& size, std::span<const uint8_t> doubt, uint16_t* sums) {
    const uint16_t* index = module_indices(size).data();
    for (int i = 0; i < size.codewords(); i++, index += 8) {
        sums[i] = 0;
        for (int bit = 0; bit < 8; bit++) sums[i] += doubt[index[bit]];
    }
}

// `doubt` is by codeword of the symbol, or null.
Corrected correct_all(const SymbolSize& size, uint8_t* codewords, const uint16_t* doubt) {
    Corrected all;
    const int parity = size.error_codewords_per_block();
    std::array<uint8_t, kOrder> gathered;
    std::array<uint16_t, kOrder> gathered_doubt;
    for (int b = 0; b < size.blocks; b++) {
        const Block block{size, b};
        const int length = block.codewords();
        for (int i = 0; i < length; i++) gathered[i] = codewords[block.position(i)];
        std::span<const uint16_t> doubts;
        if (doubt != nullptr) {
            for (int i = 0; i < length; i++) gathered_doubt[i] = doubt[block.position(i)];
            doubts = std::span(gathered_doubt).first(length);
        }
        const auto corrected = correct(std::span(gathered).first(length), parity, doubts);
        if (!corrected) {
            throw Error(Fault::uncorrectable,
                        "block " + std::to_string(b + 1) + " of " + std::to_string(size.blocks) +
                            " of the " + name_of(size) + " symbol has more errors than its " +
                            std::to_string(parity) + " error codewords correct");
        }
        for (int i = 0; i < length; i++) codewords[block.position(i)] = gathered[i];
        all.errors += corrected->errors;
        all.erasures += corrected->erasures;
    }
    return all;
}

}  // namespace

void draw(Codewords& codewords, uint8_t* modules) {
    append_error_codewords(*codewords.size, codewords.at.data());
    place(*codewords.size, codewords.at.data(), modules);
}

const SymbolSize& encode(std::span<const uint8_t> payload, const SymbolSize* size, Shape shape,
                         Encodation encodation, std::vector<uint8_t>& modules) {
    Codewords codewords;
    write_message(payload, size, shape, encodation, codewords);
    modules.resize(codewords.size->modules());
    draw(codewords, modules.data());
    return *codewords.size;
}

Decoded decode(std::span<const uint8_t> modules, int rows, int columns,
               std::span<const uint8_t> doubt) {
    const SymbolSize& size = require_size(rows, columns);
    const auto expected = static_cast<size_t>(size.modules());
    if (modules.size() != expected || (!doubt.empty() && doubt.size() != expected)) {
        throw Error(Fault::bad_argument, "a " + name_of(size) + " symbol has " +
                                             std::to_string(expected) + " modules; given are " +
                                             std::to_string(modules.size()) + ", with " +
                                             std::to_string(doubt.size()) + " doubts");
    }
    std::array<uint8_t, kMaxCodewords> codewords;
    collect(size, modules.data(), codewords.data());
    std::array<uint16_t, kMaxCodewords> sums;
    if (!doubt.empty()) sum_doubt(size, doubt, sums.data());
    const Corrected corrected =
        correct_all(size, codewords.data(), doubt.empty() ? nullptr : sums.data());
    Decoded decoded{read_message({codewords.data(), static_cast<size_t>(size.data_codewords)})};
    decoded.errors_corrected = corrected.errors;
    decoded.erasures = corrected.erasures;
    return decoded;
}

}  // namespace imi
