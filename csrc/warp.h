// A symbol straightened out: grey values at fixed places of every module, through a mesh of module
// corners that may bend as the paper does.
#pragma once

#include <cstdint>
#include <vector>

#include "image.h"

namespace imi {

// Bilinear grey at `count` places; as grey_at of scan.h, answers any coordinate, NaN included.
// `grey_at_places` uses the fastest of the variants, which agree to the last bit.
void grey_at_places(const GreyView& frame, const float* x, const float* y, int count, float* out);
void grey_at_places_portable(const GreyView& frame, const float* x, const float* y, int count,
                             float* out);
void grey_at_places_avx2(const GreyView& frame, const float* x, const float* y, int count,
                         float* out);

// Where the corners of cells lie in the frame: (rows + 1) * (columns + 1) nodes, row by row.
struct Mesh {
    int rows = 0, columns = 0;
    std::vector<float> x, y;  // pixels
};

inline constexpr int kSide = 4;  // samples across a cell

// `rows * kSide` lines of `columns * kSide` grey values, evenly over the cells.
struct Raster {
    int rows = 0, columns = 0;  // cells
    std::vector<float> grey;
    std::vector<float> x, y, node_x, node_y;  // of one line, workspace

    int width() const { return columns * kSide; }
    int height() const { return rows * kSide; }
    const float* line(int at) const { return grey.data() + static_cast<size_t>(at) * width(); }
};

void sample_mesh(const GreyView& frame, const Mesh& mesh, Raster& out);

}  // namespace imi
