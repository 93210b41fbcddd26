#include "grade_aperture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "grade_lanes.h"

namespace imi {
namespace {

constexpr int sub_rows = 8;  // chords to a pixel when areas are summed

float overlap(double low, double high, int pixel) {
    return static_cast<float>(
        std::max(0.0, std::min(high, pixel + 1.0) - std::max(low, 1.0 * pixel)));
}

// Of a grey level, where reflectance is grey / 255: 32767 grey / 255, rounded. Sixteen bits do.
uint16_t in_proportion(uint8_t grey) {
    const auto rest = static_cast<uint16_t>(127 * grey + 127);  // 32767 = 128 * 255 + 127
    return static_cast<uint16_t>(128 * grey + ((rest + 1 + (rest >> 8)) >> 8));
}

// The one flip (0 for a print dark on light, else kWhite) with which the table is in proportion, or
// -1: then every pixel has to be looked up.
int flip_of(const std::array<int16_t, 256>& table) {
    const int flip = in_proportion(0) ^ table[0];
    for (int grey = 0; grey < 256; ++grey)
        if ((in_proportion(static_cast<uint8_t>(grey)) ^ flip) != table[grey]) return -1;
    return flip;
}

void look_up(const uint8_t* grey, std::ptrdiff_t step, int flip,
             const std::array<int16_t, 256>& table, int16_t* first, int16_t* last) {
    if (flip < 0 || step != 1) {
        for (; first != last; ++first, grey += step) *first = table[*grey];
        return;
    }
    const auto count = static_cast<size_t>(last - first);
    for (size_t i = 0; i < count; ++i)
        first[i] = static_cast<int16_t>(in_proportion(grey[i]) ^ flip);
}

}  // namespace

inline float Plane::between(const int16_t* at, float fx, float fy) const {
    const int16_t* below = at + width_;
    const auto a = static_cast<float>(at[0]), b = static_cast<float>(at[1]);
    const auto c = static_cast<float>(below[0]), d = static_cast<float>(below[1]);
    const float top = a + fx * (b - a);
    return top + fy * (c + fx * (d - c) - top);
}

void Plane::load(const Channel& channel, const ReflectanceTable& reflectance, bool invert, int left,
                 int top, int width, int height, int step) {
    width_ = width, height_ = height;
    // Whole lanes are read past the last value, and a row with weights of 0.
    values_.resize(static_cast<size_t>(width) * (height + 1) + kMeanLanes);
    sums_.resize(static_cast<size_t>(width));
    std::array<int16_t, 256> table;
    for (int grey = 0; grey < 256; ++grey) {
        const float part = std::clamp(invert ? 1 - reflectance[grey] : reflectance[grey], 0.f, 1.f);
        table[grey] = static_cast<int16_t>(part * kWhite + 0.5f);
    }
    const int flip = flip_of(table);
    const std::ptrdiff_t step_x = channel.pixel_stride;
    const uint32_t area = static_cast<uint32_t>(step) * step;
    for (int y = 0; y < height; ++y) {
        int16_t* out = values_.data() + static_cast<size_t>(y) * width;
        const auto source = [&](int row) {
            return channel.pixels + std::clamp(row, 0, channel.height - 1) * channel.row_stride;
        };
        if (step == 1) {
            const uint8_t* from = source(top + y);
            // Columns inside the picture need no clamping.
            const int first = std::clamp(-left, 0, width);
            const int last = std::clamp(channel.width - left, first, width);
            std::fill_n(out, first, table[from[0]]);
            std::fill(out + last, out + width, table[from[(channel.width - 1) * step_x]]);
            look_up(from + (left + first) * step_x, step_x, flip, table, out + first, out + last);
            continue;
        }
        std::fill(sums_.begin(), sums_.end(), 0u);
        for (int dy = 0; dy < step; ++dy) {
            const uint8_t* from = source(top + y * step + dy);
            for (int x = 0; x < width; ++x) {
                for (int dx = 0; dx < step; ++dx) {
                    const int column = std::clamp(left + x * step + dx, 0, channel.width - 1);
                    sums_[x] += static_cast<uint32_t>(table[from[column * channel.pixel_stride]]);
                }
            }
        }
        for (int x = 0; x < width; ++x) out[x] = static_cast<int16_t>(sums_[x] / area);
    }
}

float Plane::at(float x, float y) const {
    const float px = std::clamp(x - 0.5f, 0.0f, static_cast<float>(width_ - 1));
    const float py = std::clamp(y - 0.5f, 0.0f, static_cast<float>(height_ - 1));
    // The comparisons also turn away what is no number.
    const int x0 = px > 0 ? std::min(static_cast<int>(px), width_ - 2) : 0;
    const int y0 = py > 0 ? std::min(static_cast<int>(py), height_ - 2) : 0;
    return between(row(y0) + x0, px - static_cast<float>(x0), py - static_cast<float>(y0));
}

void Plane::add_line(float x, float y, float dx, float dy, int count, float share,
                     float* out) const {
    const auto inside = [&](float px, float py) {
        return px >= 1 && py >= 1 && px < static_cast<float>(width_) - 1.5f &&
               py < static_cast<float>(height_) - 1.5f;
    };
    const auto steps = static_cast<float>(count - 1);
    if (!inside(x, y) || !inside(x + steps * dx, y + steps * dy)) {
        for (int i = 0; i < count; ++i)
            out[i] += share * at(x + static_cast<float>(i) * dx, y + static_cast<float>(i) * dy);
        return;
    }
    imi::add_line({values_.data(), width_}, x - 0.5f, y - 0.5f, dx, dy, count, share, out);
}

void Aperture::set_diameter(double diameter) {
    if (diameter == diameter_) return;
    diameter_ = diameter;
    // The variance of a disc along an axis is d^2 / 16, that of a pixel's square 1/12.
    radius_ = 0.5 * std::sqrt(std::max(1.0, diameter * diameter - 2 * 16.0 / 12));
    reach_ = static_cast<int>(std::ceil(radius_));
    side_ = 2 * reach_ + 1;
    stride_ = (side_ + lane - 1) / lane * lane;
    rows_ = side_ + 1;
    block_ = static_cast<size_t>(rows_) * stride_;
    weights_.assign(kPhases * kPhases * block_, 0);
    for (int y = 0; y < kPhases; ++y) {
        for (int x = 0; x < kPhases; ++x)
            fill((x + 0.5) / kPhases, (y + 0.5) / kPhases,
                 weights_.data() + (y * kPhases + x) * block_);
    }
    std::vector<int16_t> centred(block_);
    fill(0.5, 0.5, centred.data());
    // Twice the weight, since the high half of a product is by 2^16 and not by 2^15.
    taps_.clear();
    for (int row = 0; row < side_; ++row) {
        for (int i = 0; i < side_; ++i) {
            const auto weight = static_cast<uint16_t>(2 * centred[row * stride_ + i]);
            if (weight > 0) taps_.push_back({row, i, weight});
        }
    }
}

void Aperture::fill(double x, double y, int16_t* weights) const {
    std::vector<float> areas(static_cast<size_t>(side_) * side_, 0.0f);
    for (int row = 0; row < side_; ++row) {
        for (int sub = 0; sub < sub_rows; ++sub) {
            const double dy = row - reach_ + (sub + 0.5) / sub_rows - y;
            if (std::abs(dy) >= radius_) continue;
            const double half = std::sqrt(radius_ * radius_ - dy * dy);
            for (int column = 0; column < side_; ++column)
                areas[static_cast<size_t>(row) * side_ + column] +=
                    overlap(x - half, x + half, column - reach_);
        }
    }
    const float total = std::accumulate(areas.begin(), areas.end(), 0.0f);
    // Rounded so that the sum of any run is right: no error adds up.
    double sum = 0;
    int written = 0;
    for (int row = 0; row < side_; ++row) {
        for (int column = 0; column < side_; ++column) {
            sum += areas[static_cast<size_t>(row) * side_ + column];
            const int upto = static_cast<int>(std::lround(sum / total * kWhite));
            weights[row * stride_ + column] = static_cast<int16_t>(upto - written);
            written = upto;
        }
    }
}

float Aperture::mean(const Plane& plane, float x, float y, Spot& spot) const {
    // The comparisons also turn away what is no number.
    const auto within = [](float value, int low, int high) {
        const auto least = static_cast<float>(low), most = static_cast<float>(high);
        return value > least ? (value < most ? value : most) : least;
    };
    const float sub_x = within(x, reach_, plane.width() - stride_ + reach_) * kPhases;
    const float sub_y = within(y, reach_, plane.height() - reach_ - 1) * kPhases;
    const auto ix = static_cast<unsigned>(sub_x), iy = static_cast<unsigned>(sub_y);
    spot.phase = static_cast<int>(iy % kPhases * kPhases + ix % kPhases);
    spot.off_x = (sub_x - static_cast<float>(ix) - 0.5f) / kPhases;
    spot.off_y = (sub_y - static_cast<float>(iy) - 0.5f) / kPhases;
    const int16_t* weight = weights_.data() + static_cast<size_t>(spot.phase) * block_;
    const int left = static_cast<int>(ix / kPhases) - reach_;
    const int top = static_cast<int>(iy / kPhases) - reach_;
    const int32_t sum =
        weigh_square({plane.row(0), plane.width()}, plane.row(top) + left, weight, rows_, stride_);
    return static_cast<float>(sum) * (1.0f / kWhite);
}

Beyond Aperture::beyond(int phase, Point normal, double distance, double step) const {
    // A pixel's shadow on the normal is a trapezoid: a box as wide as its longer side, blurred by
    // one as wide as the shorter, for which two points stand that have the same second moment.
    const double wide = std::max(std::abs(normal.x), std::abs(normal.y));
    const double narrow = std::min(std::abs(normal.x), std::abs(normal.y));
    const auto start = [&](int at) { return 0.5 - reach_ - (at + 0.5) / kPhases; };
    const double first =
        normal.x * start(phase % kPhases) + normal.y * start(phase / kPhases) - distance;
    const auto unit = [&](double value) { return static_cast<float>(value / wide); };
    Beyond seen =
        weigh_beyond(weights_.data() + static_cast<size_t>(phase) * block_, side_, stride_,
                     {0.5f + unit(first), unit(normal.y), unit(normal.x),
                      unit(narrow / std::sqrt(12.0)), unit(step)});
    for (float* share : {&seen.nearer, &seen.there, &seen.farther}) *share /= 2.0f * kWhite;
    return seen;
}

void Aperture::row_means(const Plane& plane, int y, int first, int last, int16_t* out) const {
    // What is cut off is below 1/32768 a tap.
    weigh_row({plane.row(0), plane.width()}, plane.row(y - reach_) + first - reach_, taps_,
              last - first + 1, out);
}

}  // namespace imi
