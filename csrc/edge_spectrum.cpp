// The first half of LatticeFitter: edges along both directions of a patch, and the pitches that
// their spectra show.
#include <algorithm>
#include <cmath>

#include "lattice.h"
#include "scan.h"

namespace imi {

// Rising and falling edges are kept apart: ink that spreads moves them in opposite directions, and
// their mean stays where the module border is.
int64_t LatticeFitter::scan(const GreyView& frame, Axis& axis, bool dense) {
    constexpr int max_samples = 2048;
    axis.step = std::max(1.0, axis.length / max_samples);
    axis.samples = std::max(8, static_cast<int>(axis.length / axis.step));
    axis.bands = std::clamp(static_cast<int>(axis.breadth / 24), 4, max_bands);
    const double band_px = axis.breadth / axis.bands;
    const int lines = dense ? std::clamp(static_cast<int>(band_px), 2, 10) : 2;
    const size_t samples = axis.samples;
    axis.rising.assign(samples * axis.bands, 0);
    axis.falling.assign(samples * axis.bands, 0);
    line_.resize(samples);
    for (int band = 0; band < axis.bands; ++band) {
        float* rising = axis.rising.data() + samples * band;
        float* falling = axis.falling.data() + samples * band;
        for (int i = 0; i < lines; ++i) {
            const double v = (band + (i + 0.5) / lines) * band_px;
            scan_line(frame, axis.x + v * axis.across_x, axis.y + v * axis.across_y,
                      axis.along_x * axis.step, axis.along_y * axis.step, axis.samples,
                      line_.data());
            const float* line = line_.data();
            for (size_t u = 0; u + 1 < samples; ++u) {
                const float change = line[u + 1] - line[u];
                rising[u] += std::max(change, 0.0f);
                falling[u] += std::max(-change, 0.0f);
            }
        }
    }
    find_peaks(axis);
    return int64_t{axis.samples} * axis.bands * lines;
}

void LatticeFitter::find_peaks(Axis& axis) {
    const size_t samples = axis.samples;
    int length = 64;
    while (length < axis.samples + axis.samples / 8) length *= 2;
    fft_.prepare(length);
    power_.assign(length / 2, 0);
    for (int first = 0; first < axis.bands; first += 4) {
        work_.assign(length, Complex4{});
        for (int lane = 0; lane < std::min(4, axis.bands - first); ++lane) {
            const float* rising = axis.rising.data() + samples * (first + lane);
            const float* falling = axis.falling.data() + samples * (first + lane);
            float mean_rising = 0, mean_falling = 0;
            for (size_t u = 0; u < samples; ++u)
                mean_rising += rising[u], mean_falling += falling[u];
            mean_rising /= static_cast<float>(samples);
            mean_falling /= static_cast<float>(samples);
            for (size_t u = 0; u < samples; ++u) {
                work_[u].re[lane] = rising[u] - mean_rising;
                work_[u].im[lane] = falling[u] - mean_falling;
            }
        }
        fft_.transform(work_.data());
        // |Z(f)|^2 + |Z(-f)|^2 is twice the power of the real and the imaginary part together.
        for (int f = 1; f < length / 2; ++f) {
            const Complex4 &a = work_[f], &b = work_[length - f];
            for (int lane = 0; lane < 4; ++lane)
                power_[f] += a.re[lane] * a.re[lane] + a.im[lane] * a.im[lane] +
                             b.re[lane] * b.re[lane] + b.im[lane] * b.im[lane];
        }
    }
    // From seven modules across the patch to 2.2 samples a module.
    const int lowest = std::max(2, static_cast<int>(7.0 * length / axis.samples));
    const int highest = static_cast<int>(0.45 * length);
    axis.peaks.clear();
    if (highest - lowest < 4) return;
    // Blur tilts the spectrum: a peak is measured against its own octave, whose level is the mean
    // of the logarithms, which one peak does not lift.
    level_.resize(length / 2 + 1);
    level_[0] = 0;
    for (int f = 0; f < length / 2; ++f) level_[f + 1] = level_[f] + std::log2(power_[f] + 1e-3f);
    for (int f = lowest; f < highest; ++f) {
        if (!(power_[f] >= power_[f - 1] && power_[f] > power_[f + 1])) continue;
        const float bend = power_[f - 1] - 2 * power_[f] + power_[f + 1];
        const float shift = bend < 0 ? 0.5f * (power_[f - 1] - power_[f + 1]) / bend : 0.0f;
        const int from = std::max(1, f * 2 / 3), to = std::min(length / 2, f * 3 / 2);
        const float level = (level_[to] - level_[from]) / static_cast<float>(to - from);
        axis.peaks.push_back({(static_cast<float>(f) + shift) / static_cast<float>(length),
                              level_[f + 1] - level_[f] - level});
    }
    const size_t kept = std::min<size_t>(4, axis.peaks.size());
    std::partial_sort(axis.peaks.begin(), axis.peaks.begin() + static_cast<std::ptrdiff_t>(kept),
                      axis.peaks.end(),
                      [](const Peak& a, const Peak& b) { return a.strength > b.strength; });
    axis.peaks.resize(kept);
}

}  // namespace imi
