// From a frame to the symbols in it: patches -> lattices -> placements -> modules -> payload.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "image.h"
#include "symbol_sizes.h"

namespace imi {

struct ReadOptions {
    int limit = 1;                         // stop after so many symbols
    std::vector<const SymbolSize*> sizes;  // only these; empty for all 48
    int effort = 0;                        // units of work at most; 0 for default_effort
    std::optional<double> budget_ms;       // monotonic time, looked at between units of work
    // May refuse a payload; the search goes on. Empty accepts everything.
    std::function<bool(std::span<const uint8_t>)> accept;
};

// A unit of work is what takes about 10 us: a lattice fitted to 800 grey values, 1,200 boxes
// weighed, one cheap look at a grid. A clean symbol takes 2 to 20.
inline constexpr int default_effort = 1200;

struct Symbol {
    std::vector<uint8_t> payload;
    const SymbolSize* size;
    // x, y of: the corner of the L, far end of its upright leg, opposite corner, far end of its
    // lower leg. Pixels of the frame, the top left pixel covers (0, 0) to (1, 1).
    std::array<float, 8> corners;
    std::vector<uint8_t> modules;  // as sampled, upright, 1 = dark
    int errors_corrected;
    bool mirrored, inverted;
    float agreement;  // of finder and timing, -1..1
};

// Something with the finder and timing of a symbol whose codewords could not be proven.
struct Suspect {
    std::array<float, 8> corners;  // as in Symbol
    float agreement;               // of finder and timing, -1..1
};

// Holds the scratch memory of a read, so that a camera loop allocates nothing. Not for two threads
// at a time.
class FrameReader {
public:
    FrameReader();
    ~FrameReader();
    FrameReader(const FrameReader&) = delete;
    FrameReader& operator=(const FrameReader&) = delete;

    // Symbols in the order found; they live until the next read. `frame` may be of any size, also
    // empty.
    std::span<const Symbol> read(const GreyView& frame, const ReadOptions& options);

    // The likeliest symbol that the last read could not decode.
    std::optional<Suspect> suspect() const;

private:
    class Search;
    std::unique_ptr<Search> search_;
};

// All sizes, most frequent in mail first.
std::span<const SymbolSize* const> every_size();

}  // namespace imi
