#include "grid_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "creep.h"
#include "equalise.h"
#include "error.h"
#include "placement.h"
#include "proof.h"
#include "sample.h"
#include "soft_decode.h"
#include "track.h"
#include "warp.h"

namespace imi {
namespace {

constexpr int kRim = 1;  // cells of paper round the symbol that the threshold may look at

// What finder, timing and alignment modules should be: 1 dark, 0 light, -1 for a data module.
void known_modules(const SymbolSize& size, std::vector<int8_t>& out) {
    out.assign(size.modules(), -1);
    const int height = size.region_rows() + 2, width = size.region_columns() + 2;
    for (int row = 0; row < size.rows; ++row) {
        for (int column = 0; column < size.columns; ++column) {
            const int y = row % height, x = column % width;
            int8_t& to = out[static_cast<size_t>(row) * size.columns + column];
            if (x == 0 || y == height - 1)
                to = 1;
            else if (y == 0)
                to = x % 2 == 0;
            else if (x == width - 1)
                to = y % 2;
        }
    }
}

}  // namespace

struct GridWorkspace::Parts {
    const SymbolSize* size = nullptr;
    std::vector<int8_t> known;
    int known_count = 0;
    Cells cells;
    std::vector<uint8_t> modules;
    std::vector<float> module_doubt, codeword_doubt;
    std::vector<uint8_t> codewords;
    int attempts = 0;
    Mesh mesh;
    Raster raster;
    Equaliser equaliser;
    Tracker tracker;
    Creeper creeper;

    void prepare(const SymbolSize& wanted) {
        if (size == &wanted) return;
        size = &wanted;
        known_modules(wanted, known);
        known_count = static_cast<int>(
            std::count_if(known.begin(), known.end(), [](int8_t k) { return k >= 0; }));
        modules.resize(wanted.modules()), module_doubt.resize(wanted.modules());
        codewords.resize(wanted.codewords()), codeword_doubt.resize(wanted.codewords());
    }
};

GridWorkspace::GridWorkspace() : parts_(std::make_unique<Parts>()) {}
GridWorkspace::~GridWorkspace() = default;

namespace {

using Parts = GridWorkspace::Parts;

// `modules`, and `module_doubt` if asked for, from the ink of the cells, which begin kRim before
// the symbol.
void take_ink(Parts& p, bool inverted, bool doubts) {
    const SymbolSize& size = *p.size;
    const int columns = size.columns, sign = inverted ? -1 : 1;
    for (int row = 0; row < size.rows; ++row) {
        const int16_t* ink =
            p.cells.ink.data() + static_cast<size_t>(row + kRim) * p.cells.columns + kRim;
        uint8_t* module = p.modules.data() + static_cast<size_t>(row) * columns;
        for (int i = 0; i < columns; ++i) module[i] = sign * ink[i] > 0 ? 1 : 0;
        if (!doubts) continue;
        float* doubt = p.module_doubt.data() + static_cast<size_t>(row) * columns;
        for (int i = 0; i < columns; ++i) doubt[i] = static_cast<float>(256 - std::abs(ink[i]));
    }
}

// Tries to read `modules`; with doubts if `patient`.
bool decode_modules(Parts& p, bool patient, int level, DecodedGrid& out) {
    const SymbolSize& size = *p.size;
    int right = 0;
    for (size_t i = 0; i < p.known.size(); ++i)
        right += p.known[i] == static_cast<int8_t>(p.modules[i]);
    const int known = p.known_count;
    collect(size, p.modules.data(), p.codewords.data());
    if (patient) {
        const auto indices = module_indices(size);
        for (size_t i = 0; i < p.codeword_doubt.size(); ++i) {
            float sum = 0;
            for (int bit = 0; bit < 8; ++bit) sum += p.module_doubt[indices[8 * i + bit]];
            p.codeword_doubt[i] = sum;
        }
    }
    const auto done = correct_codewords(
        size, p.codewords.data(),
        patient ? std::span<const float>(p.codeword_doubt) : std::span<const float>{}, patient,
        p.attempts);
    if (!done || !proven(done->bits, known, right)) return false;
    try {
        out.message = read_message(
            std::span<const uint8_t>(p.codewords).first(static_cast<size_t>(size.data_codewords)));
    } catch (const Error&) {
        return false;
    }
    out.modules = p.modules;
    out.errors_corrected = done->errors, out.erasures = done->erasures;
    out.agreement = 2 * static_cast<float>(right) / static_cast<float>(known) - 1;
    out.level = level;
    return true;
}

constexpr int kMargin = 2;

void lay_mesh(const Homography& map, const SymbolSize& size, Mesh& mesh) {
    mesh.rows = size.rows + 2 * kMargin, mesh.columns = size.columns + 2 * kMargin;
    const size_t nodes = static_cast<size_t>(mesh.rows + 1) * (mesh.columns + 1);
    mesh.x.resize(nodes), mesh.y.resize(nodes);
    size_t at = 0;
    for (int row = 0; row <= mesh.rows; ++row) {
        for (int column = 0; column <= mesh.columns; ++column, ++at) {
            const Point p = map(column - kMargin, row - kMargin);
            mesh.x[at] = static_cast<float>(p.x), mesh.y[at] = static_cast<float>(p.y);
        }
    }
}

// A module whose surroundings fit k times worse than usual is believed 1 + kDamage * k times less.
constexpr float kDamage = 3;
void take_soft(Parts& p, bool damaged) {
    const Equaliser& e = p.equaliser;
    const float scale = 2 / (e.noise * e.noise + 1e-3f);
    for (size_t i = 0; i < e.soft.size(); ++i) {
        p.modules[i] = e.soft[i] > 0 ? 1 : 0;
        const float k = damaged ? scale / (1 + kDamage * e.damage[i]) : scale;
        p.module_doubt[i] = 1 / (1 + std::exp(std::min(60.0f, k * std::abs(e.soft[i]))));
    }
}

// Fits, decides and decodes, each time with better decisions to fit to.
bool read_equalised(Parts& p, int level, DecodedGrid& out) {
    constexpr int rounds = 3;
    Equaliser& e = p.equaliser;
    e.threshold();
    e.find_bias(p.known);
    for (int round = 0; round < rounds; ++round) {
        if (round == 1) e.relevel(p.known);
        e.fit(p.known);
        const bool last = round == rounds - 1;
        if (last) e.find_damage();
        take_soft(p, last);
        if (decode_modules(p, true, level, out)) return true;
    }
    return false;
}

}  // namespace

bool read_grid(const GreyView& frame, const GridHypothesis& grid, int level, GridWorkspace& work,
               DecodedGrid& out) {
    Parts& p = work.parts();
    work.units = 1;
    p.attempts = 0;
    p.prepare(*grid.size);
    const int rows = grid.size->rows, columns = grid.size->columns;
    if (level >= 2) {
        lay_mesh(grid.to_image, *grid.size, p.mesh);
        sample_mesh(frame, p.mesh, p.raster);
        const auto read = [&] {
            p.equaliser.load(p.raster, kMargin, rows, columns, grid.inverted ? -1.0f : 1.0f);
            p.equaliser.threshold();
            if (p.equaliser.mend(p.raster, kMargin)) p.equaliser.reload(p.raster, kMargin);
            return read_equalised(p, level, out);
        };
        if (level == 2) return read();
        if (level == 3) {
            p.tracker.follow(p.raster, kMargin, p.mesh);
            sample_mesh(frame, p.mesh, p.raster);
            return read();
        }
        p.creeper.follow(p.raster, kMargin, grid.inverted ? -1.0f : 1.0f, p.mesh);
        sample_mesh(frame, p.mesh, p.raster);
        return read();
    }
    sample_cells(frame, grid.to_image, -kRim, -kRim, rows + 2 * kRim, columns + 2 * kRim,
                 level == 0 ? 1 : 5, p.cells);
    find_ink(p.cells, 0);
    take_ink(p, grid.inverted, level > 0);
    if (decode_modules(p, level > 0, level, out)) return true;
    if (level == 0) return false;
    find_ink(p.cells, 0.6f);
    take_ink(p, grid.inverted, true);
    return decode_modules(p, true, level, out);
}

}  // namespace imi
