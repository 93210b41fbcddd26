// Modules to dots: each module becomes a square of dots, dark areas give up what ink will regain.
#pragma once

#include <cstdint>
#include <vector>

#include "raster_dots.h"

namespace imi {

inline constexpr int kMaxModules = 144;  // the largest symbol of ISO/IEC 16022:2006 Table 7
inline constexpr int kMaxDotsPerModule = 64;
inline constexpr int kMaxInset = 7;

// Draws symbols of one module size. `inset` dots are taken off every edge of the dark area, all
// four alike: plain symmetric ink-gain compensation, an erosion by a square of 2*inset+1 dots.
// (No edge is treated differently from its opposite and no column is staggered, on purpose.)
class SymbolPen {
public:
    SymbolPen(int dots_per_module, int inset);

    int dots_per_module() const { return dots_per_module_; }

    // `modules` is rows*columns bytes, non-zero = dark. Fills all of `to`, which is
    // columns*dots_per_module wide and rows*dots_per_module high.
    void fill(const uint8_t* modules, int rows, int columns, DotView to) const;

    // The same dots added to a picture, with the upper left module's corner at (x, y).
    void draw(const uint8_t* modules, int rows, int columns, DotView to, int x, int y) const;

private:
    template <typename Emit>
    void each_row(const uint8_t* modules, int rows, int columns, Emit emit) const;

    int dots_per_module_, inset_;
    size_t entry_;                // bytes of one table entry, >= dots_per_module
    std::vector<uint8_t> table_;  // eight modules become exactly dots_per_module bytes
};

}  // namespace imi
