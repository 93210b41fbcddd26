// A symbol straightened out: grey values at fixed places of every module, through a mesh of module
// corners that may bend as the paper does.
#pragma once

#include <algorithm>
#include <cmath>
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

// Moves every node by `by(row, column)`, in cells, along the mesh as it is. `x` and `y` are
// workspace.
template <class By>
void displace(Mesh& mesh, std::vector<float>& x, std::vector<float>& y, By&& by) {
    const int nodes = mesh.columns + 1;
    x.resize(mesh.x.size()), y.resize(mesh.y.size());
    for (int row = 0; row <= mesh.rows; ++row) {
        for (int column = 0; column <= mesh.columns; ++column) {
            const Point off = by(row, column);
            const float to_x = static_cast<float>(column) + static_cast<float>(off.x);
            const float to_y = static_cast<float>(row) + static_cast<float>(off.y);
            // Beyond the mesh its last cells go on.
            const int x0 = std::clamp(static_cast<int>(to_x), 0, mesh.columns - 1);
            const int y0 = std::clamp(static_cast<int>(to_y), 0, mesh.rows - 1);
            const float fx = to_x - static_cast<float>(x0), fy = to_y - static_cast<float>(y0);
            const size_t from = static_cast<size_t>(y0) * nodes + x0;
            const auto mix = [&](const std::vector<float>& v) {
                const float* a = v.data() + from;
                const float top = a[0] + fx * (a[1] - a[0]);
                const float low = a[nodes] + fx * (a[nodes + 1] - a[nodes]);
                return top + fy * (low - top);
            };
            const size_t at = static_cast<size_t>(row) * nodes + column;
            x[at] = mix(mesh.x), y[at] = mix(mesh.y);
        }
    }
    mesh.x.swap(x), mesh.y.swap(y);
}

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
