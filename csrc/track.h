// How a grid that a flat map lays must bend to follow the print: wander of the transport, creases,
// lens. Edges of all modules vote, first of whole lines together, then of ever shorter stretches.
#pragma once

#include <vector>

#include "warp.h"

namespace imi {

class Tracker {
public:
    // Displaces the nodes of `mesh`, through which `raster` was sampled, to where its edges are.
    // A step looks `reach` quarters of a module to either side; lines stand together in `stretch`
    // modules, 0 for all of them; `stiff` weighs against bends.
    // The outermost `margin` cells are paper.
    void follow(const Raster& raster, int margin, int stretch, int reach, float stiff, Mesh& mesh);

private:
    // Displacements of the boundaries across one axis: `bands` rows of `nodes`, in modules.
    struct Field {
        int bands = 0, nodes = 0;
        std::vector<float> at;
    };
    void find_edges(const float* grey, int lines, int width, int cells_down);
    void solve(int cells_down, int cells_along, int margin, int stretch, int reach, float stiff,
               Field& field);
    void trace(const float* score, int width, int first, int nodes, int reach, float stiff,
               const float* pull, float* out);

    std::vector<float> turned_, strips_, band_, score_, cost_, pull_;
    std::vector<signed char> back_;
    Field across_, down_;
    std::vector<float> x_, y_;
};

}  // namespace imi
