// Creased paper: the outer border of the symbol is found first, where nothing can be mistaken for
// it, and from there the grid is carried inwards, each place expected where its neighbours lead and
// moved to the edges it finds there.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "warp.h"

namespace imi {

class Creeper {
public:
    // Displaces the nodes of `mesh`, through which `raster` was sampled. The outermost `margin`
    // cells are paper; `sign` is -1 for light on dark.
    void follow(const Raster& raster, int margin, float sign, Mesh& mesh);

private:
    static constexpr int kReach = 3;  // modules to either side that lead to the next

    struct Place {             // a corner of modules
        float dx = 0, dy = 0;  // modules
        float trust = 0;       // 0 before it is found
    };
    struct Lead {
        float dx, dx_x, dx_y, dy, dy_x, dy_y;  // and slopes a module
    };

    void find_edges(const Raster& raster);
    void find_border(const Raster& raster, bool upright, bool far, float sign,
                     std::vector<float>& out);
    Lead lead(int row, int column) const;
    struct Reading {
        float off, clear;  // modules; 0 for no edges at all to 1
    };
    Reading measure(const float* edges, bool upright, int row, int column, const Lead& lead) const;
    void settle(int row, int column);
    Place& at(int row, int column) { return places_[static_cast<size_t>(row) * across_ + column]; }
    const Place& at(int row, int column) const {
        return places_[static_cast<size_t>(row) * across_ + column];
    }

    int margin_ = 0, rows_ = 0, columns_ = 0;  // of the symbol
    int width_ = 0, height_ = 0;               // of the raster
    int down_ = 0, across_ = 0;                // places
    // The second has its lines upright.
    std::vector<float> level_edges_, upright_edges_, sums_;
    std::vector<float> left_, right_, top_, bottom_;  // of the border, a value a module
    std::vector<float> score_;
    std::vector<signed char> back_;
    std::vector<Place> places_;
    std::vector<float> pull_, x_, y_;
    std::vector<int> row_best_;
    std::array<float, (2 * kReach + 1) * (2 * kReach + 1)> weights_{};
};

}  // namespace imi
