#include "locate.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace imi {
namespace {

constexpr int min_blocks = 6;           // a 10x10 symbol at 3.2 px a module, after smoothing
constexpr size_t small_frame = 1600;    // blocks; less is a crop
constexpr int change_share = 8;         // of the sums of block_energy.h that is kept
constexpr int faint_contrast = 40;      // grey levels; less than this may be the paper's own fibre
constexpr uint32_t least_texture = 24;  // in 1/4096; a symbol of full contrast has 200 to 600

// Each block with its eight neighbours, as far as the frame has them: rows first, then columns.
// Plain loops over rows, which the compiler vectorises.
template <typename T, typename Join>
void join3(const std::vector<T>& in, int across, int down, std::vector<T>& rows,
           std::vector<T>& out, Join join) {
    rows.resize(in.size()), out.resize(in.size());
    for (int y = 0; y < down; ++y) {
        const T* from = in.data() + static_cast<size_t>(y) * across;
        T* to = rows.data() + static_cast<size_t>(y) * across;
        if (across == 1) {
            to[0] = from[0];
            continue;
        }
        to[0] = join(from[0], from[1]);
        for (int x = 1; x + 1 < across; ++x) to[x] = join(join(from[x - 1], from[x]), from[x + 1]);
        to[across - 1] = join(from[across - 2], from[across - 1]);
    }
    for (int y = 0; y < down; ++y) {
        const T* here = rows.data() + static_cast<size_t>(y) * across;
        const T* above = y > 0 ? here - across : nullptr;
        const T* below = y + 1 < down ? here + across : nullptr;
        T* to = out.data() + static_cast<size_t>(y) * across;
        if (above != nullptr && below != nullptr)
            for (int x = 0; x < across; ++x) to[x] = join(join(above[x], here[x]), below[x]);
        else if (above != nullptr || below != nullptr)
            for (int x = 0; x < across; ++x)
                to[x] = join(here[x], above != nullptr ? above[x] : below[x]);
        else
            for (int x = 0; x < across; ++x) to[x] = here[x];
    }
}

// The value that `share` of those counted lie below, from 1024 bins of `1 << shift`.
class Quantiles {
public:
    explicit Quantiles(int shift) : shift_(shift) {}

    void count(int value) { ++bins_[std::min(value >> shift_, 1023)], ++counted_; }

    uint32_t at(double share) const {
        const auto wanted = static_cast<size_t>(share * static_cast<double>(counted_));
        size_t passed = 0;
        for (size_t bin = 0; bin < bins_.size(); ++bin) {
            passed += bins_[bin];
            if (passed > wanted) return static_cast<uint32_t>(bin) << shift_;
        }
        return 1024u << shift_;
    }

private:
    std::array<uint32_t, 1024> bins_{};
    size_t counted_ = 0;
    int shift_;
};

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
    return static_cast<float>(std::sqrt(std::sqrt(texture / n)) * fill * fill * fill *
                              (0.1 + aspect) * std::sqrt(n));
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

// Grey levels between the darkest and the lightest pixel of a block and its neighbours.
int contrast_round(const BlockEnergy& energy, int block) {
    const int x = block % energy.across, y = block / energy.across;
    int darkest = 255, lightest = 0;
    for (int by = std::max(0, y - 1); by <= std::min(energy.down - 1, y + 1); ++by) {
        for (int bx = std::max(0, x - 1); bx <= std::min(energy.across - 1, x + 1); ++bx) {
            const size_t at = static_cast<size_t>(by) * energy.across + bx;
            darkest = std::min<int>(darkest, energy.darkest[at]);
            lightest = std::max<int>(lightest, energy.lightest[at]);
        }
    }
    return std::max(0, lightest - darkest);
}

// Fills `texture` and `textured`, returns the texture that few blocks exceed, 0 for a blank frame.
uint32_t measure_texture(Locator& locator) {
    const BlockEnergy& energy = locator.energy;
    const int across = energy.across, down = energy.down;
    const size_t blocks = static_cast<size_t>(across) * down;
    // Both directions at once: bars, rules and paper edges have only one.
    const auto smooth = [&](const std::vector<uint16_t>& from, std::vector<uint16_t>& to) {
        locator.scaled.resize(blocks);  // a share of 64 * 255, nine of which 16 bits hold
        for (size_t i = 0; i < blocks; ++i)
            locator.scaled[i] = static_cast<uint16_t>(from[i] / change_share);
        join3(locator.scaled, across, down, locator.rows, to,
              [](int a, int b) { return static_cast<uint16_t>(a + b); });
    };
    smooth(energy.horizontal, locator.change);
    smooth(energy.vertical, locator.sums);
    for (size_t i = 0; i < blocks; ++i)
        locator.change[i] = std::min(locator.change[i], locator.sums[i]);

    Quantiles changes(4), ranges(0);
    const size_t skip = blocks > 4096 ? 8 : 1;
    for (size_t i = 0; i < blocks; i += skip) {
        changes.count(locator.change[i]);
        ranges.count(std::max(0, energy.lightest[i] - energy.darkest[i]));
    }
    const int noise = static_cast<int>(changes.at(0.1));
    const int range = static_cast<int>(ranges.at(0.1));
    locator.texture.assign(blocks, 0);
    locator.textured.clear();
    // The top two hundredth of the frame, or nine blocks of a small one.
    const double top = std::max(9.0, 0.005 * static_cast<double>(blocks));
    const double all = static_cast<double>(blocks);
    const int most = static_cast<int>(changes.at(std::max(0.0, 1 - top / all)));
    // The rest is blank paper: half a grey level a pixel more than its noise, or three times what
    // that wanders. In a crop that a symbol fills, its own texture wanders: a twelfth will do.
    const int wander = 3 * (static_cast<int>(changes.at(0.4)) - noise);
    const int bold = (most - noise) / (blocks > small_frame ? 3 : 12);
    const int least = noise + std::max(9 * 64 / change_share / 2, std::min(wander, bold));
    for (size_t i = 0; i < blocks; ++i)
        if (locator.change[i] > least) locator.textured.push_back(static_cast<int32_t>(i));
    // Less that of the blank sheet, by contrast: the indicium may be pale beside a bold address,
    // and how often grey changes tells a symbol from text better than by how much.
    constexpr int whole = 4096 * change_share / (9 * 64);
    Quantiles textures(2);
    for (const int32_t block : locator.textured) {
        const int contrast = std::max(0, contrast_round(energy, block) - range) + faint_contrast;
        const int texture = (locator.change[block] - noise) * whole / contrast;
        locator.texture[block] = static_cast<uint16_t>(std::min(texture, 65535));
        textures.count(texture);
    }
    if (locator.textured.empty()) return 0;
    return textures.at(std::max(0.0, 1 - top / static_cast<double>(locator.textured.size())));
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

    const uint32_t peak = measure_texture(locator);
    // A patch may stand out at one level and have run into its neighbours at a lower one.
    const auto level = [&](uint32_t sixteenths) {
        return std::max(peak * sixteenths / 16, least_texture);
    };
    for (const uint32_t sixteenths : {12u, 10u, 8u, 6u, 4u, 2u, 1u}) {
        const uint32_t threshold = level(sixteenths);
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
    // In the order found where equal: std::stable_sort would allocate.
    std::sort(locator.regions.begin(), locator.regions.end(), [](const Region& a, const Region& b) {
        return a.score != b.score ? a.score > b.score : a.first < b.first;
    });
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
