#include "pwg.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "error.h"

namespace imi {
namespace {

constexpr size_t kHeaderBytes = 1796;
constexpr size_t kLongestRun = 128;     // one control byte, PWG 5102.4 clause 4.2
constexpr int kMostEqualRows = 256;     // one repeat byte
constexpr size_t kMediaNameBytes = 64;  // with its closing zero
constexpr uint32_t kColorSpaceBlack = 3;

void put(uint8_t* header, size_t at, uint32_t value) {
    header[at] = static_cast<uint8_t>(value >> 24);
    header[at + 1] = static_cast<uint8_t>(value >> 16);
    header[at + 2] = static_cast<uint8_t>(value >> 8);
    header[at + 3] = static_cast<uint8_t>(value);
}

// PWG 5102.4 Table 5; what is not named is zero. Lengths in points are rounded down.
void put_header(uint8_t* header, const PwgPage& page, size_t pages, std::string_view media) {
    const auto width = static_cast<uint32_t>(page.width);
    const auto height = static_cast<uint32_t>(page.height);
    const auto resolution = static_cast<uint32_t>(page.dots_per_inch);
    std::memset(header, 0, kHeaderBytes);
    std::memcpy(header, "PwgRaster", 9);
    put(header, 276, resolution);
    put(header, 280, resolution);
    put(header, 340, 1);  // copies
    put(header, 352, width * 72 / resolution);
    put(header, 356, height * 72 / resolution);
    put(header, 372, width);
    put(header, 376, height);
    put(header, 384, 1);  // bits per colour
    put(header, 388, 1);  // bits per pixel
    put(header, 392, (width + 7) / 8);
    put(header, 400, kColorSpaceBlack);
    put(header, 420, 1);  // colours
    put(header, 452, static_cast<uint32_t>(pages));
    put(header, 456, 1);         // cross-feed transform
    put(header, 460, 1);         // feed transform
    put(header, 480, 0xFFFFFF);  // alternate primary: white, as CUPS writes it
    std::memcpy(header + 1732, media.data(), media.size());
}

// Eight bytes, the first lowest.
uint64_t load(const uint8_t* from) {
    uint64_t value;
    std::memcpy(&value, from, sizeof value);
    if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
    return value;
}

size_t first_marked_byte(uint64_t value) {
    return static_cast<size_t>(std::countr_zero(value)) / 8;
}

// Has the top bit of the lowest zero byte set, and none below it.
uint64_t mark_zero_byte(uint64_t value) {
    return (value - 0x0101010101010101u) & ~value & 0x8080808080808080u;
}

// How many bytes from `from` on equal the first; at least 1.
size_t equal_run(const uint8_t* from, const uint8_t* end) {
    const uint64_t pattern = from[0] * uint64_t{0x0101010101010101u};
    const uint8_t* at = from + 1;
    for (; end - at >= 8; at += 8)
        if (const uint64_t differs = load(at) ^ pattern; differs != 0)
            return static_cast<size_t>(at - from) + first_marked_byte(differs);
    while (at < end && *at == from[0]) ++at;
    return static_cast<size_t>(at - from);
}

// How many bytes from `from` on come before the next pair of equal ones; at least 1.
size_t unlike_run(const uint8_t* from, const uint8_t* end) {
    const uint8_t* at = from;
    for (; end - at >= 9; at += 8)
        if (const uint64_t equal = mark_zero_byte(load(at) ^ load(at + 1)); equal != 0)
            return static_cast<size_t>(at - from) + first_marked_byte(equal);
    while (end - at >= 2 && at[0] != at[1]) ++at;
    return static_cast<size_t>(end - at >= 2 ? at - from : end - from);
}

uint8_t* put_row(uint8_t* to, const uint8_t* from, const uint8_t* end) {
    while (from < end) {
        const size_t equal = std::min(equal_run(from, end), kLongestRun);
        if (equal >= 2 || end - from == 1) {
            *to++ = static_cast<uint8_t>(equal - 1);
            *to++ = *from;
            from += equal;
        } else {
            const size_t unlike = std::min(unlike_run(from, end), kLongestRun);
            // A single byte is a run of one: 257 - 1 would not fit the control byte.
            *to++ = static_cast<uint8_t>(unlike == 1 ? 0 : 257 - unlike);
            std::memcpy(to, from, unlike);
            to += unlike;
            from += unlike;
        }
    }
    return to;
}

// How many of `rows` rows from here on equal the first; at least 1.
int equal_rows(const uint8_t* row, size_t bytes, int rows) {
    int equal = 1;
    while (equal < rows && std::memcmp(row, row + static_cast<size_t>(equal) * bytes, bytes) == 0)
        ++equal;
    return equal;
}

size_t stride(const PwgPage& page) { return (static_cast<size_t>(page.width) + 7) / 8; }

void check(const PwgPage& page) {
    if (page.width < 1 || page.height < 1 || page.width > 65536 || page.height > 65536)
        throw Error(Fault::bad_argument, "a page of " + std::to_string(page.width) + "x" +
                                             std::to_string(page.height) +
                                             " dots; the limits are 1 and 65,536");
    if (page.dots_per_inch < 1 || page.dots_per_inch > 9600)
        throw Error(Fault::bad_argument, "a page at " + std::to_string(page.dots_per_inch) +
                                             " dpi; the limits are 1 and 9,600");
}

}  // namespace

size_t pwg_bound(std::span<const PwgPage> pages) {
    if (pages.empty()) throw Error(Fault::bad_argument, "a PWG stream needs at least one page");
    size_t most = 4;
    for (const PwgPage& page : pages) {
        check(page);
        // A row at its worst: a repeat byte and, at every second byte, a control byte.
        most += kHeaderBytes + static_cast<size_t>(page.height) * (2 * stride(page) + 1);
    }
    return most;
}

size_t pwg_raster(std::span<const PwgPage> pages, std::string_view media_name, uint8_t* to) {
    if (media_name.size() >= kMediaNameBytes || media_name.find('\0') != media_name.npos)
        throw Error(Fault::bad_argument, "media name is " + std::to_string(media_name.size()) +
                                             " bytes or holds a zero; the header has room for 63");
    const uint8_t* start = to;
    std::memcpy(to, "RaS2", 4);
    to += 4;
    for (const PwgPage& page : pages) {
        put_header(to, page, pages.size(), media_name);
        to += kHeaderBytes;
        const size_t bytes = stride(page);
        for (int y = 0; y < page.height;) {
            const uint8_t* row = page.rows + static_cast<size_t>(y) * bytes;
            const int equal = equal_rows(row, bytes, std::min(page.height - y, kMostEqualRows));
            *to++ = static_cast<uint8_t>(equal - 1);
            to = put_row(to, row, row + bytes);
            y += equal;
        }
    }
    return static_cast<size_t>(to - start);
}

}  // namespace imi
