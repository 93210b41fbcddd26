#include <algorithm>
#include <string>

#include "encodation.h"
#include "encodation_plan.h"
#include "error.h"

namespace imi {
namespace {

// ---- sizes ---------------------------------------------------------------------------------

struct SizesByArea {
    std::array<const SymbolSize*, kSymbolSizes> at{};
    int count = 0;
};

consteval SizesByArea by_area(Shape shape) {
    SizesByArea sizes;
    for (const SymbolSize& size : kSizes) {
        const Shape kind = size.dmre       ? Shape::dmre
                           : size.square() ? Shape::square
                                           : Shape::rectangle;
        if (shape != Shape::any && shape != kind) continue;
        int i = sizes.count++;
        for (; i > 0 && sizes.at[i - 1]->modules() > size.modules(); i--) {
            sizes.at[i] = sizes.at[i - 1];
        }
        sizes.at[i] = &size;
    }
    return sizes;
}
constexpr std::array<SizesByArea, 4> kShapes = {by_area(Shape::square), by_area(Shape::rectangle),
                                                by_area(Shape::dmre), by_area(Shape::any)};

const SymbolSize& largest_of(Shape shape) {
    const auto sizes = sizes_of(shape);
    return **std::max_element(sizes.begin(), sizes.end(), [](auto* a, auto* b) {
        return a->data_codewords < b->data_codewords;
    });
}

[[noreturn]] void too_long(std::span<const uint8_t> payload, const SymbolSize* size, Shape shape,
                           bool base256) {
    const SymbolSize& limit = size != nullptr ? *size : largest_of(shape);
    const std::string who = size != nullptr
                                ? "a symbol of " + name_of(limit)
                                : "the largest symbol of that shape, " + name_of(limit) + ",";
    throw Error(Fault::payload_too_long,
                "payload is " + std::to_string(payload.size()) + " bytes; " + who + " holds " +
                    (base256 ? std::to_string(limit.base256_bytes()) + " in Base 256"
                             : std::to_string(limit.data_codewords) + " data codewords"));
}

// ---- masks of Annex B ----------------------------------------------------------------------

template <class Mask>
consteval std::array<uint8_t, kMaxDataCodewords> tabulate(Mask mask) {
    std::array<uint8_t, kMaxDataCodewords> table{};
    for (int i = 0; i < kMaxDataCodewords; i++) table[i] = mask(i + 1);
    return table;
}
constexpr auto kMask255 = tabulate(mask_255);
constexpr auto kPads = tabulate(randomise_253);

// ---- writing -------------------------------------------------------------------------------

class Writer {
public:
    Writer(Codewords& out, const SymbolSize& size) : out_(out) {
        out_.size = &size;
        out_.used = 0;
    }

    void put(int codeword) { out_.at[out_.used++] = static_cast<uint8_t>(codeword); }

    void ascii(std::span<const uint8_t> bytes) {  // one byte, or two digits
        if (bytes.size() == 2) {
            put(codeword::digit_pair + 10 * (bytes[0] - '0') + bytes[1] - '0');
        } else if (bytes[0] < 128) {
            put(bytes[0] + 1);
        } else {
            put(codeword::upper_shift);
            put(bytes[0] - 128 + 1);
        }
    }

    void base256(std::span<const uint8_t> bytes, bool to_end) {
        const int length = static_cast<int>(bytes.size());
        put(codeword::latch_base256);
        if (to_end) {
            put_masked(0);
        } else if (length <= kShortField) {
            put_masked(length);
        } else {
            put_masked(kShortField + length / 250);
            put_masked(length % 250);
        }
        uint8_t* to = out_.at.data() + out_.used;
        const uint8_t* mask = kMask255.data() + out_.used;
        for (int i = 0; i < length; i++) to[i] = static_cast<uint8_t>(bytes[i] + mask[i]);
        out_.used += length;
    }

    void latch(State into) {
        switch (into) {
            case kC40:
                return put(codeword::latch_c40);
            case kText:
                return put(codeword::latch_text);
            case kX12:
                return put(codeword::latch_x12);
            default:
                return put(codeword::latch_edifact);
        }
    }

    void unlatch(State from) {
        if (from < kEdifact) return put(codeword::unlatch);
        sextet(kEdifactUnlatch);
        for (; bits_ > 0; bits_ -= std::min(bits_, 8)) {  // the rest of the codeword is 0
            put(bits_ >= 8 ? group_ >> (bits_ - 8) & 255 : group_ << (8 - bits_) & 255);
        }
        group_ = 0;
    }

    void character(uint8_t byte, State before) {
        if (before >= kEdifact) return sextet(edifact_value(byte));
        if (before >= kX12) return value(x12_value(byte));
        const Values values = c40_values(byte, before >= kText);
        for (int i = 0; i < values.count; i++) value(values.at[i]);
    }

    void value(int value) {
        group_ = 40 * group_ + value;
        if (++values_ < 3) return;
        put((group_ + 1) >> 8);
        put((group_ + 1) & 255);
        group_ = values_ = 0;
    }

    void pad() {
        const int capacity = out_.size->data_codewords, used = out_.used;
        if (used == capacity) return;
        out_.at[used] = codeword::pad;
        std::copy(kPads.begin() + used + 1, kPads.begin() + capacity, out_.at.begin() + used + 1);
    }

private:
    void put_masked(int value) { put((value + kMask255[out_.used]) & 255); }

    void sextet(int value) {
        group_ = group_ << 6 | value;
        bits_ += 6;
        if (bits_ < 24) return;
        for (const int shift : {16, 8, 0}) put(group_ >> shift & 255);
        group_ = bits_ = 0;
    }

    Codewords& out_;
    int group_ = 0;   // of values or sextets
    int values_ = 0;  // in it
    int bits_ = 0;    // in it
};

void write_base256(std::span<const uint8_t> payload, const SymbolSize* size, Shape shape,
                   Codewords& codewords) {
    const auto length = static_cast<int64_t>(payload.size());
    if (size == nullptr) {
        for (const SymbolSize* candidate : sizes_of(shape)) {
            if (length > candidate->base256_bytes()) continue;
            size = candidate;
            break;
        }
        if (size == nullptr) too_long(payload, nullptr, shape, true);
    } else if (length > size->base256_bytes()) {
        too_long(payload, size, shape, true);
    }
    Writer writer(codewords, *size);
    // An empty field cannot be written: length 0 means "to the end". Pads alone say the same.
    const bool to_end = length > kShortField && length == size->base256_bytes();
    if (length > 0) writer.base256(payload, to_end);
    writer.pad();
}

void write_steps(std::span<const uint8_t> text, const Plan& plan, const Ending& ending,
                 Writer& writer) {
    for (const Step& step : plan.steps(ending)) {
        const auto bytes = text.subspan(step.from, step.to - step.from);
        if (step.base256)
            writer.base256(bytes, false);
        else if (step.before == kAscii && step.after == kAscii)
            writer.ascii(bytes);
        else if (step.before == kAscii)
            writer.latch(step.after);
        else if (step.after == kAscii)
            writer.unlatch(step.before);
        else
            writer.character(bytes[0], step.before);
    }
    const auto digit = [](uint8_t c) { return c >= '0' && c <= '9'; };
    auto rest = text.subspan(ending.at);
    switch (ending.tail) {
        case Ending::none:
            break;
        case Ending::padded_triple:
            writer.value(0);
            break;
        case Ending::base256_to_end:
            writer.base256(rest, true);
            break;
        case Ending::ascii:
            while (!rest.empty()) {
                const size_t count = rest.size() >= 2 && digit(rest[0]) && digit(rest[1]) ? 2 : 1;
                writer.ascii(rest.first(count));
                rest = rest.subspan(count);
            }
    }
}

int macro_of(std::span<const uint8_t> payload) {
    const size_t header = kMacro05Header.size(), trailer = kMacroTrailer.size();
    if (payload.size() < header + trailer) return 0;
    if (!std::ranges::equal(payload.last(trailer), kMacroTrailer)) return 0;
    if (std::ranges::equal(payload.first(header), kMacro05Header)) return codeword::macro_05;
    if (std::ranges::equal(payload.first(header), kMacro06Header)) return codeword::macro_06;
    return 0;
}

// No codeword says more than two bytes, but for a macro's nine: beyond that, no search.
size_t most_bytes(std::span<const uint8_t> payload, int capacity) {
    return 2 * static_cast<size_t>(capacity) + (macro_of(payload) != 0 ? 7 : 0);
}

struct Candidate {
    std::span<const uint8_t> text;
    int macro;
    Plan plan;
};

// The payload as it is and, where it has a macro's header and trailer, without them.
std::vector<Candidate> plan_all(std::span<const uint8_t> payload, Encodation encodation) {
    std::vector<Candidate> candidates;
    candidates.push_back({payload, 0, Plan(payload, encodation, 0)});
    const int macro = encodation == Encodation::automatic ? macro_of(payload) : 0;
    if (macro != 0) {
        const size_t around = kMacro05Header.size() + kMacroTrailer.size();
        const auto inner = payload.subspan(kMacro05Header.size(), payload.size() - around);
        candidates.push_back({inner, macro, Plan(inner, encodation, 1)});
    }
    return candidates;
}

struct Choice {
    const Candidate* candidate;
    Ending ending;
};

std::optional<Choice> choose(const std::vector<Candidate>& candidates, int capacity) {
    std::optional<Choice> best;
    for (const Candidate& candidate : candidates) {
        const auto ending = candidate.plan.finish(capacity);
        if (!ending || (best && best->ending.used <= ending->used)) continue;
        best = Choice{&candidate, *ending};
    }
    return best;
}

}  // namespace

std::span<const SymbolSize* const> sizes_of(Shape shape) {
    const SizesByArea& sizes = kShapes[static_cast<size_t>(shape)];
    return std::span(sizes.at).first(sizes.count);
}

std::optional<int> fewest_codewords(std::span<const uint8_t> payload, int capacity) {
    if (payload.size() > most_bytes(payload, capacity)) return std::nullopt;
    const std::vector<Candidate> candidates = plan_all(payload, Encodation::automatic);
    const auto choice = choose(candidates, capacity);
    if (!choice) return std::nullopt;
    return choice->ending.used;
}

void write_message(std::span<const uint8_t> payload, const SymbolSize* size, Shape shape,
                   Encodation encodation, Codewords& codewords) {
    if (encodation == Encodation::base256) return write_base256(payload, size, shape, codewords);

    const int capacity = (size != nullptr ? *size : largest_of(shape)).data_codewords;
    if (payload.size() > most_bytes(payload, capacity)) too_long(payload, size, shape, false);
    const std::vector<Candidate> candidates = plan_all(payload, encodation);
    if (const size_t stranger = candidates[0].plan.first_stranger(); stranger < payload.size()) {
        throw Error(Fault::not_encodable, "byte " + std::to_string(payload[stranger]) + " at " +
                                              std::to_string(stranger) + " is not in " +
                                              (encodation == Encodation::x12 ? "X12" : "EDIFACT"));
    }
    const std::array<const SymbolSize*, 1> given = {size};
    for (const SymbolSize* chosen : size != nullptr ? std::span(given) : sizes_of(shape)) {
        const auto choice = choose(candidates, chosen->data_codewords);
        if (!choice) continue;
        Writer writer(codewords, *chosen);
        if (choice->candidate->macro != 0) writer.put(choice->candidate->macro);
        write_steps(choice->candidate->text, choice->candidate->plan, choice->ending, writer);
        writer.pad();
        return;
    }
    too_long(payload, size, shape, false);
}

}  // namespace imi
