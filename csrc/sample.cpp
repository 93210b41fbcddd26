#include "sample.h"

#include <algorithm>

#include "join_round.h"
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
    constexpr float reach = 0.2f;  // modules
    cells.rows = rows, cells.columns = columns;
    cells.grey.resize(static_cast<size_t>(rows) * columns);
    cells.places.resize(static_cast<size_t>(columns) * 9);
    float *x = cells.places.data(), *y = x + columns, *scale = y + columns;
    float *ux = scale + columns, *uy = ux + columns, *vx = uy + columns, *vy = vx + columns;
    float *tx = vy + columns, *ty = tx + columns;
    cells.tap.resize(columns);
    float* tap = cells.tap.data();
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
        for (int i = 0; i < columns; ++i) {
            const auto step = static_cast<float>(i);
            scale[i] = 1 / (nw + step * dw);
            x[i] = (nx + step * dx) * scale[i], y[i] = (ny + step * dy) * scale[i];
        }
        grey_at_places(frame, x, y, columns, out);
        if (taps == 1) continue;
        // The map is as good as linear inside one module.
        for (int i = 0; i < columns; ++i) {
            const float near = scale[i] * reach;
            ux[i] = (dx - dw * x[i]) * near, uy[i] = (dy - dw * y[i]) * near;
            vx[i] = (ex - ew * x[i]) * near, vy[i] = (ey - ew * y[i]) * near;
        }
        const auto add = [&](const float* off_x, const float* off_y, float sign) {
            for (int i = 0; i < columns; ++i)
                tx[i] = x[i] + sign * off_x[i], ty[i] = y[i] + sign * off_y[i];
            grey_at_places(frame, tx, ty, columns, tap);
            for (int i = 0; i < columns; ++i) out[i] += tap[i];
        };
        add(ux, uy, 1), add(ux, uy, -1), add(vx, vy, 1), add(vx, vy, -1);
        for (int i = 0; i < columns; ++i) out[i] *= 0.2f;
    }
}

void find_ink(Cells& cells, float sharpen, float spread) {
    const int rows = cells.rows, columns = cells.columns;
    const std::vector<float>* grey = &cells.grey;
    if (sharpen > 0) {
        sharpened(cells, sharpen, cells.scratch);
        grey = &cells.scratch;
    }
    const int down = (rows + tile - 1) / tile, across = (columns + tile - 1) / tile;
    cells.low.resize(static_cast<size_t>(down) * across), cells.high.resize(cells.low.size());
    cells.places.resize(static_cast<size_t>(columns) * 2);
    float *near = cells.places.data(), *far = near + columns;  // of one line of cells
    float lowest = 1e9f, highest = -1e9f;
    for (int ty = 0; ty < down; ++ty) {
        std::fill(near, near + columns, 1e9f), std::fill(far, far + columns, -1e9f);
        for (int y = ty * tile; y < std::min(rows, (ty + 1) * tile); ++y) {
            const float* line = grey->data() + static_cast<size_t>(y) * columns;
            for (int x = 0; x < columns; ++x) {
                near[x] = line[x] < near[x] ? line[x] : near[x];
                far[x] = line[x] > far[x] ? line[x] : far[x];
            }
        }
        for (int tx = 0; tx < across; ++tx) {
            const int from = tx * tile, to = std::min(columns, from + tile);
            const float low = *std::min_element(near + from, near + to);
            const float high = *std::max_element(far + from, far + to);
            cells.low[static_cast<size_t>(ty) * across + tx] = low;
            cells.high[static_cast<size_t>(ty) * across + tx] = high;
            lowest = std::min(lowest, low), highest = std::max(highest, high);
        }
    }
    cells.ink.resize(cells.grey.size());
    const float least = std::max(4.0f, 0.3f * (highest - lowest));  // contrast worth a threshold
    const float middle = (highest + lowest) / 2;
    const auto as_it_is = [](float grey) { return grey; };
    const auto least_of = [](float a, float b) { return a < b ? a : b; };
    const auto most_of = [](float a, float b) { return a > b ? a : b; };
    join_round(cells.low, across, down, as_it_is, least_of, cells.tile_rows, cells.lows);
    join_round(cells.high, across, down, as_it_is, most_of, cells.tile_rows, cells.highs);
    for (int ty = 0; ty < down; ++ty) {
        for (int tx = 0; tx < across; ++tx) {
            float low = cells.lows[static_cast<size_t>(ty) * across + tx];
            float high = cells.highs[static_cast<size_t>(ty) * across + tx];
            if (high - low < least) {  // all paper or all ink: say which
                if (low + high > 2 * middle)
                    low = high - least;
                else
                    high = low + least;
            }
            // Sure from 0.1 of the contrast's rim.
            const float threshold = (low + high - spread * (high - low)) / 2;
            const float scale = 256 * 2.5f / ((high - low) * (1 - std::abs(spread)));
            for (int x = tx * tile; x < std::min(columns, (tx + 1) * tile); ++x)
                near[x] = threshold, far[x] = scale;
        }
        for (int y = ty * tile; y < std::min(rows, (ty + 1) * tile); ++y) {
            const float* line = grey->data() + static_cast<size_t>(y) * columns;
            int16_t* ink = cells.ink.data() + static_cast<size_t>(y) * columns;
            for (int x = 0; x < columns; ++x) {
                float v = (near[x] - line[x]) * far[x];
                v = v < -256 ? -256 : v;
                v = v > 256 ? 256 : v;
                ink[x] = static_cast<int16_t>(static_cast<int>(v));
            }
        }
    }
}

}  // namespace imi
