// From a grid that is about right to a payload that is certainly right: sampling, tracking,
// equalising and decoding with doubt, more of each as `level` rises.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "encodation.h"
#include "image.h"
#include "symbol_sizes.h"

namespace imi {

// Where a symbol is thought to lie.
struct GridHypothesis {
    const SymbolSize* size;
    // Of the upright symbol: (column, row) in modules, (0, 0) the outer corner where the upright
    // leg of the L ends, (0, rows) the corner of the L, to pixels. Mirror images and turns are
    // mirrored and turned maps. Right to 0.3 modules or so; tracking bridges more.
    Homography to_image;
    bool inverted;  // light on dark
};

struct DecodedGrid {
    Message message;
    std::vector<uint8_t> modules;  // rows * columns, 1 = dark, as seen and before correction
    int errors_corrected = 0, erasures = 0;
    float agreement = 0;  // of finder, timing and alignment modules: 1 = all right, 0 = chance
    int level = 0;        // that read it
};

inline constexpr int kGridLevels = 5;

// Memory that one reader keeps: nothing is allocated after the largest symbol has been seen, but
// for the payload.
class GridWorkspace {
public:
    GridWorkspace();
    ~GridWorkspace();
    GridWorkspace(const GridWorkspace&) = delete;
    GridWorkspace& operator=(const GridWorkspace&) = delete;

    struct Parts;
    Parts& parts() { return *parts_; }

    // Work done by the last read_grid, in units of about 10 us.
    int units = 0;

private:
    std::unique_ptr<Parts> parts_;
};

// Reads one level: 0 one look, one tap a module, errors only; 1 five taps, erasures; 2 an equaliser
// fitted to this symbol; 3 a grid that follows the transport; 4 one that follows creased paper.
// Levels do not include one another: call them in order until one succeeds. True only for an answer
// that is proven (proof.h). `grid.size` is one of kSizes; `frame` may be of any size; grids beyond
// it see its rim go on.
bool read_grid(const GreyView& frame, const GridHypothesis& grid, int level, GridWorkspace& work,
               DecodedGrid& out);

}  // namespace imi
