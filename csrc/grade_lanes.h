// The inner loops of the grader that are worth eight and sixteen lanes. Both instruction sets give
// the same answer to the last bit: no sum is taken in another order, nothing is fused.
#pragma once

#include <cstdint>
#include <span>

namespace imi {

inline constexpr int kLineLanes = 8;   // of add_line(): `out` has room for whole groups
inline constexpr int kMeanLanes = 32;  // of weigh_row(): values are read in whole groups
inline constexpr int kSpanRoom = 24;   // of look(): so many greys can be read

// Grey values 0..32767, `width` to a row.
struct Greys {
    const int16_t* values;
    int width;
};

// Bilinear values at (x + i dx, y + i dy), i = 0..count-1, added to `out` times `share`. Value
// (0, 0) lies at (0, 0); all places lie at least one value inside. Beyond out[count] up to a whole
// group `out` is scribbled on.
void add_line(const Greys& greys, float x, float y, float dx, float dy, int count, float share,
              float* out);

struct Span {
    float low, high;
    uint32_t beyond;  // bit i: grey i is on the middle of low and high, or on the side of `sign`
};

// Of `count` greys, at most kSpanRoom; whatever `count`, kSpanRoom are read.
Span look(const float* greys, int count, float sign);

// Sum of weights[row][i] * from[row][i], i = 0..stride-1; `rows` is even, `stride` a multiple of 8.
// The sum has to fit 32 bits. `from` is among the greys.
int32_t weigh_square(const Greys& greys, const int16_t* from, const int16_t* weights, int rows,
                     int stride);

// A straight border over weighed pixels: how far beyond it they lie, first + row * by_row + i *
// by_column, in units in which a pixel passes it within 1, more softly by `soft` at either end.
struct Border {
    float first, by_row, by_column, soft, step;
};

// Shares, of twice the weights, beyond the border; and with it a step nearer and a step farther.
struct Beyond {
    float nearer, there, farther;
};
Beyond weigh_beyond(const int16_t* weights, int rows, int stride, const Border& border);

struct Tap {
    int row, column;
    uint16_t weight;
};

// out[x] = sum of the high halves of weight * from[row][x + column] of all taps, x = 0..count-1;
// `from` is among the greys, products are unsigned. Reads up to whole groups of x.
void weigh_row(const Greys& greys, const int16_t* from, std::span<const Tap> taps, int count,
               int16_t* out);

}  // namespace imi
