#include "deskew.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

namespace imi {
namespace {

constexpr int bins = 90;           // a degree each
constexpr double min_energy = 60;  // grey levels squared a pixel: ink, not paper
constexpr double min_coherence = 0.5;
constexpr double max_energy = 2000;  // the blackest print counts no more than good print
constexpr int refine_degrees = 4;    // about a peak: blocks whose mean is its angle
constexpr int apart_degrees = 8;     // between two ways
constexpr size_t max_lies = 3;
constexpr double min_share = 0.12;
constexpr int rim_px = 48;  // room for a quiet zone round the blocks

struct Vote {
    float x, y, degrees, weight;
};

double wrapped(double degrees) { return degrees - bins * std::round(degrees / bins); }

// The direction of a block's grey again, by steps of Scharr's weights over 3x3 pixels: those across
// one pixel, on which the count rests, lean towards the axes by up to 2 degrees on fine bars.
void sharpen(const GreyView& frame, Vote& vote) {
    constexpr int half = texture_block_px / 2;
    const int left = std::max(1, static_cast<int>(vote.x) - half);
    const int top = std::max(1, static_cast<int>(vote.y) - half);
    const int right = std::min(frame.width - 1, left + texture_block_px);
    const int bottom = std::min(frame.height - 1, top + texture_block_px);
    double flat = 0, slant = 0;
    for (int y = top; y < bottom; ++y) {
        const uint8_t *a = frame.row(y - 1), *b = frame.row(y), *c = frame.row(y + 1);
        for (int x = left; x < right; ++x) {
            const int gx =
                3 * (a[x + 1] - a[x - 1] + c[x + 1] - c[x - 1]) + 10 * (b[x + 1] - b[x - 1]);
            const int gy = 3 * (c[x - 1] - a[x - 1] + c[x + 1] - a[x + 1]) + 10 * (c[x] - a[x]);
            flat += gx * gx - gy * gy, slant += 2 * gx * gy;
        }
    }
    vote.degrees = static_cast<float>(90 / std::numbers::pi * std::atan2(slant, flat));
}

void box_round(const std::vector<Vote>& votes, const GreyView& frame, Lie& lie) {
    const double c = std::cos(lie.angle), s = std::sin(lie.angle);
    double x0 = 1e9, x1 = -1e9, y0 = 1e9, y1 = -1e9;
    const auto widen = [&](double x, double y, auto& a0, auto& a1, auto& b0, auto& b1) {
        const double u = c * x + s * y, v = -s * x + c * y;
        a0 = std::min(a0, u), a1 = std::max(a1, u), b0 = std::min(b0, v), b1 = std::max(b1, v);
    };
    for (const Vote& vote : votes)
        if (std::abs(wrapped(vote.degrees - lie.angle * 180 / std::numbers::pi)) < apart_degrees)
            widen(vote.x, vote.y, x0, x1, y0, y1);
    double fx0 = 1e9, fx1 = -1e9, fy0 = 1e9, fy1 = -1e9;  // no further than the frame's corners
    for (const double x : {0.0, double(frame.width)})
        for (const double y : {0.0, double(frame.height)}) widen(x, y, fx0, fx1, fy0, fy1);
    lie.x = static_cast<int>(std::floor(std::max(x0 - rim_px, fx0)));
    lie.y = static_cast<int>(std::floor(std::max(y0 - rim_px, fy0)));
    lie.width = static_cast<int>(std::ceil(std::min(x1 + rim_px, fx1))) - lie.x;
    lie.height = static_cast<int>(std::ceil(std::min(y1 + rim_px, fy1))) - lie.y;
}

}  // namespace

void find_lies(const GreyView& frame, Texture& texture, std::vector<Lie>& lies) {
    lies.clear();
    measure_texture(frame, texture);
    std::vector<Vote> votes;
    std::array<double, bins> counts{};
    double total = 0;
    for (int by = 0; by < texture.down; ++by) {
        for (int bx = 0; bx < texture.across; ++bx) {
            const size_t at = static_cast<size_t>(by) * texture.across + bx;
            const double pp = texture.pp[at], qq = texture.qq[at];
            const double energy = (pp + qq) / 2;
            if (energy < min_energy * texture_pixels) continue;
            const double flat = texture.pq[at], slant = (pp - qq) / 2;
            const double coherence = std::hypot(flat, slant) / energy;
            if (coherence < min_coherence) continue;
            const double degrees = 90 / std::numbers::pi * std::atan2(slant, flat);
            const double weight = coherence * std::min(energy / texture_pixels, max_energy);
            const double half = texture_block_px / 2.0;
            votes.push_back({static_cast<float>(bx * texture_block_px + half),
                             static_cast<float>(by * texture_block_px + half),
                             static_cast<float>(degrees), static_cast<float>(weight)});
            counts[static_cast<size_t>(std::lround(degrees) + 2 * bins) % bins] += weight;
            total += weight;
        }
    }
    while (total > 0 && lies.size() < max_lies) {
        int best = 0;
        double most = -1;
        for (int bin = 0; bin < bins; ++bin) {
            double sum = 0;
            for (int i = -2; i <= 2; ++i)
                sum += (3 - std::abs(i)) * counts[static_cast<size_t>(bin + i + bins) % bins];
            if (sum > most) best = bin, most = sum;
        }
        double weight = 0, moment = 0;
        for (Vote& vote : votes) {
            if (std::abs(wrapped(vote.degrees - best)) > apart_degrees) continue;
            sharpen(frame, vote);
            const double off = wrapped(vote.degrees - best);
            if (std::abs(off) <= refine_degrees) weight += vote.weight, moment += vote.weight * off;
        }
        if (weight < min_share * total) return;
        Lie lie{};
        lie.angle = wrapped(best + moment / weight) * std::numbers::pi / 180;
        lie.share = weight / total;
        box_round(votes, frame, lie);
        lies.push_back(lie);
        for (int i = -apart_degrees; i <= apart_degrees; ++i)
            counts[static_cast<size_t>(best + i + bins) % bins] = 0;
    }
}

void turn_upright(const GreyView& frame, const Lie& lie, uint8_t* pixels) {
    const double c = std::cos(lie.angle), s = std::sin(lie.angle);
    constexpr double one = 65536;
    for (int row = 0; row < lie.height; ++row, pixels += lie.width) {
        std::memset(pixels, 255, static_cast<size_t>(lie.width));
        // Pixel indices of the frame, where a pixel's centre is whole: x = x0 + c i, y = y0 + s i.
        const double u = lie.x + 0.5, v = lie.y + row + 0.5;
        const double x0 = c * u - s * v - 0.5, y0 = s * u + c * v - 0.5;
        // The columns for which both neighbours each way are inside.
        double from = 0, to = lie.width - 1.0;
        const auto clip = [&](double start, double rise, double last) {
            const double low = 0.001 - start, high = last - 0.001 - start;
            if (std::abs(rise) < 1e-12) {
                if (low > 0 || high < 0) to = -1;
                return;
            }
            from = std::max(from, std::min(low / rise, high / rise));
            to = std::min(to, std::max(low / rise, high / rise));
        };
        clip(x0, c, frame.width - 1.0);
        clip(y0, s, frame.height - 1.0);
        const int first = static_cast<int>(std::ceil(from));
        const int last = static_cast<int>(std::floor(std::max(to, -1.0)));
        auto x = static_cast<int64_t>((x0 + c * first) * one);
        auto y = static_cast<int64_t>((y0 + s * first) * one);
        const auto dx = static_cast<int64_t>(std::lround(c * one));
        const auto dy = static_cast<int64_t>(std::lround(s * one));
        for (int i = first; i <= last; ++i, x += dx, y += dy) {
            // Steps of 1/65536 px are rounded: over a long row the end may creep out by a hair.
            const int px = std::clamp(static_cast<int>(x >> 16), 0, frame.width - 2);
            const int py = std::clamp(static_cast<int>(y >> 16), 0, frame.height - 2);
            const int wx = static_cast<int>((x >> 8) & 255), wy = static_cast<int>((y >> 8) & 255);
            const uint8_t* at = frame.row(py) + px;
            const int top = at[0] * (256 - wx) + at[1] * wx;
            const int bottom = at[frame.stride] * (256 - wx) + at[frame.stride + 1] * wx;
            pixels[i] = static_cast<uint8_t>((top * (256 - wy) + bottom * wy + 32768) >> 16);
        }
    }
}

}  // namespace imi
