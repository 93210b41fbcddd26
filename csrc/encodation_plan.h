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

// Dynamic programming over bytes and states. It computes which codeword counts reach each state,
// not only the least: C40 and Text may fill up a triple only where exactly two codewords are left
// in the symbol (5.2.5.2 b), so a longer stream can be the one that fits. 32 counts from the least
// upward are kept; a stream 32 codewords longer than another at the same byte and state never wins,
// since finishing in ASCII from the last complete triple takes at most 8 more.
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
    struct Counts {  // a set of codeword counts: bit k of `mask` is `least` + k
        static constexpr int kNone = 1 << 20;
        int least = kNone;
        uint32_t mask = 0;

        void add(const Counts& from, int cost);
        bool has(int count) const {
            return count >= least && count - least < 32 && (mask >> (count - least) & 1) != 0;
        }
    };

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
    Counts& counts(int at, int state) { return counts_[state * (text_.size() + 1) + at]; }
    const Counts& counts(int at, int state) const {
        return counts_[state * (text_.size() + 1) + at];
    }

    std::span<const uint8_t> text_;
    Encodation only_;
    int start_;
    int ascii_from_ = 0;  // a demanded encodation leaves only what fills no group to ASCII
    std::vector<Counts> counts_;
    std::vector<std::array<uint8_t, 2>> values_;  // of each byte in C40 and in Text: 1 to 4
};

}  // namespace imi
