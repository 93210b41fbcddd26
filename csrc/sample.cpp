#include "sample.h"

#include <algorithm>
#include <cmath>

#include "warp.h"

namespace imi {
namespace {

constexpr int tile = 4;  // cells a side; the threshold looks at 3x3 tiles

void sharpened(const Cells& cells, float share, std::vector<float>& out) {
    out.resize(cells.grey.size());
    const int columns = cells.columns, rows = cells.rows;
    for (int y = 0; y < rows; ++y) {
        const float* here = cells.grey.data() + static_cast<size_t>(y) * columns;
        const float* above = y > 0 ? here - columns : here;
        const float* below = y + 1 < rows ? here + columns : here;
        float* to = out.data() + static_cast<size_t>(y) * columns;
        for (int x = 0; x < columns; ++x) {
            const float left = here[x > 0 ? x - 1 : x], right = here[x + 1 < columns ? x + 1 : x];
            to[x] = here[x] + share * (here[x] - 0.25f * (left + right + above[x] + below[x]));
        }
    }
}

}  // namespace

void sample_cells(const GreyView& frame, const Homography& to_image, int first_row,
                  int first_column, int rows, int columns, int taps, Cells& cells) {
    constexpr float reach = 0.2f;  // modules from the centre to the other taps
    cells.rows = rows, cells.columns = columns;
    cells.grey.resize(static_cast<size_t>(rows) * columns);
    const int count = taps > 1 ? 5 * columns : columns;
    cells.x.resize(count), cells.y.resize(count), cells.taps.resize(count);
    float *x = cells.x.data(), *y = cells.y.data();
    const double* m = to_image.m;
    const auto dx = static_cast<float>(m[0]), dy = static_cast<float>(m[3]);
    const auto dw = static_cast<float>(m[6]);
    const auto ex = static_cast<float>(m[1]), ey = static_cast<float>(m[4]);
    const auto ew = static_cast<float>(m[7]);
    for (int row = 0; row < rows; ++row) {
        const double x0 = first_column + 0.5, y0 = first_row + row + 0.5;
        const auto nx = static_cast<float>(m[0] * x0 + m[1] * y0 + m[2]);
        const auto ny = static_cast<float>(m[3] * x0 + m[4] * y0 + m[5]);
        const auto nw = static_cast<float>(m[6] * x0 + m[7] * y0 + m[8]);
        float* out = cells.grey.data() + static_cast<size_t>(row) * columns;
        for (int column = 0; column < columns; ++column) {
            const auto step = static_cast<float>(column);
            const float scale = 1 / (nw + step * dw);
            x[column] = (nx + step * dx) * scale, y[column] = (ny + step * dy) * scale;
        }
        if (taps == 1) {
            grey_at_places(frame, x, y, columns, out);
            continue;
        }
        for (int column = 0; column < columns; ++column) {
            // The map is as good as linear inside one module.
            const float near = reach / (nw + static_cast<float>(column) * dw);
            const float ux = (dx - dw * x[column]) * near, uy = (dy - dw * y[column]) * near;
            const float vx = (ex - ew * x[column]) * near, vy = (ey - ew * y[column]) * near;
            x[columns + column] = x[column] + ux, y[columns + column] = y[column] + uy;
            x[2 * columns + column] = x[column] - ux, y[2 * columns + column] = y[column] - uy;
            x[3 * columns + column] = x[column] + vx, y[3 * columns + column] = y[column] + vy;
            x[4 * columns + column] = x[column] - vx, y[4 * columns + column] = y[column] - vy;
        }
        grey_at_places(frame, x, y, count, cells.taps.data());
        const float* tap = cells.taps.data();
        for (int column = 0; column < columns; ++column)
            out[column] = 0.2f * (tap[column] + tap[columns + column] + tap[2 * columns + column] +
                                  tap[3 * columns + column] + tap[4 * columns + column]);
    }
}

void find_ink(Cells& cells, float sharpen) {
    const int rows = cells.rows, columns = cells.columns;
    const std::vector<float>* grey = &cells.grey;
    if (sharpen > 0) {
        sharpened(cells, sharpen, cells.scratch);
        grey = &cells.scratch;
    }
    const int down = (rows + tile - 1) / tile, across = (columns + tile - 1) / tile;
    cells.low.assign(static_cast<size_t>(down) * across, 1e9f);
    cells.high.assign(static_cast<size_t>(down) * across, -1e9f);
    float lowest = 1e9f, highest = -1e9f;
    for (int y = 0; y < rows; ++y) {
        for (int x = 0; x < columns; ++x) {
            const float value = (*grey)[static_cast<size_t>(y) * columns + x];
            float& low = cells.low[static_cast<size_t>(y / tile) * across + x / tile];
            float& high = cells.high[static_cast<size_t>(y / tile) * across + x / tile];
            low = std::min(low, value), high = std::max(high, value);
            lowest = std::min(lowest, value), highest = std::max(highest, value);
        }
    }
    cells.ink.resize(cells.grey.size());
    const float least = std::max(4.0f, 0.3f * (highest - lowest));  // contrast worth a threshold
    const float middle = (highest + lowest) / 2;
    for (int ty = 0; ty < down; ++ty) {
        for (int tx = 0; tx < across; ++tx) {
            float low = 1e9f, high = -1e9f;
            for (int y = std::max(0, ty - 1); y <= std::min(down - 1, ty + 1); ++y) {
                for (int x = std::max(0, tx - 1); x <= std::min(across - 1, tx + 1); ++x) {
                    low = std::min(low, cells.low[static_cast<size_t>(y) * across + x]);
                    high = std::max(high, cells.high[static_cast<size_t>(y) * across + x]);
                }
            }
            if (high - low < least) {  // all paper or all ink: say which
                if (low + high > 2 * middle)
                    low = high - least;
                else
                    high = low + least;
            }
            const float threshold = (low + high) / 2;
            const float scale = 256 * 2.5f / (high - low);  // sure from 0.1 of the contrast's rim
            for (int y = ty * tile; y < std::min(rows, (ty + 1) * tile); ++y) {
                const size_t line = static_cast<size_t>(y) * columns;
                for (int x = tx * tile; x < std::min(columns, (tx + 1) * tile); ++x) {
                    const float ink = (threshold - (*grey)[line + x]) * scale;
                    cells.ink[line + x] = static_cast<int16_t>(std::clamp(ink, -256.0f, 256.0f));
                }
            }
        }
    }
}

}  // namespace imi
