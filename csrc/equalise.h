// Modules out of a straightened symbol by an equaliser that is fitted to this very symbol: blur,
// ink spread, motion and a grid that is a little off all mix neighbouring modules, linearly enough
// to be taken apart again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "warp.h"

namespace imi {

class Equaliser {
public:
    // `raster` covers the symbol's `rows` x `columns` modules and `margin` (2 or more) cells on
    // every side. `dark_sign` is -1 for light on dark.
    void load(const Raster& raster, int margin, int rows, int columns, float dark_sign);

    // Takes the grey values of a raster of the same shape.
    void reload(const Raster& raster, int margin);

    // First decisions, by local thresholds between the darkest and the lightest cells around.
    void threshold();
    // Moves the threshold to where it serves the known modules best.
    void find_bias(std::span<const int8_t> known);
    // Mends lines of the raster where nothing was printed, rows and columns alike, from the rest of
    // their modules; true if there were any, and the raster is to be loaded again. Needs
    // threshold().
    bool mend(Raster& raster, int margin);
    // Local levels of dark and light from the decisions, known modules counting as what they are.
    void relevel(std::span<const int8_t> known);
    // Fits the equaliser to the decisions, known modules counting as what they are, and decides
    // anew.
    void fit(std::span<const int8_t> known);

    // How badly the surroundings of each module fit the decisions: squared, in units of what is
    // usual in this symbol, about 1 where nothing is wrong. Specks, scratches and the rims of
    // stains show here, since they do not keep to the grid.
    void find_damage();
    std::vector<float> damage;

    // Of each module: +1 dark, -1 light, and what lies between and beyond.
    std::vector<float> soft;
    float noise = 1;  // deviation of `soft` from +-1

private:
    struct Level {
        float middle, scale;  // soft = (middle - grey) * scale
    };
    void spread_levels();
    void normalise();
    void decide();
    float centre(int row, int column) const {
        return normal_[static_cast<size_t>(2 * row + 2) * stride_ + 2 * column + 2];
    }
    Level level(int row, int column) const {
        return cells_[static_cast<size_t>(row) * columns_ + column];
    }

    void weigh_lines(const Raster& raster, int margin);
    template <class Grey>
    bool mend_axis(const std::vector<float>& masses, int along, bool upright, Grey&& grey);

    int rows_ = 0, columns_ = 0;
    float sign_ = 1;
    int stride_ = 0;  // of the lattice
    float bias_ = 0;
    std::vector<float> normal_;
    std::vector<float> lattice_;  // half a module apart, from the middle of cell (-1, -1) on
    int down_ = 0, across_ = 0;   // tiles
    std::vector<float> low_, high_, sums_;
    std::vector<Level> tiles_, cells_;
    std::vector<float> middle_, scale_, dark_, row_mass_, column_mass_;
    std::vector<float> terms_, weights_, ink_, misfit_;
    std::vector<uint8_t> lost_;  // modules of which nothing was printed
};

}  // namespace imi
