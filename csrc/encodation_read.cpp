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

class Reader {
public:
    explicit Reader(std::span<const uint8_t> codewords) : codewords_(codewords) {
        message_.payload.reserve(2 * codewords.size());
    }

    Message read() {
        header();
        int used = left() == 0 ? at_ : -1;
        while (left() > 0 && used < 0) {
            if (codewords_[at_] == codeword::pad)
                used = at_;
            else
                ascii();
        }
        if (upper_) fault("ends inside an upper shift");
        message_.data_codewords_used = used < 0 ? at_ : used;
        if (message_.macro != 0) append(kMacroTrailer);
        return std::move(message_);
    }

private:
    int left() const { return static_cast<int>(codewords_.size()) - at_; }

    [[noreturn]] void fault(const char* what) const {
        throw Error(Fault::malformed_codewords, "data codeword " + std::to_string(at_ + 1) +
                                                    " of " + std::to_string(codewords_.size()) +
                                                    ": " + what);
    }

    uint8_t next(const char* otherwise) {
        if (left() == 0) fault(otherwise);
        return codewords_[at_++];
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
    void header() {
        if (left() == 0) return;
        if (codewords_[0] == codeword::structured_append)
            structured_append();
        else if (codewords_[0] == codeword::reader_programming) {
            message_.reader_programming = true;
            at_ = 1;
            return;
        } else if (codewords_[0] == codeword::macro_05 || codewords_[0] == codeword::macro_06) {
            const bool five = codewords_[0] == codeword::macro_05;
            message_.macro = five ? 5 : 6;
            append(five ? kMacro05Header : kMacro06Header);
            at_ = 1;
            return;
        }
        first_ = at_;
    }

    void structured_append() {
        if (left() < 4) fault("structured append needs four codewords");
        const int index = (codewords_[1] >> 4) + 1, total = 17 - (codewords_[1] & 15);
        at_ = 1;
        if (total > 16 || index > total) fault("structured append with an impossible position");
        for (at_ = 2; at_ < 4; at_++) {
            if (codewords_[at_] == 0 || codewords_[at_] == 255) {
                fault("structured append file identification is not in 1..254");
            }
        }
        message_.append_index = index;
        message_.append_total = total;
        message_.append_file_id = codewords_[2] << 8 | codewords_[3];
    }

    void ascii() {
        const uint8_t c = codewords_[at_];
        if (upper_ && (c == 0 || c > 128)) fault("an upper shift needs an ASCII character");
        if (c >= 1 && c <= 128) {
            put_shifted(c - 1);
        } else if (c >= codeword::digit_pair && c < codeword::digit_pair + 100) {
            put('0' + (c - codeword::digit_pair) / 10);
            put('0' + (c - codeword::digit_pair) % 10);
        } else {
            return function(c);
        }
        at_++;
    }

    void function(uint8_t c) {
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
                return edifact();
            case codeword::latch_base256:
                at_++;
                return base256();
            case codeword::fnc1:
                return function1();
            case codeword::eci:
                return extended_channel();
            case codeword::upper_shift:
                upper_ = true;
                break;
            case codeword::unlatch:
                // Some encoders end a symbol so; 5.2.4.1 lets a reader take it in the last place.
                if (left() > 1) fault("unlatch outside C40, Text and X12");
                break;
            case codeword::structured_append:
                fault("structured append is not the first codeword");
            case codeword::reader_programming:
                fault("reader programming is not the first codeword");
            case codeword::macro_05:
            case codeword::macro_06:
                fault("a macro is not the first codeword");
            default:
                fault("not a codeword of ASCII encodation");
        }
        at_++;
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
    void extended_channel() {
        at_++;
        const int c1 = next("an ECI without its number");
        const auto digit = [this] {
            const int c = next("an ECI that ends early");
            if (c == 0 || c == 255) fault("an ECI codeword is not in 1..254");
            return c - 1;
        };
        int number = 0;
        if (c1 >= 1 && c1 <= 127)
            number = c1 - 1;
        else if (c1 >= 128 && c1 <= 191)
            number = (c1 - 128) * 254 + digit() + 127;
        else if (c1 >= 192 && c1 <= 207) {
            number = (c1 - 192) * 254 * 254;
            number += digit() * 254;
            number += digit() + 16383;
        } else {
            fault("an ECI begins with no codeword of 1..207");
        }
        if (message_.eci < 0) message_.eci = number;
    }

    // Three values of two codewords; false at an unlatch.
    bool triple(std::array<int, 3>& values) {
        if (codewords_[at_] == codeword::unlatch) {
            at_++;
            return false;
        }
        const int packed = codewords_[at_] * 256 + codewords_[at_ + 1] - 1;
        if (packed < 0 || packed >= 40 * 40 * 40) fault("two codewords hold no three values");
        values = {packed / 1600, packed / 40 % 40, packed % 40};
        at_ += 2;
        return true;
    }

    // A single codeword at the end of the symbol is ASCII without an unlatch (5.2.5.2).
    void c40(bool text) {
        std::array<int, 3> values;
        int set = 3;  // of kShiftSets: no shift
        while (left() >= 2 && triple(values)) {
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
                    if (character < 0) fault("a shifted value without a character");
                    put_shifted(character);
                }
                set = 3;
            }
        }
        if (upper_) fault("C40 or Text ends inside an upper shift");
    }

    void x12() {
        std::array<int, 3> values;
        while (left() >= 2 && triple(values)) {
            for (const int value : values) put(kX12[value]);
        }
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
        const uint8_t c = next("a Base 256 field without its length");
        return static_cast<uint8_t>(c - mask_255(at_));
    }

    void base256() {
        const int first = unmask();
        int length = first == 0 ? left() : first;
        if (first > kShortField) length = 250 * (first - kShortField) + unmask();
        if (length > left()) fault("a Base 256 field is longer than the symbol");
        for (int i = 0; i < length; i++) put(unmask());
    }

    std::span<const uint8_t> codewords_;
    int at_ = 0;
    int first_ = -1;  // where an FNC1 means GS1; -1: nowhere
    bool upper_ = false;
    Message message_;
};

}  // namespace

Message read_message(std::span<const uint8_t> codewords) { return Reader(codewords).read(); }

}  // namespace imi
