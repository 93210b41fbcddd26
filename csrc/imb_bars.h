// From the line of a row to its 65 bars: where each stands, and how far it reaches up and down.
#pragma once

#include <array>
#include <vector>

#include "image.h"
#include "imb_rows.h"

namespace imi {

inline constexpr int imb_bars = 65;

// A row of 65 bars, in the direction of `BarLine::along`; whether it is upside down is for the code
// in it to say. Reach runs from -1 (surely a tracker's end) to 1 (surely an ascender or
// descender); 0 is the threshold.
struct BarRow {
    std::array<float, imb_bars> up, down;  // against and with `BarLine::across`
    // x, y of: lower end of the first bar, its upper end, upper end of the last, its lower end.
    std::array<float, 8> corners;
};

class BarMeter {
public:
    // Appends the row that stands on the line, or the few rows that may: with a speck beyond
    // an end, or without a bar there.
    void measure(const GreyView& frame, BarLine line, std::vector<BarRow>& rows);

private:
    void find_places(const GreyView& frame, const BarLine& line);
    void reach_of(const GreyView& frame, const BarLine& line, double t, float* up, float* down);
    void centre(BarLine& line) const;
    bool judge(const BarLine& line, size_t first, BarRow& row) const;

    std::vector<float> profile_, scratch_, lateral_;
    float usual_ = 0;             // contrast of the row's middle bars
    std::vector<double> places_;  // of bars, on the axis of the line
    std::vector<float> up_, down_;
};

}  // namespace imi
