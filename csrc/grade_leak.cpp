#include "grade_leak.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace imi {
namespace {

// Share of a circle of radius 1 beyond a line at distance k from its centre.
double cap(double k) {
    if (k >= 1) return 0;
    if (k <= -1) return 1;
    return (std::acos(k) - k * std::sqrt(1 - k * k)) / std::numbers::pi;
}

}  // namespace

void PixelLeak::fill(const Aperture& aperture, double diameter, const Grid& grid) {
    const double area = std::abs(grid.across.x * grid.down.y - grid.across.y * grid.down.x);
    for (const bool level : {false, true}) {  // the border between a module and the one below
        // The normal points from the centre to the neighbour on the right, or below.
        const Point along = level ? grid.across : grid.down;
        const Point towards = level ? grid.down : grid.across;
        const double length = std::hypot(along.x, along.y);
        Point normal{along.y / length, -along.x / length};
        if (normal.x * towards.x + normal.y * towards.y < 0) normal = {-normal.x, -normal.y};
        const int after = level ? down : right, before = level ? up : left;
        normals_[after] = normal, normals_[before] = {-normal.x, -normal.y};
        const double pitch = area / length;
        const double growth = level ? grid.growth_down : grid.growth_across;
        for (const bool darker : {false, true}) {
            const double border = pitch * (0.5 + (darker ? -growth : growth) / 2);
            const auto round = static_cast<float>(cap(2 * border / diameter));
            auto& excess = excess_[darker];
            for (int phase = 0; phase < kPhases * kPhases; ++phase) {
                constexpr double step = 0.5 / kPhases;  // as far as a centre is off its phase
                const auto seen = aperture.beyond(phase, normal, border, step);
                const auto put = [&](Excess& into, int side) {
                    into.share[side] = seen.there - round;
                    into.fall_in[side] = (seen.nearer - seen.there) / static_cast<float>(step);
                    into.fall_out[side] = (seen.there - seen.farther) / static_cast<float>(step);
                };
                put(excess[phase], after);
                // The circle is its own mirror image.
                put(excess[kPhases * kPhases - 1 - phase], before);
            }
        }
    }
}

void PixelLeak::take_off(const Aperture& aperture, double diameter, const Grid& grid,
                         const SymbolSize& size, const std::vector<Spot>& spots,
                         std::vector<float>& samples) {
    fill(aperture, diameter, grid);
    const size_t columns = size.columns + 2u, count = samples.size();
    now_.assign(count + 2 * columns, 0);
    std::copy(samples.begin(), samples.end(), now_.data() + columns);
    next_ = now_;
    parts_.resize(count);
    const auto leak_of = [&](const Sides& part, const float* own) {
        return part[left] * (own[-1] - *own) + part[right] * (own[1] - *own) +
               part[up] * (*(own - columns) - *own) + part[down] * (own[columns] - *own);
    };
    const auto corrected = [&](size_t i, float leak) {
        return std::clamp(samples[i] - leak, 0.0f, static_cast<float>(kWhite));
    };
    for (size_t i = 0; i < count; ++i) {
        const float* own = now_.data() + columns + i;
        const Spot& spot = spots[i];
        const Sides beside = {own[-1], own[1], *(own - columns), own[columns]};
        const Excess &lighter = excess_[0][spot.phase], &darker = excess_[1][spot.phase];
        for (size_t side = 0; side < 4; ++side) {
            // The pixels' circle stands in the middle of its phase, a little away from the centre.
            const float away = spot.off_x * static_cast<float>(normals_[side].x) +
                               spot.off_y * static_cast<float>(normals_[side].y);
            const Excess& excess = beside[side] < *own ? darker : lighter;
            parts_[i][side] = excess.share[side] -
                              away * (away < 0 ? excess.fall_in[side] : excess.fall_out[side]);
        }
    }
    for (size_t i = 0; i < columns; ++i) parts_[i][up] = 0, parts_[count - 1 - i][down] = 0;
    for (size_t i = 0; i < count; i += columns)
        parts_[i][left] = 0, parts_[i + columns - 1][right] = 0;
    // The neighbours too are only known with what leaks into them: once more with better ones.
    for (size_t i = 0; i < count; ++i)
        next_[columns + i] = corrected(i, leak_of(parts_[i], now_.data() + columns + i));
    for (size_t i = 0; i < count; ++i)
        now_[i] = corrected(i, leak_of(parts_[i], next_.data() + columns + i));
    std::copy_n(now_.begin(), count, samples.begin());
}

}  // namespace imi
