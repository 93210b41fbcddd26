#include "lattice.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace imi {
namespace {

constexpr double tau = 2 * std::numbers::pi;

// The direction in (-45, 45] degrees, as an angle in radians, that most edges of the patch have
// modulo a right angle: gradients to the fourth power point the same way on all four sides.
double direction(const GreyView& frame, const Locator& locator, const Region& region) {
    const int skip = std::max(1, region.count / 96);
    double real = 0, imaginary = 0;
    for (int i = region.first; i < region.first + region.count; i += skip) {
        const auto [block_x, block_y] = locator.members[i];
        for (int y = 0; y < block_px; y += 2) {
            const uint8_t* at = frame.row(block_y * block_px + y) + block_x * block_px;
            const uint8_t* below = at + frame.stride;
            float sum_real = 0, sum_imaginary = 0;
            for (int x = 0; x < block_px; ++x) {
                const int falling = below[x + 1] - at[x], rising = at[x + 1] - below[x];
                const auto gx = static_cast<float>(falling + rising);
                const auto gy = static_cast<float>(falling - rising);
                const float re = gx * gx - gy * gy, im = 2 * gx * gy;
                const float norm = 1.0f / (gx * gx + gy * gy + 1.0f);
                sum_real += (re * re - im * im) * norm;
                sum_imaginary += 2 * re * im * norm;
            }
            real += sum_real, imaginary += sum_imaginary;
        }
    }
    return std::atan2(imaginary, real) / 4;
}

// Written out: the operator of std::complex looks for NaN.
std::complex<double> product(std::complex<double> a, std::complex<double> b) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

double wrapped(double modules) { return modules - std::round(modules); }

// Gaussian elimination with row pivots; false for a singular system.
bool eliminate(double (&a)[8][9]) {
    for (int column = 0; column < 8; ++column) {
        int pivot = column;
        for (int row = column + 1; row < 8; ++row)
            if (std::abs(a[row][column]) > std::abs(a[pivot][column])) pivot = row;
        if (!(std::abs(a[pivot][column]) > 1e-12)) return false;
        std::swap(a[pivot], a[column]);
        for (int row = 0; row < 8; ++row) {
            if (row == column) continue;
            const double factor = a[row][column] / a[column][column];
            for (int k = column; k < 9; ++k) a[row][k] -= factor * a[column][k];
        }
    }
    for (int row = 0; row < 8; ++row) a[row][8] /= a[row][row];
    return true;
}

}  // namespace

void LatticeFitter::lay_axes(const Locator& locator, const Region& region, double angle) {
    const double c = std::cos(angle), s = std::sin(angle);
    double u0 = 1e9, u1 = -1e9, v0 = 1e9, v1 = -1e9;
    for (int i = region.first; i < region.first + region.count; ++i) {
        const double x = locator.members[i].x * block_px + block_px / 2;
        const double y = locator.members[i].y * block_px + block_px / 2;
        const double u = x * c + y * s, v = y * c - x * s;
        u0 = std::min(u0, u), u1 = std::max(u1, u);
        v0 = std::min(v0, v), v1 = std::max(v1, v);
    }
    constexpr double margin = block_px;  // half a block, and a rim that smoothing left out
    u0 -= margin, v0 -= margin, u1 += margin, v1 += margin;
    for (int k = 0; k < 2; ++k) {
        Axis& axis = axes_[k];
        axis.x = u0 * c - v0 * s, axis.y = u0 * s + v0 * c;
        axis.along_x = k == 0 ? c : -s, axis.along_y = k == 0 ? s : c;
        axis.across_x = k == 0 ? -s : c, axis.across_y = k == 0 ? c : s;
        axis.length = k == 0 ? u1 - u0 : v1 - v0;
        axis.breadth = k == 0 ? v1 - v0 : u1 - u0;
    }
}

// What the edges of one stretch of one band say at the locked frequency.
struct LatticeFitter::Phasors {
    std::complex<double> rising, falling;
    double total, moment;  // energy, and energy times sample number
};

LatticeFitter::Phasors LatticeFitter::correlate(const Axis& axis, int band, int from, int to,
                                                const float* taper) const {
    const float* rising = axis.rising.data() + static_cast<size_t>(axis.samples) * band;
    const float* falling = axis.falling.data() + static_cast<size_t>(axis.samples) * band;
    // Four sums of each kind, one statement a loop: the compiler makes each a vector operation.
    float up_re[4] = {}, up_im[4] = {}, down_re[4] = {}, down_im[4] = {}, sum[4] = {},
          moment[4] = {}, place[4] = {0, 1, 2, 3};
    int u = from;
    for (; u + 4 <= to; u += 4) {
        const float *t = taper + (u - from), *c = cosine_.data() + u, *s = sine_.data() + u;
        float up[4], down[4], both[4];
        for (int i = 0; i < 4; ++i) up[i] = rising[u + i] * t[i];
        for (int i = 0; i < 4; ++i) down[i] = falling[u + i] * t[i];
        for (int i = 0; i < 4; ++i) both[i] = up[i] + down[i];
        for (int i = 0; i < 4; ++i) up_re[i] += up[i] * c[i];
        for (int i = 0; i < 4; ++i) up_im[i] += up[i] * s[i];
        for (int i = 0; i < 4; ++i) down_re[i] += down[i] * c[i];
        for (int i = 0; i < 4; ++i) down_im[i] += down[i] * s[i];
        for (int i = 0; i < 4; ++i) sum[i] += both[i];
        for (int i = 0; i < 4; ++i) moment[i] += both[i] * place[i];
        for (int i = 0; i < 4; ++i) place[i] += 4;
    }
    for (; u < to; ++u) {
        const float up = rising[u] * taper[u - from], down = falling[u] * taper[u - from];
        up_re[0] += up * cosine_[u], up_im[0] += up * sine_[u];
        down_re[0] += down * cosine_[u], down_im[0] += down * sine_[u];
        sum[0] += up + down;
        moment[0] += (up + down) * static_cast<float>(u - from);
    }
    const auto all = [](const float* v) { return double{v[0]} + v[1] + v[2] + v[3]; };
    return {{all(up_re), all(up_im)},
            {all(down_re), all(down_im)},
            all(sum),
            all(moment) + all(sum) * (from + 0.5)};
}

constexpr double square_share = 0.6;

// Finds how the phase runs from band to band, which corrects the direction, unless `slope` says so,
// and the offset.
bool LatticeFitter::lock(Axis& axis, double frequency, std::optional<double> slope) {
    axis.frequency = frequency / axis.step;
    cosine_.resize(axis.samples), sine_.resize(axis.samples);
    const std::complex<double> unit = std::polar(1.0, -tau * frequency);
    // The edge between samples u and u + 1 lies at u + 0.5.
    std::complex<double> phasor = std::polar(1.0, -tau * frequency * 0.5);
    for (int u = 0; u < axis.samples; ++u) {
        cosine_[u] = static_cast<float>(phasor.real()),
        sine_[u] = static_cast<float>(phasor.imag());
        phasor = product(phasor, unit);
    }
    taper_.assign(axis.samples, 1.0f);
    std::array<Phasors, max_bands> bands;
    std::complex<double> gain = 0;
    double energy = 0;
    for (int band = 0; band < axis.bands; ++band) {
        bands[band] = correlate(axis, band, 0, axis.samples, taper_.data());
        energy += bands[band].total;
        gain += product(bands[band].rising, std::conj(bands[band].falling));
    }
    const std::complex<double> half = std::polar(1.0, std::arg(gain) / 2);
    axis.spread = -std::arg(gain) / tau;
    const double band_px = axis.breadth / axis.bands;
    // At most ten degrees (0.17), and less than half a module from band to band, beyond which the
    // neighbouring slope looks the same. An eighth of a module over the breadth is fine enough for
    // add_tiles.
    const double steepest = std::min(0.17 * axis.frequency, 0.45 / band_px);
    const int turns = slope ? 0 : static_cast<int>(steepest * axis.breadth * 8) + 1;
    const double steepest_turn = slope ? -*slope : turns / (8 * axis.breadth);
    std::array<std::complex<double>, max_bands> both, step;
    for (int band = 0; band < axis.bands; ++band) {
        const double v = (band + 0.5) * band_px;
        const std::complex<double> start = std::polar(1.0, tau * steepest_turn * v);
        both[band] = product(
            product(bands[band].rising, std::conj(half)) + product(bands[band].falling, half),
            start);
        step[band] = std::polar(1.0, -tau / (8 * axis.breadth) * v);
    }
    double best = -1;
    std::complex<double> best_sum = 0;
    for (int turn = -turns; turn <= turns; ++turn) {
        std::complex<double> sum = 0;
        for (int band = 0; band < axis.bands; ++band) {
            sum += both[band];
            both[band] = product(both[band], step[band]);
        }
        if (std::norm(sum) > best) {
            best = std::norm(sum), best_sum = sum;
            axis.slope = slope ? *slope : turn / (8 * axis.breadth);
        }
    }
    axis.offset = std::arg(best_sum) / tau;
    axis.coherence = std::sqrt(best) / (energy + 1e-12);
    return best > 0;
}

void LatticeFitter::add_tiles(const Axis& axis, bool vertical) {
    const double modules = axis.frequency * axis.length;
    const int windows = std::clamp(static_cast<int>(modules / 6), 2, max_windows);
    const double reach = static_cast<double>(axis.samples) / windows;  // half the window's width
    std::array<Phasors, max_bands * max_windows> found;
    std::complex<double> gain = 0;
    double weights = 0;
    for (int window = 0; window < windows; ++window) {
        const double centre = (window + 0.5) * reach;
        const int from = std::max(0, static_cast<int>(centre - reach));
        const int to = std::min(axis.samples, static_cast<int>(centre + reach));
        for (int u = from; u < to; ++u) {  // a smooth hump, nothing at its ends
            const double x = (u + 0.5 - centre) / reach, y = std::max(0.0, 1 - x * x);
            taper_[u - from] = static_cast<float>(y * y);
        }
        for (int band = 0; band < axis.bands; ++band) {
            const Phasors& p = found[band * windows + window] =
                correlate(axis, band, from, to, taper_.data());
            gain += product(p.rising, std::conj(p.falling));
        }
    }
    const std::complex<double> half = std::polar(1.0, std::arg(gain) / 2);
    const size_t first = tiles_.size();
    for (int k = 0; k < axis.bands * windows; ++k) {
        const Phasors& p = found[k];
        if (!(p.total > 0)) continue;
        const std::complex<double> both =
            product(p.rising, std::conj(half)) + product(p.falling, half);
        // The phase holds where the edges are, which need not be the window's middle.
        const double u = p.moment / p.total * axis.step;
        const double along = 2 * u / axis.length - 1;
        const double across = (k / windows + 0.5) / axis.bands * 2 - 1;
        Tile tile{};
        tile.x = vertical ? across : along;
        tile.y = vertical ? along : across;
        tile.phase = axis.frequency * u + std::arg(both) / tau;
        // Energy times coherence: a blank tile and a tile of text both say little.
        tile.weight = std::norm(both) / p.total;
        tile.vertical = vertical;
        weights += tile.weight;
        tiles_.push_back(tile);
    }
    for (size_t i = first; i < tiles_.size(); ++i) tiles_[i].weight /= weights + 1e-12;
}

// Least squares for grid = (A x + b) / (1 + g x + h y) over the tiles of both axes.
bool LatticeFitter::solve(Lattice& lattice) const {
    const Axis &u = axes_[0], &v = axes_[1];
    const double half_u = u.frequency * u.length / 2, half_v = v.frequency * v.length / 2;
    // Grid numbers relative to a grid line near the patch's centre, in halves of the patch.
    const double centre_u = std::round(half_u + u.slope * u.breadth / 2 + u.offset);
    const double centre_v = std::round(half_v + v.slope * v.breadth / 2 + v.offset);
    double p[8] = {
        1, u.slope * u.breadth / 2 / half_u, 0, v.slope * v.breadth / 2 / half_v, 1, 0, 0, 0};
    p[2] = (half_u + u.slope * u.breadth / 2 + u.offset - centre_u) / half_u;
    p[5] = (half_v + v.slope * v.breadth / 2 + v.offset - centre_v) / half_v;
    for (int round = 0; round < 3; ++round) {
        double a[8][9] = {};
        for (const Tile& tile : tiles_) {
            const double half = tile.vertical ? half_v : half_u;
            const double centre = tile.vertical ? centre_v : centre_u;
            const double* q = tile.vertical ? p + 3 : p;
            const double w = 1 + p[6] * tile.x + p[7] * tile.y;
            const double expected = (q[0] * tile.x + q[1] * tile.y + q[2]) / w * half;
            const double miss = wrapped(tile.phase - centre - expected);
            const double value = (expected + miss) / half;
            const double tolerance = round == 0 ? 0.5 : 0.15;  // modules
            const double weight =
                tile.weight / (1 + miss * miss / (tolerance * tolerance)) * half * half;
            const int at = tile.vertical ? 3 : 0;
            double row[9] = {};
            row[at] = tile.x, row[at + 1] = tile.y, row[at + 2] = 1;
            row[6] = -value * tile.x, row[7] = -value * tile.y, row[8] = value;
            for (int i = 0; i < 8; ++i) {
                if (row[i] == 0) continue;
                for (int k = 0; k < 9; ++k) a[i][k] += weight * row[i] * row[k];
            }
        }
        // First an affine map, then a weak preference for one: few tiles cannot tell perspective.
        const double stiff = (round < 1 ? 1e6 : 2e-4) * (half_u * half_u + half_v * half_v);
        a[6][6] += stiff, a[7][7] += stiff;
        if (!eliminate(a)) return false;
        for (int i = 0; i < 8; ++i) p[i] = a[i][8];
    }
    if (std::abs(p[6]) + std::abs(p[7]) > 0.5) return false;

    // Pixels -> -1..1 across the patch -> grid.
    const double ux = u.along_x * 2 / u.length, uy = u.along_y * 2 / u.length;
    const double vx = v.along_x * 2 / v.length, vy = v.along_y * 2 / v.length;
    const double u1 = -(u.x * ux + u.y * uy) - 1, v1 = -(u.x * vx + u.y * vy) - 1;
    const auto compose = [&](double x, double y, double one, double* row) {
        row[0] = x * ux + y * vx, row[1] = x * uy + y * vy, row[2] = x * u1 + y * v1 + one;
    };
    compose(p[0] * half_u, p[1] * half_u, p[2] * half_u, lattice.to_grid.m);
    compose(p[3] * half_v, p[4] * half_v, p[5] * half_v, lattice.to_grid.m + 3);
    compose(p[6], p[7], 1, lattice.to_grid.m + 6);
    lattice.to_image = lattice.to_grid.inverse();
    if (!(std::abs(lattice.to_image.m[8]) > 0)) return false;
    const double scale = 1 / lattice.to_image.m[8];
    for (int i = 0; i < 9; ++i) {  // single precision is enough then
        lattice.to_image.m[i] *= scale;
        if (!std::isfinite(lattice.to_image.m[i])) return false;
    }
    lattice.unphased = -1;
    lattice.spread = {static_cast<float>(u.spread), static_cast<float>(v.spread)};
    lattice.pitch_px = static_cast<float>(std::sqrt(u.length / 2 / half_u * v.length / 2 / half_v));

    double low_u = 1e9, high_u = -1e9, low_v = 1e9, high_v = -1e9;
    for (const double along : {0.0, u.length}) {
        for (const double across : {0.0, u.breadth}) {
            const Point at = lattice.to_grid(u.x + along * u.along_x + across * u.across_x,
                                             u.y + along * u.along_y + across * u.across_y);
            low_u = std::min(low_u, at.x), high_u = std::max(high_u, at.x);
            low_v = std::min(low_v, at.y), high_v = std::max(high_v, at.y);
        }
    }
    if (!(high_u - low_u < max_lattice_cells - 4 && high_v - low_v < max_lattice_cells - 4))
        return false;
    lattice.first_column = static_cast<int>(std::floor(low_u)) - 1;
    lattice.first_row = static_cast<int>(std::floor(low_v)) - 1;
    lattice.columns = static_cast<int>(std::ceil(high_u)) + 1 - lattice.first_column;
    lattice.rows = static_cast<int>(std::ceil(high_v)) + 1 - lattice.first_row;
    return lattice.columns >= 8 && lattice.rows >= 8;
}

// Gives the lines across one direction the pitch and slope of the others, square to them, where the
// others explain their edges much better: motion over a module leaves no edges to tell such lines
// apart by, and jitter moves each. False where both do alike.
bool LatticeFitter::square(Lattice& lattice) {
    const int weak = axes_[0].coherence < axes_[1].coherence ? 0 : 1;
    Axis &u = axes_[0], &axis = axes_[weak];
    if (axis.coherence > square_share * axes_[1 - weak].coherence) return false;
    // How the numbers of the others run along u and v, over the whole patch.
    const auto number = [&](double along, double across) {
        const Point at = lattice.to_grid(u.x + along * u.along_x + across * u.across_x,
                                         u.y + along * u.along_y + across * u.across_y);
        return weak == 0 ? at.y : at.x;
    };
    const double by_u = (number(u.length, u.breadth / 2) - number(0, u.breadth / 2)) / u.length;
    const double by_v = (number(u.length / 2, u.breadth) - number(u.length / 2, 0)) / u.breadth;
    const double frequency = weak == 0 ? by_v : by_u, slope = weak == 0 ? -by_u : -by_v;
    if (!lock(axis, frequency * axis.step, slope)) return false;
    std::erase_if(tiles_, [&](const Tile& tile) { return tile.vertical == (weak == 1); });
    for (const int along : {-1, 1}) {
        for (const int across : {-1, 1}) {
            Tile tile{};
            tile.x = weak == 0 ? along : across, tile.y = weak == 0 ? across : along;
            tile.phase = frequency * axis.length * (along + 1) / 2 +
                         slope * axis.breadth * (across + 1) / 2 + axis.offset;
            tile.weight = 0.25;
            tile.vertical = weak == 1;
            tiles_.push_back(tile);
        }
    }
    if (!solve(lattice)) return false;
    lattice.unphased = weak;
    return true;
}

int64_t LatticeFitter::fit(const GreyView& frame, const Locator& locator, const Region& region,
                           bool dense, bool turned, int most, std::vector<Lattice>& out) {
    out.clear();
    const double angle = direction(frame, locator, region);
    constexpr double eighth = tau / 8;
    lay_axes(locator, region, turned ? angle + (angle > 0 ? -eighth : eighth) : angle);
    const int64_t samples = scan(frame, axes_[0], dense) + scan(frame, axes_[1], dense);
    struct Pair {
        float u, v, strength;
        size_t place;  // settles equals: std::stable_sort would allocate
    };
    std::array<Pair, 16> pairs{};
    size_t count = 0;
    for (const Peak& u : axes_[0].peaks) {
        for (const Peak& v : axes_[1].peaks) {
            // Modules are square but for stretch by the transport: 25 % is the most we expect.
            const double ratio =
                std::log((u.frequency / axes_[0].step) / (v.frequency / axes_[1].step));
            const double odd = std::max(0.0, std::abs(ratio) - 0.05);
            pairs[count] = {u.frequency, v.frequency,
                            static_cast<float>(u.strength + v.strength - 16 * odd), count};
            ++count;
        }
    }
    std::sort(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(count),
              [](const Pair& a, const Pair& b) {
                  return a.strength != b.strength ? a.strength > b.strength : a.place < b.place;
              });
    for (size_t i = 0; i < count && out.size() < static_cast<size_t>(most); ++i) {
        tiles_.clear();
        if (!lock(axes_[0], pairs[i].u)) continue;
        add_tiles(axes_[0], false);
        if (!lock(axes_[1], pairs[i].v)) continue;
        add_tiles(axes_[1], true);
        Lattice lattice{};
        if (!solve(lattice)) continue;
        out.push_back(lattice);
        if (i > 0 || !square(lattice)) continue;
        out.insert(out.begin(), lattice);  // the other's second direction is chance
        ++most;
    }
    return samples;
}

}  // namespace imi
