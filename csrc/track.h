// A grid that follows the transport: all rows of a symbol are displaced alike, and all columns, as
// far as the belt under the head, or the page under the camera, ran unevenly.
#pragma once

#include <vector>

#include "warp.h"

namespace imi {

class Tracker {
public:
    // Displaces the nodes of `mesh`, through which `raster` was sampled, to where the edges of
    // whole lines of modules are, by 1.75 modules at most. The outermost `margin` cells are paper.
    void follow(const Raster& raster, int margin, Mesh& mesh);

private:
    void find_edges(const Raster& raster, int margin, bool upright);
    void trace(int first, std::vector<float>& out);

    std::vector<float> score_, line_, cost_;
    std::vector<signed char> back_;
    std::vector<float> across_, down_;  // displacement of every boundary, modules
    std::vector<float> x_, y_;
};

}  // namespace imi
