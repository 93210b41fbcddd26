#include "raster_symbol.h"

#include <array>
#include <utility>

#include "error.h"

namespace imi {
namespace {

constexpr size_t kModuleBytes = kMaxModules / 8;
// One zero byte before a row (the light edge that erosion and shifting look at), slack behind it
// for the whole table entry that the last lookup copies.
constexpr size_t kRowBytes = kModuleBytes * kMaxDotsPerModule + 2 * kMaxDotsPerModule;

using ModuleRow = std::array<uint8_t, kModuleBytes>;

// Eight bytes, zero or not, to eight bits, the first byte leftmost.
uint8_t pack_eight(uint64_t bytes) {
    bytes |= bytes >> 4;
    bytes |= bytes >> 2;
    bytes |= bytes >> 1;  // bit 0 of each byte now says whether the byte was non-zero
    bytes &= 0x0101010101010101u;
    return static_cast<uint8_t>((bytes * 0x8040201008040201u) >> 56);
}

void pack_row(const uint8_t* modules, int columns, ModuleRow& bits) {
    int column = 0;
    for (; column + 8 <= columns; column += 8) {
        uint64_t eight;
        std::memcpy(&eight, modules + column, 8);
        if constexpr (std::endian::native == std::endian::big) eight = __builtin_bswap64(eight);
        bits[static_cast<size_t>(column) / 8] = pack_eight(eight);
    }
    if (column < columns) {
        unsigned rest = 0;
        for (int i = column; i < columns; ++i) rest |= (modules[i] != 0) << (7 - (i - column));
        bits[static_cast<size_t>(column) / 8] = static_cast<uint8_t>(rest);
    }
}

// to[i] for i in [0, bytes); from[-1] and from[bytes] are readable and light.
void erode_once(const uint8_t* from, uint8_t* to, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) {
        const unsigned left = from[i] >> 1 | from[i - 1] << 7;
        const unsigned right = from[i] << 1 | from[i + 1] >> 7;
        to[i] = static_cast<uint8_t>(from[i] & left & right);
    }
}

}  // namespace

SymbolPen::SymbolPen(int dots_per_module, int inset)
    : dots_per_module_(dots_per_module), inset_(inset) {
    if (dots_per_module < 1 || dots_per_module > kMaxDotsPerModule)
        throw Error(Fault::bad_argument, "dots_per_module is " + std::to_string(dots_per_module) +
                                             "; the limits are 1 and " +
                                             std::to_string(kMaxDotsPerModule));
    if (inset < 0 || inset > kMaxInset || 2 * inset >= dots_per_module)
        throw Error(Fault::bad_argument, "an inset of " + std::to_string(inset) +
                                             " dots on each edge leaves nothing of a module of " +
                                             std::to_string(dots_per_module) +
                                             " dots, or exceeds the limit of " +
                                             std::to_string(kMaxInset));
    const auto dots = static_cast<size_t>(dots_per_module);
    // Copies of a fixed size are a register move; only very large modules pay for a real memcpy.
    entry_ = dots <= 16 ? 16 : dots <= 32 ? 32 : static_cast<size_t>(kMaxDotsPerModule);
    table_.assign(256 * entry_, 0);
    for (size_t bits = 0; bits < 256; ++bits)
        for (size_t dot = 0; dot < 8 * dots; ++dot)
            if (bits >> (7 - dot / dots) & 1)
                table_[bits * entry_ + dot / 8] |= static_cast<uint8_t>(0x80 >> dot % 8);
}

// Calls emit(first dot row, number of equal dot rows, bytes with a zero byte before and behind).
template <typename Emit>
void SymbolPen::each_row(const uint8_t* modules, int rows, int columns, Emit emit) const {
    if (rows < 1 || columns < 1 || rows > kMaxModules || columns > kMaxModules)
        throw Error(Fault::bad_argument, "modules are " + std::to_string(rows) + "x" +
                                             std::to_string(columns) +
                                             "; a symbol has 1 to 144 rows and columns");
    const size_t chunks = (static_cast<size_t>(columns) + 7) / 8;
    const auto dots = static_cast<size_t>(dots_per_module_);
    const size_t bytes = (static_cast<size_t>(columns) * dots + 7) / 8;
    std::array<uint8_t, kRowBytes> first, second;
    first[0] = second[0] = 0;

    const auto expand = [&](const ModuleRow& bits) -> const uint8_t* {
        uint8_t* to = first.data() + 1;
        const auto copy = [&](auto size) {
            for (size_t i = 0; i < chunks; ++i)
                std::memcpy(to + i * dots, table_.data() + bits[i] * entry_, size);
        };
        if (entry_ == 16)
            copy(std::integral_constant<size_t, 16>{});
        else if (entry_ == 32)
            copy(std::integral_constant<size_t, 32>{});
        else
            copy(std::integral_constant<size_t, size_t{kMaxDotsPerModule}>{});
        to[bytes] = second[bytes + 1] = 0;
        uint8_t* other = second.data() + 1;
        for (int i = 0; i < inset_; ++i) {
            erode_once(to, other, bytes);
            std::swap(to, other);
        }
        return to;
    };
    const auto both = [&](const ModuleRow& a, const ModuleRow& b) {
        ModuleRow met{};
        for (size_t i = 0; i < chunks; ++i) met[i] = a[i] & b[i];
        return met;
    };

    ModuleRow above{}, here{}, below{};
    pack_row(modules, columns, here);
    for (int row = 0; row < rows; ++row) {
        below.fill(0);
        if (row + 1 < rows) pack_row(modules + (row + 1) * columns, columns, below);
        const int y = row * dots_per_module_;
        if (inset_ > 0) emit(y, inset_, expand(both(above, here)));
        emit(y + inset_, dots_per_module_ - 2 * inset_, expand(here));
        if (inset_ > 0) emit(y + dots_per_module_ - inset_, inset_, expand(both(here, below)));
        above = here;
        here = below;
    }
}

void SymbolPen::fill(const uint8_t* modules, int rows, int columns, DotView to) const {
    if (to.width != columns * dots_per_module_ || to.height != rows * dots_per_module_)
        throw Error(Fault::bad_argument, "the picture is " + std::to_string(to.width) + "x" +
                                             std::to_string(to.height) + " dots; the symbol is " +
                                             std::to_string(columns * dots_per_module_) + "x" +
                                             std::to_string(rows * dots_per_module_));
    const size_t stride = to.stride();
    each_row(modules, rows, columns, [&](int y, int count, const uint8_t* dots) {
        uint8_t* start = to.row(y);
        std::memcpy(start, dots, stride);
        // Doubling: equal rows lie one after another, so few copies do them all.
        const size_t total = stride * static_cast<size_t>(count);
        for (size_t done = stride; done < total;) {
            const size_t more = done < total - done ? done : total - done;
            std::memcpy(start + done, start, more);
            done += more;
        }
    });
}

void SymbolPen::draw(const uint8_t* modules, int rows, int columns, DotView to, int x,
                     int y) const {
    if (!to.holds(x, y, columns * dots_per_module_, rows * dots_per_module_))
        throw Error(Fault::bad_argument, "a symbol at (" + std::to_string(x) + ", " +
                                             std::to_string(y) + ") leaves the picture of " +
                                             std::to_string(to.width) + "x" +
                                             std::to_string(to.height) + " dots");
    const int shift = x % 8;
    const size_t offset = static_cast<size_t>(x) / 8;
    const size_t bytes = (static_cast<size_t>(shift + columns * dots_per_module_) + 7) / 8;
    std::array<uint8_t, kRowBytes> shifted;
    each_row(modules, rows, columns, [&](int top, int count, const uint8_t* dots) {
        for (size_t i = 0; i < bytes; ++i)
            shifted[i] = static_cast<uint8_t>((dots[i - 1] << 8 | dots[i]) >> shift);
        for (int row = top; row < top + count; ++row) {
            uint8_t* target = to.row(y + row) + offset;
            for (size_t i = 0; i < bytes; ++i) target[i] |= shifted[i];
        }
    });
}

}  // namespace imi
