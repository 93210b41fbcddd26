// From a frame to rows of 65 bars of the Intelligent Mail barcode (USPS-B-3200), any way round.
#pragma once

#include <vector>

#include "image.h"
#include "imb_bars.h"
#include "imb_rows.h"

namespace imi {

// Holds the scratch memory, so that a camera loop allocates nothing. Not for two threads at a time.
class BarRowReader {
public:
    // Rows in the order found, at most `limit` lines of bars at each scale; a line may give two or
    // three rows of which one at most is right. `frame` may be of any size, also empty.
    const std::vector<BarRow>& read(const GreyView& frame, size_t limit);

private:
    LineFinder finder_;
    BarMeter meter_;
    std::vector<BarLine> lines_;
    std::vector<uint8_t> halves_[2];
    std::vector<BarRow> rows_;
};

}  // namespace imi
