// Which encodation each byte takes: the search for the fewest data codewords.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "encodation.h"

namespace imi {

// Where an encoder stands between two bytes. The number says how many C40, Text or X12 values (of
// three) or EDIFACT characters (of four) wait for their group to be complete.
enum State : uint8_t {
    kAscii,
    kC40,
    kC40Waiting1,
    kC40Waiting2,
    kText,
    kTextWaiting1,
    kTextWaiting2,
    kX12,
    kX12Waiting1,
    kX12Waiting2,
    kEdifact,
    kEdifactWaiting1,
    kEdifactWaiting2,
    kEdifactWaiting3,
    kStates,
};

// One step of a stream: bytes from..to, which state before and after. A latch or unlatch takes no
// byte; a Base 256 field is a step of its own from ASCII to ASCII.
struct Step {
    int from, to;
    State before, after;
    bool base256 = false;
};

// How a stream ends in a symbol of a certain capacity (the "unlatch is implied" rules).
struct Ending {
    int at = 0;  // byte where the steps end; the rest is the tail
    State state = kAscii;
    int codewords = 0;  // that the steps take
    int used = 0;       // with the tail
    enum Tail : uint8_t { none, ascii, padded_triple, base256_to_end } tail = none;
};

// Dynamic programming: the least number of codewords that leads to each byte and state.
//
// The least is enough although the rules at the end ask for an exact number of codewords left: from
// fewer codewords there is always an end that takes no more of the symbol in all.
// - Implied unlatch, `left` codewords in ASCII: with more left, unlatch (1) and the same ASCII.
// - Base 256 to the end, length field 1: with more left, length field 2.
// - Padded triple (5.2.5.2 b): go back to the last byte that ends a triple, unlatch, and write the
//   rest in ASCII. Between two such bytes ASCII takes at most the codewords of the full triples and
//   two more: a byte of 1, 2, 3, 4 values costs 1, 1, 2, 2 codewords, which exceeds two thirds of
//   its values by 1/3, -1/3, 0, -2/3; since a byte of one value cannot follow where two wait (it
//   would end a triple), the excess never rises above a third of the values waiting, here 2/3. So
//   this end takes at most 3 codewords beyond the full triples, and with more than 2 left it fits.
class Plan {
public:
    // `start` codewords are already written (a macro).
    Plan(std::span<const uint8_t> text, Encodation encodation, int start);

    // The ending with the fewest codewords in a symbol of `capacity` data codewords.
    std::optional<Ending> finish(int capacity) const;
    // The steps that lead to `ending`, in order.
    std::vector<Step> steps(const Ending& ending) const;
    // The first byte that the demanded encodation cannot write, or the text's length.
    size_t first_stranger() const;

private:
    static constexpr int kNever = 1 << 20;

    template <class Edge>
    void characters_into(int at, int state, Edge edge) const;
    template <class Edge>
    void unlatches_into(int at, int state, Edge edge) const;
    template <class Edge>
    void latches_into(int at, int state, Edge edge) const;

    int length() const { return static_cast<int>(text_.size()); }
    bool digits(int at) const;
    int ascii_cost(int at) const { return text_[at] < 128 ? 1 : 2; }
    int ascii_tail(int from) const;
    int last_full_group() const;
    bool in_ascii(int from) const { return from >= ascii_from_; }
    bool allowed(Encodation encodation) const {
        return only_ == Encodation::automatic || only_ == encodation;
    }
    int& least(int at, int state) { return least_[state * (text_.size() + 1) + at]; }
    int least(int at, int state) const { return least_[state * (text_.size() + 1) + at]; }

    std::span<const uint8_t> text_;
    Encodation only_;
    int start_;
    int ascii_from_ = 0;      // a demanded encodation leaves only what fills no group to ASCII
    std::vector<int> least_;  // codewords, by state and byte
    std::vector<std::array<uint8_t, 2>> values_;  // of each byte in C40 and in Text: 1 to 4
};

}  // namespace imi
