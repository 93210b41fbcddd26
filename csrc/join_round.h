// Sums, least or most of each cell of a table and its eight neighbours.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace imi {

// Joins each block with its eight neighbours, as far as the frame has them: rows first, then
// columns, in loops that the compiler vectorises. `take` is applied to each value of `in` before.
template <class T, class Take, class Join>
void join_round(const std::vector<T>& in, int across, int down, Take take, Join join,
                std::vector<T>& rows, std::vector<T>& out) {
    rows.resize(in.size()), out.resize(in.size());
    const auto width = static_cast<size_t>(across), height = static_cast<size_t>(down);
    for (size_t y = 0; y < height; ++y) {
        const T* __restrict from = in.data() + y * width;
        T* __restrict to = rows.data() + y * width;
        if (width == 1) {
            to[0] = take(from[0]);
            continue;
        }
        to[0] = join(take(from[0]), take(from[1]));
        for (size_t x = 1; x + 1 < width; ++x)
            to[x] = join(join(take(from[x - 1]), take(from[x])), take(from[x + 1]));
        to[width - 1] = join(take(from[width - 2]), take(from[width - 1]));
    }
    for (size_t y = 0; y < height; ++y) {
        const T* __restrict here = rows.data() + y * width;
        T* __restrict to = out.data() + y * width;
        if (height == 1) {
            std::copy(here, here + width, to);
        } else if (y == 0 || y + 1 == height) {
            const T* __restrict beside = y == 0 ? here + width : here - width;
            for (size_t x = 0; x < width; ++x) to[x] = join(here[x], beside[x]);
        } else {
            const T* __restrict above = here - width, * __restrict below = here + width;
            for (size_t x = 0; x < width; ++x) to[x] = join(join(above[x], here[x]), below[x]);
        }
    }
}

}  // namespace imi
