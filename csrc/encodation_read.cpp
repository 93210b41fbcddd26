#include <algorithm>
#include <string>

#include "encodation.h"
#include "error.h"

namespace imi {
namespace {

// C40 and Text backwards: character by shift set and value, -1 for none; computed from c40_values,
// so that the tables of Annex C are written down once.
using ShiftSets = std::array<std::array<int16_t, 40>, 4>;  // shift 1, 2, 3, then the basic set
consteval ShiftSets invert(bool text) {
    ShiftSets sets{};
    for (auto& set : sets) set.fill(-1);
    for (int c = 0; c < 128; c++) {
        const Values values = c40_values(static_cast<uint8_t>(c), text);
        if (values.count == 1)
            sets[3][values.at[0]] = static_cast<int16_t>(c);
        else
            sets[values.at[0]][values.at[1]] = static_cast<int16_t>(c);
    }
    return sets;
}
constexpr std::array<ShiftSets, 2> kShiftSets = {invert(false), invert(true)};

consteval std::array<uint8_t, 40> invert_x12() {
    std::array<uint8_t, 40> characters{};
    for (int c = 0; c < 128; c++) {
        const int value = x12_value(static_cast<uint8_t>(c));
        if (value >= 0) characters[value] = static_cast<uint8_t>(c);
    }
    return characters;
}
constexpr auto kX12 = invert_x12();

// Every step returns false where the codewords are no message, with the place in `malformed`.
class Reader {
public:
    std::optional<Malformed> malformed;

    Reader(std::span<const uint8_t> codewords, Message& message)
        : codewords_(codewords), message_(message) {}

    bool read() {
        if (!header()) return false;
        int used = left() == 0 ? at_ : -1;
        while (left() > 0 && used < 0) {
            if (codewords_[at_] == codeword::pad)
                used = at_;
            else if (!ascii())
                return false;
        }
        if (upper_) return fault("ends inside an upper shift");
        message_.data_codewords_used = used < 0 ? at_ : used;
        if (message_.macro != 0) append(kMacroTrailer);
        return true;
    }

private:
    int left() const { return static_cast<int>(codewords_.size()) - at_; }

    bool fault(const char* what) {
        malformed = Malformed{at_, what};
        return false;
    }

    void put(int byte) { message_.payload.push_back(static_cast<uint8_t>(byte)); }
    void put_shifted(int character) {
        put(upper_ ? character + 128 : character);
        upper_ = false;
    }
    template <class Bytes>
    void append(const Bytes& bytes) {
        message_.payload.insert(message_.payload.end(), bytes.begin(), bytes.end());
    }

    // What may only stand at the beginning (5.6, 5.2.4.6 to 5.2.4.9).
    bool header() {
        if (left() == 0) return true;
        if (codewords_[0] == codeword::structured_append) {
            if (!structured_append()) return false;
        } else if (codewords_[0] == codeword::reader_programming) {
            message_.reader_programming = true;
            at_ = 1;
            return true;
        } else if (codewords_[0] == codeword::macro_05 || codewords_[0] == codeword::macro_06) {
            const bool five = codewords_[0] == codeword::macro_05;
            message_.macro = five ? 5 : 6;
            append(five ? kMacro05Header : kMacro06Header);
            at_ = 1;
            return true;
        }
        first_ = at_;
        return true;
    }

    bool structured_append() {
        if (left() < 4) return fault("structured append needs four codewords");
        const int index = (codewords_[1] >> 4) + 1, total = 17 - (codewords_[1] & 15);
        at_ = 1;
        if (total > 16 || index > total)
            return fault("structured append with an impossible position");
        for (at_ = 2; at_ < 4; at_++) {
            if (codewords_[at_] == 0 || codewords_[at_] == 255)
                return fault("structured append file identification is not in 1..254");
        }
        message_.append_index = index;
        message_.append_total = total;
        message_.append_file_id = codewords_[2] << 8 | codewords_[3];
        return true;
    }

    bool ascii() {
        const uint8_t c = codewords_[at_];
        if (upper_ && (c == 0 || c > 128)) return fault("an upper shift needs an ASCII character");
        if (c >= 1 && c <= 128) {
            put_shifted(c - 1);
        } else if (c >= codeword::digit_pair && c < codeword::digit_pair + 100) {
            put('0' + (c - codeword::digit_pair) / 10);
            put('0' + (c - codeword::digit_pair) % 10);
        } else {
            return function(c);
        }
        at_++;
        return true;
    }

    bool function(uint8_t c) {
        switch (c) {
            case codeword::latch_c40:
                at_++;
                return c40(false);
            case codeword::latch_text:
                at_++;
                return c40(true);
            case codeword::latch_x12:
                at_++;
                return x12();
            case codeword::latch_edifact:
                at_++;
                edifact();
                return true;
            case codeword::latch_base256:
                at_++;
                return base256();
            case codeword::fnc1:
                function1();
                return true;
            case codeword::eci:
                at_++;
                return extended_channel();
            case codeword::upper_shift:
                upper_ = true;
                break;
            case codeword::unlatch:
                // Some encoders end a symbol so; 5.2.4.1 lets a reader take it in the last place.
                if (left() > 1) return fault("unlatch outside C40, Text and X12");
                break;
            case codeword::structured_append:
                return fault("structured append is not the first codeword");
            case codeword::reader_programming:
                return fault("reader programming is not the first codeword");
            case codeword::macro_05:
            case codeword::macro_06:
                return fault("a macro is not the first codeword");
            default:
                return fault("not a codeword of ASCII encodation");
        }
        at_++;
        return true;
    }

    void function1() {
        if (first_ >= 0 && at_ == first_)
            message_.gs1 = true;
        else if (first_ >= 0 && at_ == first_ + 1 && !message_.gs1)
            message_.industry = true;
        else
            put(29);  // 5.2.4.6: a field separator, transmitted as GS
        at_++;
    }

    // 5.4 and Table 6: one to three codewords, each to base 254 after the first.
    bool extended_channel() {
        if (left() == 0) return fault("an ECI without its number");
        const int c = codewords_[at_++];
        if (c == 0 || c > 207) return fault("an ECI begins with no codeword of 1..207");
        const int more = c <= 127 ? 0 : c <= 191 ? 1 : 2;
        int number = more == 0 ? c - 1 : more == 1 ? c - 128 : c - 192;
        for (int i = 0; i < more; i++) {
            if (left() == 0) return fault("an ECI that ends early");
            const int digit = codewords_[at_++];
            if (digit == 0 || digit == 255) return fault("an ECI codeword is not in 1..254");
            number = 254 * number + digit - 1;
        }
        number += more == 0 ? 0 : more == 1 ? 127 : 16383;
        if (message_.eci < 0) message_.eci = number;
        return true;
    }

    // Three values of two codewords, until an unlatch or one codeword before the end; then
    // `values` is empty. A single codeword at the end is ASCII without an unlatch (5.2.5.2).
    bool triple(std::span<const int>& values) {
        values = {};
        if (left() < 2) return true;
        if (codewords_[at_] == codeword::unlatch) {
            at_++;
            return true;
        }
        const int packed = codewords_[at_] * 256 + codewords_[at_ + 1] - 1;
        if (packed < 0 || packed >= 40 * 40 * 40)
            return fault("two codewords hold no three values");
        values_ = {packed / 1600, packed / 40 % 40, packed % 40};
        values = values_;
        at_ += 2;
        return true;
    }

    bool c40(bool text) {
        std::span<const int> values;
        int set = 3;  // of kShiftSets: no shift
        do {
            if (!triple(values)) return false;
            for (const int value : values) {
                if (set == 3 && value < 3) {
                    set = value;
                    continue;
                }
                if (set == 1 && value == kUpperShift) {
                    upper_ = true;
                } else if (set == 1 && value == kFunction1) {
                    put(29);
                } else {
                    const int character = kShiftSets[text][set][value];
                    if (character < 0) return fault("a shifted value without a character");
                    put_shifted(character);
                }
                set = 3;
            }
        } while (!values.empty());
        if (upper_) return fault("C40 or Text ends inside an upper shift");
        return true;
    }

    bool x12() {
        std::span<const int> values;
        do {
            if (!triple(values)) return false;
            for (const int value : values) put(kX12[value]);
        } while (!values.empty());
        return true;
    }

    // One or two codewords at the end of the symbol are ASCII without an unlatch (5.2.8.2).
    void edifact() {
        while (left() >= 3) {
            const int packed =
                codewords_[at_] << 16 | codewords_[at_ + 1] << 8 | codewords_[at_ + 2];
            for (int i = 0; i < 4; i++) {
                const int value = packed >> (18 - 6 * i) & 63;
                if (value == kEdifactUnlatch) {
                    at_ += std::min(i + 1, 3);  // the codeword that the unlatch ends in is its last
                    return;
                }
                put(value & 32 ? value : value | 64);
            }
            at_ += 3;
        }
    }

    uint8_t unmask() {
        const uint8_t c = codewords_[at_++];
        return static_cast<uint8_t>(c - mask_255(at_));
    }

    bool base256() {
        constexpr const char* no_length = "a Base 256 field without its length";
        if (left() == 0) return fault(no_length);
        const int first = unmask();
        int length = first == 0 ? left() : first;
        if (first > kShortField) {
            if (left() == 0) return fault(no_length);
            length = 250 * (first - kShortField) + unmask();
        }
        if (length > left()) return fault("a Base 256 field is longer than the symbol");
        for (int i = 0; i < length; i++) put(unmask());
        return true;
    }

    std::span<const uint8_t> codewords_;
    int at_ = 0;
    int first_ = -1;  // where an FNC1 means GS1; -1: nowhere
    bool upper_ = false;
    std::array<int, 3> values_{};  // of the last two codewords of C40, Text or X12
    Message& message_;
};

}  // namespace

std::optional<Malformed> try_read_message(std::span<const uint8_t> codewords, Message& message) {
    std::vector<uint8_t> payload = std::move(message.payload);
    message = Message{};
    payload.clear();
    payload.reserve(2 * codewords.size() + kMacro05Header.size() + kMacroTrailer.size());
    message.payload = std::move(payload);
    Reader reader(codewords, message);
    reader.read();
    return reader.malformed;
}

void refuse(const Malformed& malformed, size_t data_codewords) {
    throw Error(Fault::malformed_codewords, "data codeword " + std::to_string(malformed.at + 1) +
                                                " of " + std::to_string(data_codewords) + ": " +
                                                malformed.what);
}

Message read_message(std::span<const uint8_t> codewords) {
    Message message;
    if (const auto malformed = try_read_message(codewords, message))
        refuse(*malformed, codewords.size());
    return message;
}

}  // namespace imi
