#include "encodation_plan.h"

#include <algorithm>

namespace imi {
namespace {

constexpr Encodation encodation_of(int state) {
    if (state == kAscii) return Encodation::ascii;
    if (state < kText) return Encodation::c40;
    if (state < kX12) return Encodation::text;
    if (state < kEdifact) return Encodation::x12;
    return Encodation::edifact;
}
constexpr State first_of(int state) {
    if (state == kAscii) return kAscii;
    if (state >= kEdifact) return kEdifact;
    return static_cast<State>(state - (state - kC40) % 3);
}

// Codewords that the unlatch takes: in EDIFACT it is a fourth of a group and ends its codeword.
constexpr int unlatch_cost(int state) {
    constexpr int edifact[] = {1, 2, 3, 3};
    return state >= kEdifact ? edifact[state - kEdifact] : 1;
}

constexpr int field_cost(int length) { return length <= kShortField ? 2 + length : 3 + length; }

}  // namespace

bool Plan::digits(int at) const {
    const auto digit = [](uint8_t c) { return c >= '0' && c <= '9'; };
    return digit(text_[at]) && digit(text_[at + 1]);
}

int Plan::ascii_tail(int from) const {
    int cost = 0;
    for (int i = from; i < length(); cost++) {
        if (i + 1 < length() && digits(i))
            i += 2;
        else
            cost += ascii_cost(i++) - 1;
    }
    return cost;
}

int Plan::last_full_group() const {
    if (allowed(Encodation::ascii)) return 0;
    if (only_ == Encodation::edifact) return length();  // its unlatch may stand anywhere in a group
    int values = 0, last = 0;
    for (int i = 0; i < length(); i++) {
        values += only_ == Encodation::x12 ? 1 : values_[i][only_ == Encodation::text];
        if (values % 3 == 0) last = i + 1;
    }
    return last;
}

// The three families of edges, each as `edge(byte before, state before, cost, is Base 256)`. The
// search and the way back use the same ones.
template <class Edge>
void Plan::characters_into(int at, int state, Edge edge) const {
    if (at == 0) return;
    const int before = at - 1;
    if (state == kAscii) {
        if (in_ascii(before)) edge(before, kAscii, ascii_cost(before), false);
        if (at >= 2 && digits(at - 2) && in_ascii(at - 2)) edge(at - 2, kAscii, 1, false);
        if (only_ != Encodation::automatic) return;
        for (int from = std::max(0, at - kLongestField); from < at; from++) {
            edge(from, kAscii, field_cost(at - from), true);
        }
    } else if (state < kX12) {
        const int base = first_of(state), waiting = state - base;
        const int count = values_[before][base == kText];
        const int was = (waiting + 6 - count) % 3;
        edge(before, base + was, (was + count) / 3 * 2, false);
    } else if (state < kEdifact) {
        const int was = (state - kX12 + 2) % 3;
        if (x12_value(text_[before]) >= 0) edge(before, kX12 + was, was == 2 ? 2 : 0, false);
    } else {
        const int was = (state - kEdifact + 3) % 4;
        if (edifact_value(text_[before]) >= 0) {
            edge(before, kEdifact + was, was == 3 ? 3 : 0, false);
        }
    }
}

template <class Edge>
void Plan::unlatches_into(int at, int state, Edge edge) const {
    if (state != kAscii || !in_ascii(at)) return;
    for (const int from : {kC40, kText, kX12}) edge(at, from, unlatch_cost(from), false);
    for (int from = kEdifact; from < kStates; from++) edge(at, from, unlatch_cost(from), false);
}

template <class Edge>
void Plan::latches_into(int at, int state, Edge edge) const {
    if (state == kAscii || state != first_of(state) || only_ != Encodation::automatic) return;
    edge(at, kAscii, 1, false);
}

Plan::Plan(std::span<const uint8_t> text, Encodation encodation, int start)
    : text_(text),
      only_(encodation),
      start_(start),
      least_(kStates * (text.size() + 1), kNever),
      values_(text.size()) {
    for (int i = 0; i < length(); i++) {
        for (int set = 0; set < 2; set++) {
            values_[i][set] = static_cast<uint8_t>(c40_values(text_[i], set == 1).count);
        }
    }
    ascii_from_ = last_full_group();
    if (allowed(Encodation::ascii)) {
        least(0, kAscii) = start;
    } else {
        for (int state = kC40; state < kStates; state++) {
            if (first_of(state) == state && only_ == encodation_of(state)) {
                least(0, state) = start + 1;
            }
        }
    }
    for (int at = 0; at <= length(); at++) {
        const auto into = [&](int state) {
            return [this, at, state](int before, int from, int cost, bool) {
                least(at, state) = std::min(least(at, state), least(before, from) + cost);
            };
        };
        for (int state = 0; state < kStates; state++) characters_into(at, state, into(state));
        unlatches_into(at, kAscii, into(kAscii));
        for (int state = 1; state < kStates; state++) latches_into(at, state, into(state));
    }
}

std::optional<Ending> Plan::finish(int capacity) const {
    std::optional<Ending> best;
    const auto offer = [&](const Ending& ending) {
        if (ending.used <= capacity && (!best || ending.used < best->used)) best = ending;
    };
    const int end = length();
    offer({end, kAscii, least(end, kAscii), least(end, kAscii), Ending::none});
    // Without an unlatch where the symbol ends, or one codeword before (two in EDIFACT): what is
    // left there is ASCII (5.2.5.2, 5.2.7.2, 5.2.8.2).
    for (const State state : {kC40, kText, kX12, kEdifact}) {
        for (int left = 0; left <= (state == kEdifact ? 2 : 1); left++) {
            for (int at = std::max(0, end - 2 * left); at <= end; at++) {
                if (least(at, state) != capacity - left) continue;
                const int tail = ascii_tail(at);
                if (tail > left) continue;
                offer({at, state, capacity - left, capacity - left + tail, Ending::ascii});
            }
        }
    }
    // 5.2.5.2 b: two codewords left, two values waiting: the third is a shift 1 without meaning.
    for (const State state : {kC40Waiting2, kTextWaiting2}) {
        if (least(end, state) == capacity - 2) {
            offer({end, state, capacity - 2, capacity, Ending::padded_triple});
        }
    }
    // 5.2.9.1: a field that reaches the end of the symbol needs no length.
    if (only_ == Encodation::automatic) {
        for (int at = 0; at < end; at++) {
            const int count = capacity - (end - at) - 2;
            if (least(at, kAscii) == count) {
                offer({at, kAscii, count, capacity, Ending::base256_to_end});
            }
        }
    }
    return best;
}

std::vector<Step> Plan::steps(const Ending& ending) const {
    std::vector<Step> reversed;
    int at = ending.at, count = ending.codewords;
    State state = ending.state;
    const bool latched = !allowed(Encodation::ascii);  // before the first byte, not by a step
    while (at > 0 || count > start_ + (latched ? 1 : 0)) {
        std::optional<Step> step;
        int cost = 0;
        const auto back = [&](int before, int from, int edge_cost, bool base256) {
            if (step || least(before, from) != count - edge_cost) return;
            step = Step{before, at, static_cast<State>(from), state, base256};
            cost = edge_cost;
        };
        characters_into(at, state, back);
        if (!step) unlatches_into(at, state, back);
        if (!step) latches_into(at, state, back);
        if (!step) break;  // only the start has no step into it
        reversed.push_back(*step);
        at = step->from;
        state = step->before;
        count -= cost;
    }
    if (latched) reversed.push_back({0, 0, kAscii, state});
    std::reverse(reversed.begin(), reversed.end());
    return reversed;
}

size_t Plan::first_stranger() const {
    const auto writable = [this](uint8_t c) {
        if (only_ == Encodation::x12) return x12_value(c) >= 0;
        if (only_ == Encodation::edifact) return edifact_value(c) >= 0;
        return true;
    };
    return std::ranges::find_if_not(text_, writable) - text_.begin();
}

}  // namespace imi
