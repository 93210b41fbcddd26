#include "locate.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace imi {
namespace {

constexpr int min_blocks = 6;  // a 10x10 symbol at 3.2 px a module, after smoothing

// Sums over 3x3 blocks, smaller at the rim of the frame.
void box3(const std::vector<uint16_t>& in, int across, int down, std::vector<uint32_t>& rows,
          std::vector<uint32_t>& out) {
    rows.resize(in.size());
    out.resize(in.size());
    for (int y = 0; y < down; ++y) {
        const uint16_t* from = in.data() + static_cast<size_t>(y) * across;
        uint32_t* to = rows.data() + static_cast<size_t>(y) * across;
        if (across == 1) {
            to[0] = from[0];
            continue;
        }
        to[0] = uint32_t{from[0]} + from[1];
        for (int x = 1; x + 1 < across; ++x) to[x] = uint32_t{from[x - 1]} + from[x] + from[x + 1];
        to[across - 1] = uint32_t{from[across - 2]} + from[across - 1];
    }
    for (int y = 0; y < down; ++y) {
        const uint32_t* here = rows.data() + static_cast<size_t>(y) * across;
        const uint32_t* above = y > 0 ? here - across : nullptr;
        const uint32_t* below = y + 1 < down ? here + across : nullptr;
        uint32_t* to = out.data() + static_cast<size_t>(y) * across;
        for (int x = 0; x < across; ++x) to[x] = here[x];
        if (above != nullptr)
            for (int x = 0; x < across; ++x) to[x] += above[x];
        if (below != nullptr)
            for (int x = 0; x < across; ++x) to[x] += below[x];
    }
}

// The value that `share` of the blocks lie below, to 1/1024 of the largest.
uint32_t quantile(const std::array<uint32_t, 1025>& histogram, size_t total, double share,
                  int shift) {
    const auto wanted = static_cast<size_t>(share * static_cast<double>(total));
    size_t passed = 0;
    for (size_t bin = 0; bin < histogram.size(); ++bin) {
        passed += histogram[bin];
        if (passed > wanted) return static_cast<uint32_t>(bin) << shift;
    }
    return 1024u << shift;
}

// Dense, compact and near square is likely; a line of text is long and thin, a page is ragged.
float score(const Locator& locator, const Region& region, int across) {
    double x = 0, y = 0, xx = 0, xy = 0, yy = 0, texture = 0;
    for (int i = region.first; i < region.first + region.count; ++i) {
        const int block = locator.members[i];
        const double bx = block % across, by = block / across;
        x += bx, y += by, xx += bx * bx, xy += bx * by, yy += by * by;
        texture += locator.texture[block];
    }
    const double n = region.count;
    xx = xx / n - x * x / (n * n) + 1.0 / 12;  // a block has an extent of its own
    yy = yy / n - y * y / (n * n) + 1.0 / 12;
    xy = xy / n - x * y / (n * n);
    const double mean = (xx + yy) / 2, spread = std::hypot((xx - yy) / 2, xy);
    const double small = std::max(mean - spread, 1.0 / 12), large = mean + spread;
    // A filled rectangle of sides a, b has variances a*a/12, b*b/12.
    const double fill = std::min(1.0, n / (12 * std::sqrt(small * large)));
    const double aspect = std::sqrt(small / large);
    // Contrast counts less than form and area: the indicium may lie in the shade of a letter whose
    // address is large and black.
    return static_cast<float>(std::sqrt(texture / n) * fill * fill * fill * (0.1 + aspect) *
                              std::sqrt(n));
}

void grow(Locator& locator, int seed, uint32_t threshold, Region& region) {
    const int across = locator.energy.across, down = locator.energy.down;
    int left = across, top = down, right = 0, bottom = 0;
    locator.stack.assign(1, seed);
    locator.seen[seed] = 1;
    while (!locator.stack.empty()) {
        const int block = locator.stack.back();
        locator.stack.pop_back();
        locator.members.push_back(block);
        const int x = block % across, y = block / across;
        left = std::min(left, x), right = std::max(right, x + 1);
        top = std::min(top, y), bottom = std::max(bottom, y + 1);
        const auto visit = [&](int next) {
            if (locator.seen[next] || locator.texture[next] < threshold) return;
            locator.seen[next] = 1;
            locator.stack.push_back(next);
        };
        if (x > 0) visit(block - 1);
        if (x + 1 < across) visit(block + 1);
        if (y > 0) visit(block - across);
        if (y + 1 < down) visit(block + across);
    }
    region.count = static_cast<int>(locator.members.size()) - region.first;
    region.left = left * block_px, region.top = top * block_px;
    region.right = right * block_px, region.bottom = bottom * block_px;
}

bool nearly_same(const Region& a, const Region& b) {
    const auto close = [](int p, int q) { return std::abs(p - q) <= block_px; };
    return close(a.left, b.left) && close(a.right, b.right) && close(a.top, b.top) &&
           close(a.bottom, b.bottom);
}

}  // namespace

void locate(const GreyView& frame, int most, Locator& locator) {
    locator.regions.clear();
    locator.members.clear();
    measure_blocks(frame, locator.energy);
    const int across = locator.energy.across, down = locator.energy.down;
    const size_t blocks = static_cast<size_t>(across) * down;
    if (blocks == 0) return;

    // Texture in both directions at once: bars, rules and paper edges have only one.
    box3(locator.energy.horizontal, across, down, locator.texture, locator.sums_horizontal);
    box3(locator.energy.vertical, across, down, locator.texture, locator.sums_vertical);
    uint32_t largest = 0;
    for (size_t i = 0; i < blocks; ++i) {
        locator.texture[i] = std::min(locator.sums_horizontal[i], locator.sums_vertical[i]);
        largest = std::max(largest, locator.texture[i]);
    }
    int shift = 0;
    while (largest >> shift > 1024) ++shift;
    // A share of the blocks is enough for quantiles; most are blank and would queue for one
    // counter.
    const size_t skip = blocks > 4096 ? 4 : 1;
    std::array<uint32_t, 1025> histogram{};
    for (size_t i = 0; i < blocks; i += skip) ++histogram[locator.texture[i] >> shift];
    const size_t counted = (blocks + skip - 1) / skip;
    const uint32_t noise = quantile(histogram, counted, 0.1, shift);
    const double top_share = std::min(0.995, 1.0 - 9.0 / static_cast<double>(counted));
    const uint32_t peak = quantile(histogram, counted, std::max(0.0, top_share), shift);
    // Nine blocks of 64 pixels: less than one grey level of change a pixel is a blank sheet.
    if (peak < 9 * 64) return;

    // A patch may stand out at one level and have run into its neighbours at a lower one.
    const uint32_t above = peak > noise ? peak - noise : 0;
    const auto level = [&](uint32_t eighths) {
        return std::max<uint32_t>(noise + above / 8 * eighths, 9 * 32);
    };
    locator.textured.clear();
    for (size_t i = 0; i < blocks; ++i)
        if (locator.texture[i] >= level(1)) locator.textured.push_back(static_cast<int32_t>(i));
    for (const uint32_t eighths : {6u, 5u, 4u, 3u, 2u, 1u}) {
        const uint32_t threshold = level(eighths);
        locator.seen.assign(blocks, 0);
        for (const int32_t seed : locator.textured) {
            if (locator.seen[seed] || locator.texture[seed] < threshold) continue;
            Region region{};
            region.first = static_cast<int>(locator.members.size());
            grow(locator, seed, threshold, region);
            if (region.count < min_blocks) {
                locator.members.resize(region.first);
                continue;
            }
            region.score = score(locator, region, across);
            locator.regions.push_back(region);
        }
    }
    std::stable_sort(locator.regions.begin(), locator.regions.end(),
                     [](const Region& a, const Region& b) { return a.score > b.score; });
    size_t kept = 0;
    for (size_t i = 0; i < locator.regions.size() && kept < static_cast<size_t>(most); ++i) {
        const Region candidate = locator.regions[i];
        const auto end = locator.regions.begin() + static_cast<std::ptrdiff_t>(kept);
        if (std::none_of(locator.regions.begin(), end,
                         [&](const Region& r) { return nearly_same(r, candidate); }))
            locator.regions[kept++] = candidate;
    }
    locator.regions.resize(kept);
}

}  // namespace imi
