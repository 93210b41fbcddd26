#include "locate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "join_round.h"

namespace imi {
namespace {

constexpr int min_blocks = 6;           // a 10x10 symbol at 3.2 px a module, after smoothing
constexpr size_t small_frame = 1600;    // blocks; less is a crop
constexpr int change_share = 8;         // of the sums of block_energy.h that is kept
constexpr int faint_contrast = 40;      // grey levels; less than this may be the paper's own fibre
constexpr uint32_t least_texture = 24;  // in 1/4096; a symbol of full contrast has 200 to 600

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

// Sums over the blocks of a patch.
struct Moments {
    int64_t n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0, texture = 0;
};

// Dense, compact and near square is likely; a line of text is long and thin, a page is ragged.
float score(const Moments& m) {
    const auto n = static_cast<double>(m.n);
    const double x = static_cast<double>(m.x) / n, y = static_cast<double>(m.y) / n;
    const double xx = static_cast<double>(m.xx) / n - x * x + 1.0 / 12;  // a block has an extent
    const double yy = static_cast<double>(m.yy) / n - y * y + 1.0 / 12;
    const double xy = static_cast<double>(m.xy) / n - x * y;
    const double mean = (xx + yy) / 2, spread = std::hypot((xx - yy) / 2, xy);
    const double small = std::max(mean - spread, 1.0 / 12), large = mean + spread;
    // A filled rectangle of sides a, b has variances a*a/12, b*b/12.
    const double fill = std::min(1.0, n / (12 * std::sqrt(small * large)));
    const double aspect = std::sqrt(small / large);
    // Contrast counts less than form and area: the indicium may lie in the shade of a letter whose
    // address is large and black.
    return static_cast<float>(std::sqrt(std::sqrt(static_cast<double>(m.texture) / n)) * fill *
                              fill * fill * (0.1 + aspect) * std::sqrt(n));
}

// Adds the patch round `seed` to the members. `level` marks its blocks as seen.
Region grow(Locator& locator, Place seed, uint32_t threshold, uint8_t level) {
    const int across = locator.energy.across, down = locator.energy.down;
    int left = across, top = down, right = 0, bottom = 0;
    Region region{};
    region.first = static_cast<int>(locator.members.size());
    Moments sums;
    const auto visit = [&](int x, int y, size_t at) {
        if (locator.seen[at] == level || locator.texture[at] < threshold) return;
        locator.seen[at] = level;
        locator.stack.push_back({x, y});
    };
    locator.stack.clear();
    visit(seed.x, seed.y, static_cast<size_t>(seed.y) * across + seed.x);
    while (!locator.stack.empty()) {
        const auto [x, y] = locator.stack.back();
        locator.stack.pop_back();
        locator.members.push_back({x, y});
        left = std::min(left, x), right = std::max(right, x + 1);
        top = std::min(top, y), bottom = std::max(bottom, y + 1);
        const size_t at = static_cast<size_t>(y) * across + x;
        const int64_t bx = x, by = y;
        sums.x += bx, sums.y += by, sums.texture += locator.texture[at];
        sums.xx += bx * bx, sums.xy += bx * by, sums.yy += by * by;
        if (x > 0) visit(x - 1, y, at - 1);
        if (x + 1 < across) visit(x + 1, y, at + 1);
        if (y > 0) visit(x, y - 1, at - across);
        if (y + 1 < down) visit(x, y + 1, at + across);
    }
    region.count = static_cast<int>(locator.members.size()) - region.first;
    region.left = left * block_px, region.top = top * block_px;
    region.right = right * block_px, region.bottom = bottom * block_px;
    sums.n = region.count;
    region.score = region.count < min_blocks ? 0 : score(sums);
    return region;
}

// Fills `texture` and `textured`, returns the texture that few blocks exceed, 0 for a blank frame.
uint32_t measure_texture(Locator& locator) {
    const BlockEnergy& energy = locator.energy;
    const int across = energy.across, down = energy.down;
    const size_t blocks = static_cast<size_t>(across) * down;
    // Both directions at once: bars, rules and paper edges have only one.
    const auto share = [](uint16_t sum) { return static_cast<uint16_t>(sum / change_share); };
    const auto add = [](uint16_t a, uint16_t b) { return static_cast<uint16_t>(a + b); };
    join_round(energy.horizontal, across, down, share, add, locator.rows, locator.change);
    join_round(energy.vertical, across, down, share, add, locator.rows, locator.sums);
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
    for (int y = 0; y < down; ++y) {
        const uint16_t* row = locator.change.data() + static_cast<size_t>(y) * across;
        for (int x = 0; x < across; ++x)
            if (row[x] > least) locator.textured.push_back({x, y});
    }
    // Less that of the blank sheet, by contrast: the indicium may be pale beside a bold address,
    // and how often grey changes tells a symbol from text better than by how much.
    constexpr int whole = 4096 * change_share / (9 * 64);
    const auto whole_byte = [](uint8_t grey) { return grey; };
    const auto least_of = [](uint8_t a, uint8_t b) { return std::min(a, b); };
    const auto most_of = [](uint8_t a, uint8_t b) { return std::max(a, b); };
    join_round(energy.darkest, across, down, whole_byte, least_of, locator.byte_rows,
               locator.darkest);
    join_round(energy.lightest, across, down, whole_byte, most_of, locator.byte_rows,
               locator.lightest);
    Quantiles textures(2);
    for (const Place block : locator.textured) {
        const size_t at = static_cast<size_t>(block.y) * across + block.x;
        const int contrast =
            std::max(0, locator.lightest[at] - locator.darkest[at] - range) + faint_contrast;
        const int texture = (locator.change[at] - noise) * whole / contrast;
        locator.texture[at] = static_cast<uint16_t>(std::min(texture, 65535));
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

void begin_locating(const GreyView& frame, Locator& locator) {
    locator.regions.clear();
    locator.members.clear();
    locator.level = 0;
    measure_blocks(frame, locator.energy);
    locator.peak = locator.energy.across > 0 ? measure_texture(locator) : 0;
    if (locator.peak == 0) locator.textured.clear();
    locator.seen.assign(locator.energy.horizontal.size(), 0);
}

bool locate_at_next_level(Locator& locator) {
    // A patch may stand out at one level and have run into its neighbours at a lower one.
    constexpr std::array<uint32_t, 7> sixteenths{12, 10, 8, 6, 4, 2, 1};
    if (locator.level == sixteenths.size()) return false;
    const uint32_t threshold =
        std::max(locator.peak * sixteenths[locator.level] / 16, least_texture);
    const auto mark = static_cast<uint8_t>(++locator.level);
    for (const Place seed : locator.textured) {
        const size_t at = static_cast<size_t>(seed.y) * locator.energy.across + seed.x;
        if (locator.seen[at] == mark || locator.texture[at] < threshold) continue;
        const Region region = grow(locator, seed, threshold, mark);
        if (region.count < min_blocks)
            locator.members.resize(region.first);
        else
            locator.regions.push_back(region);
    }
    return true;
}

void finish_locating(int most, Locator& locator) {
    while (locate_at_next_level(locator)) {
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
