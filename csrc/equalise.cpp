#include "equalise.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace imi {
namespace {

constexpr int kTile = 4;  // modules a side

}  // namespace

void Equaliser::load(const Raster& raster, int margin, int rows, int columns, float dark_sign) {
    rows_ = rows, columns_ = columns, sign_ = dark_sign;
    stride_ = 2 * (columns + 2) - 1;
    reload(raster, margin);
    down_ = (rows + kTile - 1) / kTile, across_ = (columns + kTile - 1) / kTile;
    tiles_.resize(static_cast<size_t>(down_) * across_);
    cells_.resize(static_cast<size_t>(rows) * columns);
    soft.resize(cells_.size());
    lost_.assign(cells_.size(), 0);
    bias_ = 0;
}

void Equaliser::reload(const Raster& raster, int margin) {
    const int lines = 2 * (rows_ + 2) - 1, width = raster.width();
    lattice_.resize(static_cast<size_t>(stride_) * lines);
    const int first = (margin - 1) * kSide + 1;  // the middle two samples of cell -1
    for (int y = 0; y < lines; ++y) {
        const float* a = raster.line(first + 2 * y) + first;
        const float* b = a + width;
        float* to = lattice_.data() + static_cast<size_t>(y) * stride_;
        for (int x = 0; x < stride_; ++x)
            to[x] = sign_ * 0.25f * (a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]);
    }
}

// From the middles of tiles to cells, linearly.
void Equaliser::spread_levels() {
    for (int row = 0; row < rows_; ++row) {
        const float y = std::clamp((static_cast<float>(row) + 0.5f) / kTile - 0.5f, 0.0f,
                                   static_cast<float>(down_ - 1));
        const int y0 = std::min(static_cast<int>(y), std::max(0, down_ - 2));
        const int y1 = std::min(y0 + 1, down_ - 1);
        const float fy = y - static_cast<float>(y0);
        for (int column = 0; column < columns_; ++column) {
            const float x = std::clamp((static_cast<float>(column) + 0.5f) / kTile - 0.5f, 0.0f,
                                       static_cast<float>(across_ - 1));
            const int x0 = std::min(static_cast<int>(x), std::max(0, across_ - 2));
            const int x1 = std::min(x0 + 1, across_ - 1);
            const float fx = x - static_cast<float>(x0);
            const auto at = [&](int ty, int tx) {
                return tiles_[static_cast<size_t>(ty) * across_ + tx];
            };
            const Level a = at(y0, x0), b = at(y0, x1), c = at(y1, x0), d = at(y1, x1);
            const auto mix = [&](float p, float q, float r, float s) {
                const float top = p + fx * (q - p), low = r + fx * (s - r);
                return top + fy * (low - top);
            };
            cells_[static_cast<size_t>(row) * columns_ + column] = {
                mix(a.middle, b.middle, c.middle, d.middle),
                1 / mix(a.scale, b.scale, c.scale, d.scale)};
        }
    }
    normalise();
}

// The whole lattice by the levels of the cells it lies in: 1 as dark as here, -1 as light.
void Equaliser::normalise() {
    normal_.resize(lattice_.size()), middle_.resize(stride_), scale_.resize(stride_);
    const float dark = 1 / (1 - bias_), light = 1 / (1 + bias_), bias = bias_;
    const auto lines = static_cast<int>(lattice_.size() / static_cast<size_t>(stride_));
    for (int y = 0; y < lines; ++y) {
        const int row = std::clamp(y / 2 - 1, 0, rows_ - 1);
        if (y % 2 == 0) {
            for (int x = 0; x < stride_; ++x) {
                const Level l = level(row, std::clamp(x / 2 - 1, 0, columns_ - 1));
                middle_[x] = l.middle, scale_[x] = l.scale;
            }
        }
        const float* from = lattice_.data() + static_cast<size_t>(y) * stride_;
        float* to = normal_.data() + static_cast<size_t>(y) * stride_;
        const float *middle = middle_.data(), *scale = scale_.data();
        for (int x = 0; x < stride_; ++x) {
            const float v = (middle[x] - from[x]) * scale[x] - bias;
            to[x] = v * (v > 0 ? dark : light);
        }
    }
}

void Equaliser::decide() {
    for (int row = 0; row < rows_; ++row)
        for (int column = 0; column < columns_; ++column)
            soft[static_cast<size_t>(row) * columns_ + column] = centre(row, column);
}

// Where dark and light part, between -1 and 1, as the known modules show it: ink that ran or did
// not cover leaves the lone modules far off the middle.
void Equaliser::find_bias(std::span<const int8_t> known) {
    constexpr int bins = 40;
    constexpr float reach = 0.95f, worthwhile = 0.06f;
    std::array<int, bins + 1> dark{}, light{};
    int darks = 0, lights = 0;
    for (size_t i = 0; i < known.size(); ++i) {
        if (known[i] < 0) continue;
        const float at = std::clamp(soft[i] / reach, -1.0f, 1.0f);
        const auto bin = static_cast<int>((at + 1) * (bins / 2));
        known[i] > 0 ? (++dark[bin], ++darks) : (++light[bin], ++lights);
    }
    // Balanced: as many of either kind on the right side as can be.
    float best = -1, at_middle = 0;
    int low = 0, high = 0, dark_below = 0, light_below = 0;
    for (int bin = 1; bin <= bins; ++bin) {
        dark_below += dark[bin - 1], light_below += light[bin - 1];
        const float right = static_cast<float>(darks - dark_below) / static_cast<float>(darks) +
                            static_cast<float>(light_below) / static_cast<float>(lights);
        if (bin == bins / 2) at_middle = right;
        if (right > best + 0.005f)
            best = right, low = high = bin;
        else if (right > best - 0.005f)
            high = bin;
    }
    if (best - at_middle < worthwhile) return;
    const float from = static_cast<float>(low) / (bins / 2) - 1;
    const float to = static_cast<float>(high) / (bins / 2) - 1;
    bias_ = reach * (from + to) / 2;
    normalise();
    decide();
}

void Equaliser::threshold() {
    const size_t tiles = tiles_.size();
    low_.assign(tiles, 1e9f), high_.assign(tiles, -1e9f);
    float lowest = 1e9f, highest = -1e9f;
    for (int row = 0; row < rows_; ++row) {
        const float* centre = lattice_.data() + static_cast<size_t>(2 * row + 2) * stride_ + 2;
        for (int column = 0; column < columns_; ++column) {
            const float value = centre[2 * column];
            const size_t tile = static_cast<size_t>(row / kTile) * across_ + column / kTile;
            low_[tile] = std::min(low_[tile], value), high_[tile] = std::max(high_[tile], value);
            lowest = std::min(lowest, value), highest = std::max(highest, value);
        }
    }
    const float least = std::max(1.0f, 0.2f * (highest - lowest));
    const float middle = (highest + lowest) / 2;
    for (int ty = 0; ty < down_; ++ty) {
        for (int tx = 0; tx < across_; ++tx) {
            float low = 1e9f, high = -1e9f;
            for (int y = std::max(0, ty - 1); y <= std::min(down_ - 1, ty + 1); ++y) {
                for (int x = std::max(0, tx - 1); x <= std::min(across_ - 1, tx + 1); ++x) {
                    low = std::min(low, low_[static_cast<size_t>(y) * across_ + x]);
                    high = std::max(high, high_[static_cast<size_t>(y) * across_ + x]);
                }
            }
            if (high - low < least) {  // all paper or all ink: say which
                if (low + high > 2 * middle)
                    low = high - least;
                else
                    high = low + least;
            }
            tiles_[static_cast<size_t>(ty) * across_ + tx] = {(low + high) / 2, (high - low) / 2};
        }
    }
    spread_levels();
    decide();
}

// Mean darkness of every line of samples across the symbol and down it, -1 to 1.
void Equaliser::weigh_lines(const Raster& raster, int margin) {
    const int width = raster.width(), samples = columns_ * kSide;
    row_mass_.resize(static_cast<size_t>(rows_) * kSide), column_mass_.assign(samples, 0.0f);
    middle_.resize(std::max(samples, stride_)), scale_.resize(middle_.size());
    dark_.resize(samples);
    const float sign = sign_;
    for (int line = 0; line < rows_ * kSide; ++line) {
        const float* grey = raster.grey.data() +
                            static_cast<size_t>(line + margin * kSide) * width + margin * kSide;
        if (line % kSide == 0) {
            for (int x = 0; x < samples; ++x) {
                const Level l = level(line / kSide, x / kSide);
                middle_[x] = l.middle, scale_[x] = l.scale;
            }
        }
        const float *middle = middle_.data(), *scale = scale_.data();
        float *dark = dark_.data(), *column = column_mass_.data();
        for (int x = 0; x < samples; ++x) {
            float v = (middle[x] - sign * grey[x]) * scale[x];
            v = v < -1 ? -1 : v;
            v = v > 1 ? 1 : v;
            dark[x] = v;
            column[x] += v;
        }
        float sum = 0;
        for (int x = 0; x < samples; ++x) sum += dark[x];
        row_mass_[line] = sum / static_cast<float>(samples);
    }
    for (float& mass : column_mass_) mass /= static_cast<float>(rows_ * kSide);
}

template <class Grey>
bool Equaliser::mend_axis(const std::vector<float>& masses, int along, bool upright, Grey&& grey) {
    // An even mixture of modules weighs 0. A line of random modules is lighter than `blank` once in
    // ten thousand, and is only copied from its own modules then. Starved ink leaves every module's
    // rim blank, so a line must also be lighter than the others of its place are.
    constexpr float blank = -0.6f, printed = -0.4f, lighter = 0.35f;
    constexpr int telling = 24;  // modules in a line; fewer are light by chance too often
    const int modules = static_cast<int>(masses.size()) / kSide;
    std::array<float, kSide> limit{};
    std::array<float, 256> sorted;
    for (int part = 0; part < kSide; ++part) {
        for (int module = 0; module < modules; ++module)
            sorted[module] = masses[module * kSide + part];
        std::nth_element(sorted.begin(), sorted.begin() + modules / 2, sorted.begin() + modules);
        limit[part] = std::min(blank, sorted[modules / 2] - lighter);
    }
    bool any = false;
    for (int module = 0; module < modules; ++module) {
        const float* mass = masses.data() + static_cast<size_t>(module) * kSide;
        bool blanks = false;
        for (int part = 0; part < kSide; ++part) blanks |= mass[part] < limit[part];
        if (!blanks) continue;
        const auto best = static_cast<int>(std::max_element(mass, mass + kSide) - mass);
        if (mass[best] < printed) {
            if (along < telling) continue;
            for (int i = 0; i < along; ++i)
                lost_[upright ? static_cast<size_t>(i) * columns_ + module
                              : static_cast<size_t>(module) * columns_ + i] = 1;
            continue;
        }
        any = true;
        for (int part = 0; part < kSide; ++part) {
            if (part == best) continue;
            for (int i = -kSide; i < (along + 1) * kSide; ++i)
                grey(module * kSide + part, i) = grey(module * kSide + best, i);
        }
    }
    return any;
}

bool Equaliser::mend(Raster& raster, int margin) {
    weigh_lines(raster, margin);
    const int width = raster.width(), first = margin * kSide;
    float* grey = raster.grey.data() + static_cast<size_t>(first) * width + first;
    const bool level = mend_axis(row_mass_, columns_, false, [&](int line, int at) -> float& {
        return grey[static_cast<ptrdiff_t>(line) * width + at];
    });
    const bool upright = mend_axis(column_mass_, rows_, true, [&](int line, int at) -> float& {
        return grey[static_cast<ptrdiff_t>(at) * width + line];
    });
    return level || upright;
}

void Equaliser::relevel(std::span<const int8_t> known) {
    const size_t tiles = tiles_.size();
    sums_.assign(4 * tiles, 0);  // grey and number of dark, of light
    std::array<float, 4> all{};
    for (int row = 0; row < rows_; ++row) {
        const float* centre = lattice_.data() + static_cast<size_t>(2 * row + 2) * stride_ + 2;
        for (int column = 0; column < columns_; ++column) {
            const size_t at = static_cast<size_t>(row) * columns_ + column;
            const bool dark = known[at] >= 0 ? known[at] > 0 : soft[at] > 0;
            float* sum = sums_.data() +
                         4 * (static_cast<size_t>(row / kTile) * across_ + column / kTile) +
                         (dark ? 0 : 2);
            sum[0] += centre[2 * column], sum[1] += 1;
            all[dark ? 0 : 2] += centre[2 * column], all[dark ? 1 : 3] += 1;
        }
    }
    const float all_dark = all[0] / std::max(1.0f, all[1]),
                all_light = all[2] / std::max(1.0f, all[3]);
    const float least = std::max(1.0f, 0.2f * (all_light - all_dark));
    for (int ty = 0; ty < down_; ++ty) {
        for (int tx = 0; tx < across_; ++tx) {
            std::array<float, 4> sum{};
            for (int y = std::max(0, ty - 1); y <= std::min(down_ - 1, ty + 1); ++y)
                for (int x = std::max(0, tx - 1); x <= std::min(across_ - 1, tx + 1); ++x)
                    for (int k = 0; k < 4; ++k)
                        sum[k] += sums_[4 * (static_cast<size_t>(y) * across_ + x) + k];
            // What is missing here is as far off as everywhere.
            const float span = all_light - all_dark;
            float dark = sum[0] / std::max(1.0f, sum[1]), light = sum[2] / std::max(1.0f, sum[3]);
            if (sum[1] < 4) dark = light - span;
            if (sum[3] < 4) light = dark + span;
            if (light - dark < least) {
                const float middle = (light + dark) / 2;
                dark = middle - least / 2, light = middle + least / 2;
            }
            tiles_[static_cast<size_t>(ty) * across_ + tx] = {(dark + light) / 2,
                                                              (light - dark) / 2};
        }
    }
    spread_levels();
}

}  // namespace imi
