// Codewords -> bytes. The input is the data codewords of a symbol.
#include <algorithm>

#include "encodation.h"
#include "fuzz.h"

using fuzz::promised;
using imi::Malformed;
using imi::Message;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Message message;  // its memory is kept, as a reader does
    const std::span codewords(data, std::min<size_t>(size, imi::kMaxDataCodewords));
    const std::optional<Malformed> malformed = imi::try_read_message(codewords, message);
    const auto length = static_cast<int>(codewords.size());
    if (malformed) {
        promised(malformed->at >= 0 && malformed->at <= length, "a fault has a place");
        promised(malformed->what != nullptr, "a fault has words");
        return 0;
    }
    promised(message.payload.size() <= 2 * codewords.size() + 9, "two bytes a codeword at most");
    promised(message.data_codewords_used <= length, "not more codewords than there are");
    promised(message.eci >= -1 && message.eci < 16383 + 16 * 254 * 254, "three codewords of ECI");
    promised(message.append_index <= message.append_total && message.append_total <= 16,
             "a place in a group of 16");
    promised(message.macro == 0 || message.payload.size() >= 9, "a macro has header and trailer");
    return 0;
}
