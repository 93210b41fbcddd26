#include "reader.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "error.h"
#include "finder.h"
#include "lattice.h"
#include "locate.h"
#include "outline.h"
#include "sample.h"
#include "scan.h"
#include "symbol.h"

namespace imi {
namespace {

using Clock = std::chrono::steady_clock;

// How hard one pass over the patches looks.
struct Pass {
    bool dense;      // scan every line for the lattice
    int lattices;    // for one patch
    int placements;  // for one lattice
    int slack;       // cells by which a symbol may be smaller than its patch
    int halvings;    // of the frame before the search; -1 doubles it
};
constexpr std::array passes{
    Pass{false, 1, 2, 14, 0},
    Pass{true, 2, 3, 28, 0},  // every patch gets its turn before any is searched to the end
    Pass{true, 3, 6, max_lattice_cells, 0},
    Pass{true, 2, 4, max_lattice_cells, 1},
    Pass{true, 2, 4, max_lattice_cells, 2},
    Pass{true, 2, 4, max_lattice_cells, -1},
};
constexpr int doubling_rim = 8;           // pixels of paper round a doubled frame
constexpr int64_t small_frame = 100'000;  // pixels; only these are worth doubling
constexpr int most_regions = 16;          // candidate symbols of one frame and pass
constexpr float least_agreement = 0.4f;

// Reed-Solomon proves an answer by the check codewords it did not need. With none to spare any
// word would pass, so small symbols must also show a good finder.
bool proven(const SymbolSize& size, const Decoded& decoded, float agreement) {
    const int spare = size.error_codewords() - 2 * decoded.errors_corrected - decoded.erasures;
    if (decoded.erasures > 0) return spare >= 3 * size.blocks;
    if (spare >= 6) return true;
    return spare >= 1 && agreement >= 0.6f;
}

// Twin pixels become one: finds symbols of large modules, and averages noise.
GreyView halve(const GreyView& frame, std::vector<uint8_t>& pixels) {
    const int width = frame.width / 2, height = frame.height / 2;
    pixels.resize(static_cast<size_t>(width) * height);
    for (int y = 0; y < height; ++y) {
        const uint8_t *a = frame.row(2 * y), *b = frame.row(2 * y + 1);
        uint8_t* to = pixels.data() + static_cast<size_t>(y) * width;
        for (int x = 0; x < width; ++x)
            to[x] =
                static_cast<uint8_t>((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) / 4);
    }
    return {pixels.data(), width, height, width};
}

// Symbols of two pixels a module, cut out tightly, as drawing programs save them.
GreyView twice(const GreyView& frame, std::vector<uint8_t>& pixels) {
    const int width = 2 * (frame.width + doubling_rim), height = 2 * (frame.height + doubling_rim);
    pixels.resize(static_cast<size_t>(width) * height);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const float px = (static_cast<float>(x - doubling_rim) + 0.5f) / 2;
            const float py = (static_cast<float>(y - doubling_rim) + 0.5f) / 2;
            pixels[static_cast<size_t>(y) * width + x] =
                static_cast<uint8_t>(grey_at(frame, px, py) + 0.5f);
        }
    }
    return {pixels.data(), width, height, width};
}

}  // namespace

class FrameReader::Search {
public:
    std::optional<Suspect> suspect;

    std::span<const Symbol> run(const GreyView& frame, const ReadOptions& options) {
        options_ = &options;
        sizes_ = options.sizes.empty() ? every_size() : std::span(options.sizes);
        count_ = 0;
        suspect.reset();
        left_ = options.effort > 0 ? options.effort : default_effort;
        if (options.budget_ms)
            deadline_ = Clock::now() +
                        std::chrono::microseconds(static_cast<int64_t>(*options.budget_ms * 1000));
        search(frame);
        return found();
    }

private:
    std::span<const Symbol> found() const { return std::span(symbols_).first(count_); }
    bool done() const { return count_ >= static_cast<size_t>(options_->limit); }

    void search(const GreyView& frame) {
        scale_ = 1, rim_ = 0;
        // What was cut out of a frame is most often one symbol and its quiet zone.
        if (int64_t{frame.width} * frame.height <= small_frame) {
            look_at(frame, {0, 0, frame.width, frame.height});
            if (done() || left_ <= 0) return;
        }
        GreyView level = frame;
        int halvings = 0;
        for (const Pass& pass : passes) {
            scale_ = 1, rim_ = 0;
            if (pass.halvings < 0) {
                if (int64_t{frame.width} * frame.height > small_frame) continue;
                level = twice(frame, pyramid_[0]);
                scale_ = 0.5f, rim_ = doubling_rim;
            }
            for (; halvings < pass.halvings; ++halvings) level = halve(level, pyramid_[halvings]);
            if (pass.halvings > 0) scale_ = static_cast<float>(1 << halvings);
            if (!look(level, pass)) break;
        }
    }

    // The cheap look; reads what is clean.
    bool look_at(const GreyView& frame, const Box& box) {
        spend(1);
        const auto outline = fit_outline(frame, box, sizes_);
        if (!outline) return false;
        Lattice lattice{};
        lattice.to_image = outline->to_image;
        Placement whole{};
        whole.size = outline->size;
        whole.rows = outline->size->rows, whole.columns = outline->size->columns;
        whole.mirrored = outline->mirrored, whole.inverted = outline->inverted;
        sample_cells(frame, lattice.to_image, 0, 0, whole.rows, whole.columns, 1, box_);
        find_ink(box_, 0);
        return try_modules(box_, {0, 0}, lattice, whole);
    }

    // Books work done; false when effort or time is at its end.
    bool spend(int64_t units) {
        if (options_->budget_ms && Clock::now() >= deadline_) left_ = 0;
        left_ -= std::min<int64_t>(left_, units);
        return left_ > 0;
    }

    // False when the search is over.
    bool look(const GreyView& frame, const Pass& pass) {
        if (!(pass.dense && pass.halvings == 0)) {
            locate(frame, most_regions, locator_);
            add_whole(frame);
        }
        if (!pass.dense) {
            for (const Region& region : locator_.regions) {
                if (known(region)) continue;
                const int margin = block_px;
                look_at(frame, {std::max(0, region.left - margin), std::max(0, region.top - margin),
                                std::min(frame.width, region.right + margin),
                                std::min(frame.height, region.bottom + margin)});
                if (done() || left_ <= 0) return false;
            }
        }
        for (const Region& region : locator_.regions) {
            if (known(region)) continue;
            const int64_t samples =
                fitter_.fit(frame, locator_, region, pass.dense, pass.lattices, lattices_);
            if (!spend(1 + samples / 8'000)) return false;
            for (const Lattice& lattice : lattices_) {
                if (try_lattice(frame, lattice, pass)) break;
                if (left_ <= 0) return false;
            }
            if (done()) return false;
        }
        return true;
    }

    // A small frame is a crop round a symbol: all of it is one more patch, in case that the symbol
    // fills it or stands beside something else.
    void add_whole(const GreyView& frame) {
        constexpr int64_t crop_pixels = 1'000'000;
        const BlockEnergy& energy = locator_.energy;
        if (int64_t{frame.width} * frame.height > crop_pixels || energy.across == 0) return;
        Region whole{0,
                     0,
                     energy.across * block_px,
                     energy.down * block_px,
                     static_cast<int>(locator_.members.size()),
                     energy.across * energy.down,
                     0};
        for (int block = 0; block < whole.count; ++block) locator_.members.push_back(block);
        locator_.regions.push_back(whole);
    }

    // From a coordinate of the halved or doubled frame.
    float in_frame(double at) const { return static_cast<float>(at - rim_) * scale_; }

    // Whether a symbol that we have read covers the middle of the patch.
    bool known(const Region& region) const {
        const float x = in_frame((region.left + region.right) / 2.0);
        const float y = in_frame((region.top + region.bottom) / 2.0);
        const auto read = found();
        return std::any_of(read.begin(), read.end(),
                           [&](const Symbol& s) { return covers(s, x, y); });
    }

    static bool covers(const Symbol& symbol, float x, float y) {
        const auto& c = symbol.corners;
        int right = 0, left = 0;
        for (int i = 0; i < 4; ++i) {
            const int k = (i + 1) % 4;
            const float cross = (c[2 * k] - c[2 * i]) * (y - c[2 * i + 1]) -
                                (c[2 * k + 1] - c[2 * i + 1]) * (x - c[2 * i]);
            right += cross >= 0 ? 1 : 0, left += cross <= 0 ? 1 : 0;
        }
        return right == 4 || left == 4;
    }

    bool try_lattice(const GreyView& frame, const Lattice& lattice, const Pass& pass) {
        sample_cells(frame, lattice.to_image, lattice.first_row, lattice.first_column, lattice.rows,
                     lattice.columns, pass.dense ? 5 : 1, sheet_);
        find_ink(sheet_, 0);
        const int64_t boxes = finder_.find(sheet_, sizes_, pass.slack, least_agreement,
                                           static_cast<size_t>(pass.placements), placements_);
        if (!spend(boxes / 12'000)) return false;
        for (const Placement& placement : placements_) {
            // A clean print is read from the first look, one tap a module.
            if (try_modules(sheet_, {0, 0}, lattice, placement)) return true;
            if (try_placement(frame, lattice, placement)) return true;
            if (!spend(1 + placement.size->codewords() / 500)) return false;
        }
        return false;
    }

    bool try_placement(const GreyView& frame, const Lattice& lattice, const Placement& placement) {
        // A rim of one cell gives the threshold some paper to look at.
        sample_cells(frame, lattice.to_image, lattice.first_row + placement.row - 1,
                     lattice.first_column + placement.column - 1, placement.rows + 2,
                     placement.columns + 2, 5, box_);
        const Cell rim{placement.row - 1, placement.column - 1};
        for (const float sharpen : {0.0f, 0.6f}) {
            find_ink(box_, sharpen);
            if (try_modules(box_, rim, lattice, placement)) return true;
            if (!placement.size->square() || placement.agreement < 0.7f) continue;
            Placement mirrored = placement;  // a square finder looks the same in a mirror
            mirrored.mirrored = true;
            if (try_modules(box_, rim, lattice, mirrored)) return true;
        }
        if (!suspect || placement.agreement > suspect->agreement)
            suspect = Suspect{corners(lattice, placement), placement.agreement};
        return false;
    }

    struct Cell {
        int row, column;
    };

    // `first` is the sheet's cell at which `cells` begin.
    bool try_modules(const Cells& cells, Cell first, const Lattice& lattice,
                     const Placement& placement) {
        const SymbolSize& size = *placement.size;
        const Turn turn = turn_of(placement);
        const size_t count = static_cast<size_t>(size.rows) * size.columns;
        modules_.resize(count), doubt_.resize(count);
        for (int row = 0; row < size.rows; ++row) {
            const int up = size.rows - 1 - row;
            for (int column = 0; column < size.columns; ++column) {
                const int y = turn.row + turn.along_row * column + turn.up_row * up;
                const int x = turn.column + turn.along_column * column + turn.up_column * up;
                const int ink = cells.at(y - first.row, x - first.column);
                const size_t at = static_cast<size_t>(row) * size.columns + column;
                modules_[at] = (placement.inverted ? ink < 0 : ink > 0) ? 1 : 0;
                doubt_[at] = static_cast<uint8_t>(255 - std::min(255, std::abs(ink)));
            }
        }
        if (try_decode(size, modules_, doubt_, decoded_)) return false;  // most hypotheses end here
        if (!proven(size, decoded_, placement.agreement)) return false;
        if (options_->accept && !options_->accept(decoded_.payload)) return false;
        if (count_ == symbols_.size()) symbols_.emplace_back();
        Symbol& symbol = symbols_[count_++];  // assigned, never made anew: it keeps its memory
        symbol.payload = decoded_.payload;
        symbol.size = &size;
        symbol.corners = corners(lattice, placement);
        symbol.modules = modules_;
        symbol.errors_corrected = decoded_.errors_corrected;
        symbol.mirrored = placement.mirrored, symbol.inverted = placement.inverted;
        symbol.agreement = placement.agreement;
        return true;
    }

    std::array<float, 8> corners(const Lattice& lattice, const Placement& placement) const {
        const Turn turn = turn_of(placement);
        // From the middle of the corner cell to its outer corner, then leg by leg.
        const int right = turn.along_column + turn.up_column;
        const int down = turn.along_row + turn.up_row;
        const double x = lattice.first_column + turn.column + (right > 0 ? 0 : 1);
        const double y = lattice.first_row + turn.row + (down > 0 ? 0 : 1);
        const int along = placement.size->columns, up = placement.size->rows;
        std::array<float, 8> out{};
        constexpr int order[4][2] = {{0, 0}, {0, 1}, {1, 1}, {1, 0}};  // along, up
        for (int i = 0; i < 4; ++i) {
            const Point at = lattice.to_image(
                x + order[i][0] * along * turn.along_column + order[i][1] * up * turn.up_column,
                y + order[i][0] * along * turn.along_row + order[i][1] * up * turn.up_row);
            out[2 * i] = in_frame(at.x);
            out[2 * i + 1] = in_frame(at.y);
        }
        return out;
    }

    const ReadOptions* options_ = nullptr;
    Clock::time_point deadline_{};
    int64_t left_ = 0;  // units of work
    float scale_ = 1;
    int rim_ = 0;  // of the level searched: frame = (level - rim) * scale
    std::span<const SymbolSize* const> sizes_;
    std::vector<Symbol> symbols_;  // the first `count_` are this frame's
    size_t count_ = 0;

    std::array<std::vector<uint8_t>, 2> pyramid_;
    Locator locator_;
    LatticeFitter fitter_;
    std::vector<Lattice> lattices_;
    Cells sheet_, box_;
    PlacementFinder finder_;
    std::vector<Placement> placements_;
    std::vector<uint8_t> modules_, doubt_;
    Decoded decoded_;
};

FrameReader::FrameReader() : search_(std::make_unique<Search>()) {}
FrameReader::~FrameReader() = default;

std::span<const Symbol> FrameReader::read(const GreyView& frame, const ReadOptions& options) {
    if (frame.width <= 0 || frame.height <= 0 || options.limit <= 0) return {};
    return search_->run(frame, options);
}

std::optional<Suspect> FrameReader::suspect() const { return search_->suspect; }

std::span<const SymbolSize* const> every_size() {
    static const std::vector<const SymbolSize*> sizes = [] {
        std::vector<const SymbolSize*> all;
        for (int rows = 8; rows <= 144; rows += 2)
            for (int columns = 8; columns <= 144; columns += 2)
                if (const SymbolSize* size = find_size(rows, columns)) all.push_back(size);
        return all;
    }();
    return sizes;
}

}  // namespace imi
