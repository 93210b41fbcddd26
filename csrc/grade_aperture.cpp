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

// Weights times values, at most kWhite * kWhite. A `length` known when compiled becomes one
// instruction for eight products.
template <int length>
int32_t dot(const int16_t* weights, const int16_t* values, int rows, int stride, int row_length) {
    int32_t sum = 0;
    for (int row = 0; row < rows; ++row, weights += stride, values += row_length) {
        for (int i = 0; i < (length > 0 ? length : stride); ++i)
            sum += static_cast<int32_t>(weights[i]) * values[i];
    }
    return sum;
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
    // Whole lanes are read past the last value.
    values_.resize(static_cast<size_t>(width) * height + kMeanLanes);
    sums_.resize(static_cast<size_t>(width));
    std::array<int16_t, 256> table;
    for (int grey = 0; grey < 256; ++grey) {
        const float part = std::clamp(invert ? 1 - reflectance[grey] : reflectance[grey], 0.f, 1.f);
        table[grey] = static_cast<int16_t>(part * kWhite + 0.5f);
    }
    const int flip = channel.pixel_stride == 1 ? flip_of(table) : -1;
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
            for (int x = 0; x < first; ++x) out[x] = table[from[0]];
            const uint8_t* at = from + (left + first) * channel.pixel_stride;
            if (flip >= 0) {
                for (int x = first; x < last; ++x)
                    out[x] = static_cast<int16_t>(in_proportion(at[x - first]) ^ flip);
            } else {
                for (int x = first; x < last; ++x, at += channel.pixel_stride) out[x] = table[*at];
            }
            for (int x = last; x < width; ++x)
                out[x] = table[from[(channel.width - 1) * channel.pixel_stride]];
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
    const size_t square = static_cast<size_t>(side_) * stride_;
    weights_.assign(phases * phases * square, 0);
    for (int y = 0; y < phases; ++y) {
        for (int x = 0; x < phases; ++x)
            fill((x + 0.5) / phases, (y + 0.5) / phases,
                 weights_.data() + (y * phases + x) * square);
    }
    std::vector<int16_t> centred(square);
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

float Aperture::mean(const Plane& plane, float x, float y) const {
    // The comparisons also turn away what is no number.
    const auto within = [](float value, int low, int high) {
        const auto least = static_cast<float>(low), most = static_cast<float>(high);
        return value > least ? (value < most ? value : most) : least;
    };
    x = within(x, reach_, plane.width() - stride_ + reach_);
    y = within(y, reach_, plane.height() - reach_ - 1);
    const int sub_x = static_cast<int>(x * phases), sub_y = static_cast<int>(y * phases);
    const int phase = sub_y % phases * phases + sub_x % phases;
    const int16_t* weight = weights_.data() + static_cast<size_t>(phase) * side_ * stride_;
    const int16_t* from = plane.row(sub_y / phases - reach_) + sub_x / phases - reach_;
    const int32_t sum = stride_ == lane ? dot<lane>(weight, from, side_, lane, plane.width())
                                        : dot<0>(weight, from, side_, stride_, plane.width());
    return static_cast<float>(sum) * (1.0f / kWhite);
}

void Aperture::row_means(const Plane& plane, int y, int first, int last, int16_t* out) const {
    // What is cut off is below 1/32768 a tap.
    weigh_row({plane.row(0), plane.width()}, plane.row(y - reach_) + first - reach_, taps_,
              last - first + 1, out);
}

}  // namespace imi
