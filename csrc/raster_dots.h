// What every raster kernel draws on: rows of 1-bit dots in memory that someone else owns.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace imi {

inline constexpr int kMaxDots =
    1 << 16;  // a side; 54 in at 1,200 dpi, and products stay in 32 bits

// Rows packed eight dots to a byte, most significant bit on the left, 1 = ink, pad bits 0.
struct DotView {
    uint8_t* rows;
    int width, height;  // dots

    size_t stride() const { return (static_cast<size_t>(width) + 7) / 8; }
    size_t size() const { return stride() * static_cast<size_t>(height); }
    uint8_t* row(int y) const { return rows + static_cast<size_t>(y) * stride(); }
    bool holds(int x, int y, int w, int h) const {
        return x >= 0 && y >= 0 && w >= 0 && h >= 0 && x <= width - w && y <= height - h;
    }
};

// Eight bytes as a number whose most significant byte comes first in memory: dot order.
inline uint64_t big_endian(uint64_t value) {
    if constexpr (std::endian::native == std::endian::little) return __builtin_bswap64(value);
    return value;
}

inline uint64_t load_dots(const uint8_t* from) {
    uint64_t value;
    std::memcpy(&value, from, sizeof value);
    return big_endian(value);
}

inline void store_dots(uint8_t* to, uint64_t value) {
    value = big_endian(value);
    std::memcpy(to, &value, sizeof value);
}

}  // namespace imi
