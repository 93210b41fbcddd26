// Bytes <-> data codewords (ISO/IEC 16022:2006 5.2): six encodations, pad and what else a reader
// meets. Writing is in encodation_write.cpp, reading in encodation_read.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "symbol_sizes.h"

namespace imi {

enum class Encodation : uint8_t { automatic, ascii, c40, text, x12, edifact, base256 };
enum class Shape : uint8_t { square, rectangle, dmre, any };

// What the codewords mean in ASCII encodation (Table 2).
namespace codeword {
inline constexpr uint8_t pad = 129;
inline constexpr uint8_t digit_pair = 130;  // of "00"; "99" is 229
inline constexpr uint8_t latch_c40 = 230;
inline constexpr uint8_t latch_base256 = 231;
inline constexpr uint8_t fnc1 = 232;
inline constexpr uint8_t structured_append = 233;
inline constexpr uint8_t reader_programming = 234;
inline constexpr uint8_t upper_shift = 235;
inline constexpr uint8_t macro_05 = 236;
inline constexpr uint8_t macro_06 = 237;
inline constexpr uint8_t latch_x12 = 238;
inline constexpr uint8_t latch_text = 239;
inline constexpr uint8_t latch_edifact = 240;
inline constexpr uint8_t eci = 241;
inline constexpr uint8_t unlatch = 254;  // ends C40, Text and X12
}  // namespace codeword

inline constexpr uint8_t kEdifactUnlatch = 31;
inline constexpr uint8_t kFunction1 = 27;   // in shift 2 of C40 and Text
inline constexpr uint8_t kUpperShift = 30;  // in shift 2 of C40 and Text
inline constexpr int kShortField = 249;     // longest Base 256 field with one length codeword
inline constexpr int kLongestField = 1555;  // with two

// A macro codeword stands for this header and trailer (5.2.4.7).
inline constexpr std::array<uint8_t, 7> kMacro05Header = {'[', ')', '>', 30, '0', '5', 29};
inline constexpr std::array<uint8_t, 7> kMacro06Header = {'[', ')', '>', 30, '0', '6', 29};
inline constexpr std::array<uint8_t, 2> kMacroTrailer = {30, 4};

// Annex B. `position` counts data codewords from 1.
constexpr uint8_t randomise_253(int position) {
    const int value = codeword::pad + 149 * position % 253 + 1;
    return static_cast<uint8_t>(value <= 254 ? value : value - 254);
}
constexpr uint8_t mask_255(int position) { return static_cast<uint8_t>(149 * position % 255 + 1); }

// The values that a character takes in C40 or Text (Annex C), 1 to 4 of them.
struct Values {
    std::array<uint8_t, 4> at{};
    int count = 0;
    constexpr void add(int value) { at[count++] = static_cast<uint8_t>(value); }
};
constexpr Values c40_values(uint8_t byte, bool text) {
    Values values;
    if (byte >= 128) {
        values.add(1);
        values.add(kUpperShift);
        byte -= 128;
    }
    const int c = byte;
    const int basic = text ? 'a' : 'A', other = text ? 'A' : 'a';
    const auto shifted = [&](int shift, int value) {
        values.add(shift);
        values.add(value);
    };
    if (c == ' ')
        values.add(3);
    else if (c >= '0' && c <= '9')
        values.add(c - '0' + 4);
    else if (c >= basic && c < basic + 26)
        values.add(c - basic + 14);
    else if (c < 32)
        shifted(0, c);
    else if (c <= 47)
        shifted(1, c - 33);
    else if (c >= 58 && c <= 64)
        shifted(1, c - 58 + 15);
    else if (c >= 91 && c <= 95)
        shifted(1, c - 91 + 22);
    else if (c == 96)
        shifted(2, 0);
    else if (c >= other && c < other + 26)
        shifted(2, c - other + 1);
    else
        shifted(2, c - 123 + 27);
    return values;
}

// The value of a character in X12, or -1.
constexpr int x12_value(uint8_t c) {
    if (c == 13) return 0;
    if (c == '*') return 1;
    if (c == '>') return 2;
    if (c == ' ') return 3;
    if (c >= '0' && c <= '9') return c - '0' + 4;
    if (c >= 'A' && c <= 'Z') return c - 'A' + 14;
    return -1;
}

// The value of a character in EDIFACT, or -1.
constexpr int edifact_value(uint8_t c) { return c >= 32 && c <= 94 ? c & 63 : -1; }

// Data codewords of a symbol, pads and all, with room for its error codewords. Not initialised.
struct Codewords {
    const SymbolSize* size;
    int used;  // data codewords before the first pad
    std::array<uint8_t, kMaxCodewords> at;
};

// Encodes `payload` into the smallest size of `shape` that holds it, or into `size` if that is not
// null. Automatic is minimal: no stream of the six encodations takes fewer codewords in that
// symbol, and none fits a smaller one. Throws payload_too_long, not_encodable.
void write_message(std::span<const uint8_t> payload, const SymbolSize* size, Shape shape,
                   Encodation encodation, Codewords& codewords);

// The fewest data codewords before the first pad that automatic encodation takes in a symbol of
// `capacity` data codewords, which need not be that of a real size; or nothing when none fits.
std::optional<int> fewest_codewords(std::span<const uint8_t> payload, int capacity);

// The sizes of `shape`, smallest area first.
std::span<const SymbolSize* const> sizes_of(Shape shape);

// What a symbol says besides its bytes.
struct Message {
    std::vector<uint8_t> payload;
    bool gs1 = false;       // FNC1 in first position
    bool industry = false;  // FNC1 in second position (AIM application indicator)
    bool reader_programming = false;
    int macro = 0;         // 0, 5 or 6; header and trailer are in the payload
    int eci = -1;          // first ECI seen, -1 for none
    int append_index = 0;  // structured append: 1..append_total, 0 for none
    int append_total = 0;
    int append_file_id = 0;       // both codewords, first one high
    int data_codewords_used = 0;  // before the first pad
};

// Where codewords stop being a message, and why.
struct Malformed {
    int at;  // counts data codewords from 0
    const char* what;
};

// Reads all data codewords of a symbol: never reads past the end, takes time linear in the number
// of codewords, and the payload has at most two bytes a codeword (and 9 of a macro). `message`
// keeps the memory of its payload, so that a second message of that length allocates nothing; when
// something is malformed, its content means nothing.
std::optional<Malformed> try_read_message(std::span<const uint8_t> codewords, Message& message);

// The same as an exception: malformed_codewords.
Message read_message(std::span<const uint8_t> codewords);
[[noreturn]] void refuse(const Malformed& malformed, size_t data_codewords);

}  // namespace imi
