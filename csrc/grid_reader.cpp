#include "grid_reader.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "creep.h"
#include "equalise.h"
#include "placement.h"
#include "proof.h"
#include "sample.h"
#include "soft_decode.h"
#include "track.h"
#include "warp.h"

namespace imi {
namespace {

constexpr int kRim = 1;     // cells of paper round the symbol that the threshold may look at
constexpr int kMargin = 2;  // and that a raster takes in, so that the grid may be moved over it
// No symbol has so many of its known modules wrong; 0 would be a coin's toss.
constexpr float kHopeless = 0.4f;
// A module whose surroundings fit k times worse than usual is believed 1 + kDamage * k times less.
constexpr float kDamage = 3;

// Units of work for what takes `units` on a symbol of 40x40.
int cost(const SymbolSize& size, int units) { return 1 + units * size.modules() / 1600; }

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
    Mesh mesh;
    Raster raster;
    Equaliser equaliser;
    Tracker tracker;
    Creeper creeper;
    std::vector<uint8_t> modules;
    std::vector<float> module_doubt, codeword_doubt;
    std::vector<uint8_t> codewords;
    int attempts = 0;     // at correcting a block
    float agreement = 0;  // of the known modules last decoded
    // How many of them were right before anything was fitted to them: what the finder proves.
    std::optional<int> right_before;

    void prepare(const SymbolSize& wanted) {
        attempts = 0, right_before.reset();
        if (size == &wanted) return;
        size = &wanted;
        known_modules(wanted, known);
        known_count = static_cast<int>(
            std::count_if(known.begin(), known.end(), [](int8_t module) { return module >= 0; }));
        modules.resize(wanted.modules()), module_doubt.resize(wanted.modules());
        codewords.resize(wanted.codewords()), codeword_doubt.resize(wanted.codewords());
    }
};

GridWorkspace::GridWorkspace() : parts_(std::make_unique<Parts>()) {}
GridWorkspace::~GridWorkspace() = default;

namespace {

using Parts = GridWorkspace::Parts;

// ---- modules to a payload ------------------------------------------------------------------

// Doubt of each codeword: the sum over its modules. For small doubts the chance that a codeword is
// wrong is the sum of the chances that a module is.
void doubt_codewords(Parts& p) {
    const auto indices = module_indices(*p.size);
    for (size_t i = 0; i < p.codeword_doubt.size(); ++i) {
        float sum = 0;
        for (int bit = 0; bit < 8; ++bit) sum += p.module_doubt[indices[8 * i + bit]];
        p.codeword_doubt[i] = sum;
    }
}

// Tries to read `modules`; with doubts if `patient`.
bool decode_modules(Parts& p, bool patient, DecodedGrid& out) {
    const SymbolSize& size = *p.size;
    int right = 0;
    for (size_t i = 0; i < p.known.size(); ++i)
        right += p.known[i] == static_cast<int8_t>(p.modules[i]);
    p.agreement = 2 * static_cast<float>(right) / static_cast<float>(p.known_count) - 1;
    if (patient && p.agreement < kHopeless) return false;
    collect(size, p.modules.data(), p.codewords.data());
    std::span<const float> doubt;
    if (patient) doubt_codewords(p), doubt = p.codeword_doubt;
    const auto done = correct_codewords(size, p.codewords.data(), doubt, patient, p.attempts);
    if (!done || !proven(done->bits, patient, p.known_count, p.right_before.value_or(right)))
        return false;
    const auto data =
        std::span<const uint8_t>(p.codewords).first(static_cast<size_t>(size.data_codewords));
    if (try_read_message(data, out.message)) return false;
    out.modules = p.modules;
    out.errors_corrected = done->errors, out.erasures = done->erasures;
    out.agreement = p.agreement;
    return true;
}

// ---- cells by a local threshold: levels 0 and 1 --------------------------------------------

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

bool read_cells(const GreyView& frame, const GridHypothesis& grid, bool patient, Parts& p,
                DecodedGrid& out) {
    sample_cells(frame, grid.to_image, -kRim, -kRim, grid.size->rows + 2 * kRim,
                 grid.size->columns + 2 * kRim, patient ? 5 : 1, p.cells);
    find_ink(p.cells, 0);
    take_ink(p, grid.inverted, patient);
    if (decode_modules(p, patient, out)) return true;
    if (!patient) return false;
    constexpr float sharpen = 0.6f;
    find_ink(p.cells, sharpen);
    take_ink(p, grid.inverted, true);
    return decode_modules(p, true, out);
}

// ---- a straightened raster and an equaliser: levels 2 to 4 ---------------------------------

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
bool read_raster(Parts& p, bool inverted, DecodedGrid& out, int& units) {
    Equaliser& e = p.equaliser;
    e.load(p.raster, kMargin, p.size->rows, p.size->columns, inverted ? -1.0f : 1.0f);
    e.threshold();
    if (e.mend(p.raster, kMargin)) e.reload(p.raster, kMargin), e.threshold();
    e.find_bias(p.known);
    int right = 0;
    for (size_t i = 0; i < p.known.size(); ++i)
        right += p.known[i] >= 0 && (e.soft[i] > 0) == (p.known[i] > 0);
    p.right_before = right;
    constexpr int rounds = 3;
    for (int round = 0; round < rounds; ++round) {
        if (round == 1) e.relevel(p.known);
        e.fit(p.known);
        units += cost(*p.size, 12);
        const bool last = round == rounds - 1;
        if (last) e.find_damage();
        take_soft(p, last);
        if (decode_modules(p, true, out)) return true;
        if (p.agreement < kHopeless) return false;
    }
    return false;
}

}  // namespace

bool read_grid(const GreyView& frame, const GridHypothesis& grid, int level, GridWorkspace& work,
               DecodedGrid& out) {
    assert(level >= 0 && level < kGridLevels && grid.size != nullptr);
    Parts& p = work.parts();
    p.prepare(*grid.size);
    work.units = 0;
    bool done = false;
    if (level < 2) {
        work.units += cost(*grid.size, level == 0 ? 1 : 4);
        done = read_cells(frame, grid, level > 0, p, out);
    } else {
        constexpr std::array<int, kGridLevels> extra = {0, 0, 12, 22, 180};
        work.units += cost(*grid.size, extra[level]);
        lay_mesh(grid.to_image, *grid.size, p.mesh);
        sample_mesh(frame, p.mesh, p.raster);
        if (level == 3) p.tracker.follow(p.raster, kMargin, p.mesh);
        if (level == 4) p.creeper.follow(p.raster, kMargin, grid.inverted ? -1.0f : 1.0f, p.mesh);
        if (level > 2) sample_mesh(frame, p.mesh, p.raster);
        done = read_raster(p, grid.inverted, out, work.units);
    }
    work.units += p.attempts / 4;
    assert(p.attempts <= kMostAttempts * grid.size->blocks);
    if (done) out.level = level;
    return done;
}

}  // namespace imi
