// One block of codewords, encoded, damaged and corrected. The input: parity, reserve, length,
// erasures, damaged places, then their places and values, then the data.
#include "reed_solomon.h"

#include <algorithm>
#include <array>

#include "fuzz.h"
#include "gf256_evaluate.h"

using namespace imi;
using fuzz::promised;

namespace {

bool is_codeword(std::span<const uint8_t> block, int parity) {
    std::array<uint8_t, gf256::kMaxParity> expected;
    const auto data = block.first(block.size() - parity);
    rs_encode_portable(data, std::span(expected).first(parity));
    return std::equal(expected.begin(), expected.begin() + parity, block.end() - parity);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::Input input(data, size);
    const int parity = 1 + input.below(gf256::kMaxParity);
    const int reserve = input.below(4);
    const int length = parity + 1 + input.below(gf256::kOrder - parity);
    const int erased = input.below(std::min(length, parity + 2));
    const int damaged = input.below(std::min(length, parity + 2));

    // Places in an order of the input's choice: distinct, as rs_correct demands.
    std::array<int, gf256::kOrder> places;
    for (int i = 0; i < length; i++) places[i] = i;
    std::array<uint8_t, gf256::kOrder> noise;
    const int touched = std::min(length, erased + damaged);
    for (int i = 0; i < touched; i++) {
        std::swap(places[i], places[i + input.below(length - i)]);
        noise[i] = input.byte();
    }
    std::array<uint8_t, gf256::kOrder> sent{}, received, before;
    const auto text = input.rest().first(std::min<size_t>(input.rest().size(), length - parity));
    std::copy(text.begin(), text.end(), sent.begin());
    const auto parity_of = std::span(sent).subspan(length - parity, parity);
    rs_encode(std::span(sent).first(length - parity), parity_of);
    promised(is_codeword(std::span(sent).first(length), parity), "both encoders agree");

    received = sent;
    int errors = 0;  // outside the erasures
    for (int i = 0; i < touched; i++) {
        received[places[i]] ^= noise[i];
        errors += i >= erased && noise[i] != 0 ? 1 : 0;
    }
    before = received;
    const auto block = std::span(received).first(length);
    const auto erasures = std::span<const int>(places).first(erased);
    const auto changed = rs_correct(block, parity, erasures, reserve);
    const bool within = 2 * errors + erased + reserve <= parity;
    if (within) {
        promised(changed.has_value(), "what can be corrected is");
        promised(*changed == errors, "the errors are counted");
        promised(received == sent, "what was sent comes back");
    }
    if (!changed) {
        promised(received == before, "a block that stays wrong is left alone");
        return 0;
    }
    promised(is_codeword(block, parity), "the answer is a codeword");
    promised(2 * *changed + erased + reserve <= parity, "the reserve is kept");
    int outside = 0;
    for (int i = erased; i < length; i++)
        outside += received[places[i]] != before[places[i]] ? 1 : 0;
    promised(outside == *changed, "the changes are counted");

    std::array<uint8_t, 256> fast, plain;
    const int first = input.below(256), count = std::min(256 - first, input.below(40));
    const auto coefficients = std::span<const uint8_t>(sent).first(std::min(length, 69));
    gf256::evaluate(coefficients, first, std::span(fast).first(count));
    gf256::evaluate_portable(coefficients, first, std::span(plain).first(count));
    promised(std::equal(fast.begin(), fast.begin() + count, plain.begin()), "both variants agree");
    return 0;
}
