#include "reader.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "finder.h"
#include "grid_reader.h"
#include "lattice.h"
#include "locate.h"
#include "outline.h"
#include "pyramid.h"
#include "sample.h"
#include "upright.h"

namespace imi {
namespace {

using Clock = std::chrono::steady_clock;

// A stretch of the patches, likeliest first, and how hard to look at each. The first patches get
// every means before the last get their second.
struct Pass {
    int first, last;  // patches, last exclusive
    bool dense;       // scan every line for the lattice, also half a module beside the likeliest
    bool turned;      // half a right angle away from where most edges point
    int lattices;     // for one patch
    int placements;   // for one lattice
};
constexpr std::array passes{
    Pass{0, 4, false, false, 1, 2}, Pass{0, 1, true, true, 1, 1}, Pass{4, 16, false, false, 1, 1},
    Pass{0, 3, true, false, 2, 2},  Pass{0, 2, true, true, 2, 2}, Pass{3, 8, true, false, 1, 2},
};
constexpr size_t closer_after = 2;        // of these, a look in twice as many pixels,
constexpr size_t closer_passes = 1;       // for which so many of them do
constexpr int most_closer = 2;            // such patches of one frame
constexpr int64_t small_frame = 100'000;  // pixels; worth doubling
constexpr int most_regions = 16;          // candidate symbols of one frame
constexpr int eager_levels = 2;           // of texture, looked at before the rest is located
constexpr float eager_score = 20;         // of patches worth that
constexpr float least_agreement = 0.4f;
constexpr int quick_slack = 60;  // cells by which a symbol may be smaller than its patch
constexpr int most_searched_cells = 12'000;  // of a patch in which a symbol may be any size
constexpr float plain_evidence = 40;      // modules of finder and timing that chance does not reach
constexpr int most_shifted_cells = 6400;  // of a patch that holds little more than a symbol
constexpr float ambiguous_spread = 0.3f;  // modules; 0.7 of the other sign looks the same
constexpr float most_spread = 0.7f;       // that leaves anything of a lone module
constexpr float same_grid = 0.3f;         // modules; half a module apart is another grid,
constexpr float same_dear_grid = 0.8f;    // but not for levels that follow the print so far
// These levels of read_grid at once only for what fills that share of its patch.
constexpr int dear_level = 3;
constexpr double least_fill = 0.6;
constexpr size_t most_promising = 3;  // grids that get the thorough levels
// How many standard deviations of chance a finder must stand out for each level of read_grid: the
// best of a frame's places reaches 5 on bare paper, text and rules 6.
constexpr std::array<float, kGridLevels> least_deviation{4, 7, 7, 8.5f, 8.5f};
// For the levels from 2 on: modules that agree beyond chance, and their share of all that are
// known.
constexpr float least_evidence = 20, least_share = 0.08f;
constexpr std::array<int, kGridLevels> level_units{2, 7, 50, 80, 300};
// And how many grids of one frame may have each level.
constexpr std::array<int, kGridLevels> most_tries{1000, 200, 8, 4, 2};

// A grid somewhere in one level of the pyramid.
struct Candidate {
    GridHypothesis grid;
    bool mirrored;
    float agreement, evidence;  // as in Placement
    float known;                // modules of finder, timing and alignment
    int levels = 0;             // that have been tried

    float deviation() const { return agreement * std::sqrt(known); }  // from chance
};

// What a thorough level was spent on.
struct Look {
    std::array<float, 8> corners;  // in the frame
    int level;
};

}  // namespace

class FrameReader::Search {
public:
    std::optional<Suspect> suspect;

    std::span<const Symbol> run(const GreyView& frame, const ReadOptions& options) {
        options_ = &options;
        sizes_ = options.sizes.empty() ? every_size() : std::span(options.sizes);
        count_ = 0;
        suspect.reset();
        tries_.fill(0);
        looks_.clear();
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
    bool over() const { return done() || left_ <= 0; }

    // Books work done; false when effort or time is at its end.
    bool spend(int64_t units) {
        if (options_->budget_ms && Clock::now() >= deadline_) left_ = 0;
        left_ -= std::min<int64_t>(left_, units);
        return left_ > 0;
    }

    void search(const GreyView& frame) {
        scale_ = 1, rim_ = 0, origin_ = {0, 0};
        const bool small = int64_t{frame.width} * frame.height <= small_frame;
        promising_.clear();
        // What was cut out of a frame is most often one symbol and its quiet zone.
        if (small) {
            // Its outermost rim may show the neighbours, or be all the quiet zone there is.
            const int rim_x = frame.width / 20, rim_y = frame.height / 20;
            look_at(frame, {rim_x, rim_y, frame.width - rim_x, frame.height - rim_y});
            if (over()) return;
            const Box all{0, 0, frame.width, frame.height};
            look_at(frame, all);
            if (over() || !look_closer(frame, all, closer_passes)) return;
        }
        if (over() || !look(frame, passes.size())) return;
        if (small && !look_closer(frame, {0, 0, frame.width, frame.height}, passes.size())) return;

        // Noise is averaged, and modules of many pixels become small.
        GreyView level = frame;
        for (int halvings = 1; halvings <= 2; ++halvings) {
            level = halve(level, pyramid_[halvings - 1]);
            scale_ = static_cast<float>(1 << halvings);
            promising_.clear();
            if (!spend(int64_t{frame.width} * frame.height / 100'000) ||
                !look(level, passes.size()))
                return;
        }
    }

    // Looks at part of the whole frame in twice as many pixels: modules of two pixels have no
    // lattice that a spectrum can show. False when the search is over.
    bool look_closer(const GreyView& frame, const Box& box, size_t last_pass) {
        const GreyView part{frame.row(box.top) + box.left, box.right - box.left,
                            box.bottom - box.top, frame.stride};
        if (!spend(1 + int64_t{part.width} * part.height / 1'000)) return false;
        const GreyView doubled = twice(part, doubled_, doubled_rows_);
        scale_ = 0.5f, rim_ = kDoublingRim;
        origin_ = {static_cast<double>(box.left), static_cast<double>(box.top)};
        std::swap(locator_, aside_locator_), std::swap(promising_, aside_promising_);
        promising_.clear();
        const bool more = look(doubled, last_pass);
        std::swap(locator_, aside_locator_), std::swap(promising_, aside_promising_);
        scale_ = 1, rim_ = 0, origin_ = {0, 0};
        return more;
    }

    // The patches of the whole frame that may be symbols of such small modules.
    bool look_closer(const GreyView& frame) {
        constexpr int least = 24, most = 208;  // pixels a side: 12 modules of 2 to 52 of 4
        int patches = 0;
        for (const Region& region : locator_.regions) {
            const int width = region.right - region.left, height = region.bottom - region.top;
            if (std::min(width, height) < least || std::max(width, height) > most) continue;
            if (3 * std::min(width, height) < std::max(width, height) || known(region)) continue;
            if (patches++ == most_closer) break;
            if (!look_closer(frame, box_round(frame, region), closer_passes)) return false;
        }
        return true;
    }

    // The cheap look at each patch of such a score that has not had it. False when the search is
    // over.
    bool look_at_patches(const GreyView& frame, float least_score) {
        for (Region& region : locator_.regions) {
            if (region.looked_at || region.score < least_score || known(region)) continue;
            region.looked_at = true;
            look_at(frame, box_round(frame, region));
            if (over()) return false;
        }
        return true;
    }

    // A patch and the paper round it.
    static Box box_round(const GreyView& frame, const Region& region) {
        return {std::max(0, region.left - block_px), std::max(0, region.top - block_px),
                std::min(frame.width, region.right + block_px),
                std::min(frame.height, region.bottom + block_px)};
    }

    // The cheap look; reads what is clean.
    void look_at(const GreyView& frame, const Box& box) {
        spend(1);
        const auto outline = fit_outline(frame, box, sizes_);
        if (!outline) return;
        // Four straight sides round a size that exists are seldom chance.
        const auto edge = static_cast<float>(2 * (outline->size->rows + outline->size->columns));
        Candidate candidate{{outline->size, outline->to_image, outline->inverted},
                            outline->mirrored,
                            1,
                            0.4f * edge,
                            edge};
        while (candidate.levels < 2 && !over())
            if (try_next(frame, candidate)) return;
        remember(candidate);
    }

    // False when the search is over.
    bool look(const GreyView& frame, size_t last_pass) {
        begin_locating(frame, locator_);
        if (!spend(1 + int64_t{frame.width} * frame.height / 100'000)) return false;
        // What is clean stands out at the highest levels: there the cheap look may save the rest.
        for (int level = 0; level < eager_levels && locate_at_next_level(locator_); ++level)
            if (!look_at_patches(frame, eager_score)) return false;
        finish_locating(most_regions, locator_);
        add_whole(frame);
        if (!look_at_patches(frame, 0)) return false;
        for (size_t i = 0; i < last_pass; ++i) {
            if (!try_patches(frame, passes[i])) return false;
            if (i + 1 == closer_after && scale_ == 1 && last_pass > closer_passes &&
                !look_closer(frame))
                return false;
        }
        return scale_ < 1 || try_promising(frame);
    }

    // False when the search is over.
    bool try_patches(const GreyView& frame, const Pass& pass) {
        const auto count = static_cast<int>(locator_.regions.size());
        for (int patch = pass.first; patch < std::min(pass.last, count); ++patch) {
            const Region& region = locator_.regions[patch];
            if (known(region)) continue;
            const int64_t samples = fitter_.fit(frame, locator_, region, pass.dense, pass.turned,
                                                pass.lattices, lattices_);
            if (!spend(5 + samples / (pass.dense ? 800 : 500))) return false;
            for (const Lattice& lattice : lattices_) {
                if (try_lattice(frame, lattice, pass, region)) break;
                if (over()) return false;
            }
            if (over()) return false;
        }
        return true;
    }

    bool worthwhile(const Candidate& candidate) const {
        if (candidate.levels == kGridLevels ||
            tries_[candidate.levels] == most_tries[candidate.levels])
            return false;
        // The finder of a small symbol cannot stand out so far: it must be nearly whole.
        if (candidate.levels < 2 && candidate.agreement >= 0.7f) return true;
        return candidate.deviation() >= least_deviation[candidate.levels] &&
               (candidate.levels < 2 ||
                candidate.evidence >= std::max(least_evidence, least_share * candidate.known));
    }

    // The thorough levels for the likeliest grids. False when the search is over.
    bool try_promising(const GreyView& frame) {
        for (Candidate& candidate : promising_) {
            while (candidate.levels < kGridLevels && !over() &&
                   tries_[candidate.levels] < most_tries[candidate.levels])
                if (try_next(frame, candidate)) break;
            if (over()) return false;
        }
        return true;
    }

    // A small frame is a crop round a symbol: all of it is one more patch, in case that the symbol
    // fills it or stands beside something else.
    void add_whole(const GreyView& frame) {
        constexpr int64_t crop_pixels = 1'000'000;
        const BlockEnergy& energy = locator_.energy;
        constexpr size_t most_blank = 16;  // of its blocks for one with texture
        if (int64_t{frame.width} * frame.height > crop_pixels ||
            locator_.textured.size() * most_blank < locator_.texture.size() || energy.across == 0)
            return;
        Region whole{0,
                     0,
                     energy.across * block_px,
                     energy.down * block_px,
                     static_cast<int>(locator_.members.size()),
                     energy.across * energy.down,
                     0,
                     false};
        for (int y = 0; y < energy.down; ++y)
            for (int x = 0; x < energy.across; ++x) locator_.members.push_back({x, y});
        locator_.regions.push_back(whole);
    }

    // Of the frame, from a point of the level searched.
    Point in_frame(Point at) const {
        return {(at.x - rim_) * scale_ + origin_.x, (at.y - rim_) * scale_ + origin_.y};
    }

    // Whether a symbol that we have read covers a point of the level searched.
    bool known(Point point) const {
        const Point at = in_frame(point);
        const auto read = found();
        return std::any_of(read.begin(), read.end(),
                           [&](const Symbol& s) { return covers(s, at); });
    }
    bool known(const Region& region) const {  // by its middle
        return known(Point{(region.left + region.right) / 2.0, (region.top + region.bottom) / 2.0});
    }

    static bool covers(const Symbol& symbol, Point at) {
        const auto& c = symbol.corners;
        int right = 0, left = 0;
        for (int i = 0; i < 4; ++i) {
            const int k = (i + 1) % 4;
            const double cross = (c[2 * k] - c[2 * i]) * (at.y - c[2 * i + 1]) -
                                 (c[2 * k + 1] - c[2 * i + 1]) * (at.x - c[2 * i]);
            right += cross >= 0 ? 1 : 0, left += cross <= 0 ? 1 : 0;
        }
        return right == 4 || left == 4;
    }

    // Whether grey changes along both directions inside the box, as data does. Rows of bars have
    // the finder of a flat symbol, and the same module from top to bottom; bars of several heights
    // leave every other column to the paper.
    bool plausible_inside(const Placement& box) const {
        int across = 0, down = 0;
        std::array<int, 4> dark_of{}, all_of{};  // even and odd columns, even and odd rows
        for (int y = box.row + 1; y + 1 < box.row + box.rows; ++y) {
            for (int x = box.column + 1; x + 1 < box.column + box.columns; ++x) {
                const bool dark = sheet_.at(y, x) > 0;
                for (const int line : {x & 1, 2 + (y & 1)}) dark_of[line] += dark, ++all_of[line];
                across += dark != (sheet_.at(y, x + 1) > 0) ? 1 : 0;
                down += dark != (sheet_.at(y + 1, x) > 0) ? 1 : 0;
            }
        }
        const int least = std::min(across, down), most = std::max(across, down);
        for (int line = 0; line < 4; ++line)
            if (16 * std::min(dark_of[line], all_of[line] - dark_of[line]) < all_of[line])
                return false;
        return 3 * least >= most && 8 * most >= (box.rows - 2) * (box.columns - 2);
    }

    // Whether a symbol there would fill the patch. A part of one looks like a smaller symbol.
    static bool fills(const GridHypothesis& grid, const Region& region) {
        const double right = grid.size->columns, bottom = grid.size->rows;
        const Point a = grid.to_image(0, 0), b = grid.to_image(right, bottom);
        const Point c = grid.to_image(right, 0), d = grid.to_image(0, bottom);
        const double area = std::abs((b.x - a.x) * (d.y - c.y) - (b.y - a.y) * (d.x - c.x)) / 2;
        return area >= least_fill * region.count * block_px * block_px;
    }

    bool try_lattice(const GreyView& frame, const Lattice& lattice, const Pass& pass,
                     const Region& region) {
        // Much ink gained or lost, missing lines, and motion over more than a module move the edges
        // to the modules' middles.
        std::array<std::array<double, 2>, 4> shifts{{{0, 0}, {0.5, 0.5}, {0.5, 0}, {0, 0.5}}};
        if (lattice.unphased >= 0) std::swap(shifts[1], shifts[2 + lattice.unphased]);
        const auto [across, down] = lattice.spread;
        const bool ambiguous =
            lattice.unphased >= 0 || std::min(std::abs(across), std::abs(down)) > ambiguous_spread;
        const int equal = ambiguous ? 2 : 1;
        const bool patient = pass.dense && lattice.rows * lattice.columns <= most_shifted_cells;
        float best = 0;
        candidates_.clear();
        for (int i = 0; i < (patient ? 4 : equal); ++i) {
            if (i >= equal && best >= plain_evidence) return false;
            if (!weigh_cells(frame, lattice, shifts[i], pass)) return false;
            if (i + 1 < equal) continue;
            std::sort(
                candidates_.begin(), candidates_.end(),
                [](const Candidate& a, const Candidate& b) { return a.evidence > b.evidence; });
            for (Candidate& candidate : candidates_) {
                best = std::max(best, candidate.evidence);
                const int eager = fills(candidate.grid, region) ? kGridLevels : dear_level;
                while (candidate.levels < eager && worthwhile(candidate)) {
                    if (try_next(frame, candidate)) return true;
                    if (over()) return false;
                }
                remember(candidate);
            }
            candidates_.clear();
        }
        return false;
    }

    // Adds the placements that stand out in the lattice moved by `shift` modules to `candidates_`.
    // False when the search is over.
    bool weigh_cells(const GreyView& frame, const Lattice& lattice,
                     const std::array<double, 2>& shift, const Pass& pass) {
        Lattice shifted = lattice;
        float spread = 0;
        for (int k = 0; k < 2; ++k) {
            for (int i = 0; i < 9; i += 3)
                shifted.to_image.m[i + 2] += shift[k] * lattice.to_image.m[i + k];
            const float here = lattice.spread[k];
            spread += (shift[k] == 0 ? here : here - std::copysign(1.0f, here)) / 2;
        }
        sample_cells(frame, shifted.to_image, lattice.first_row, lattice.first_column, lattice.rows,
                     lattice.columns, pass.dense ? 5 : 1, sheet_);
        const bool anywhere = pass.dense && lattice.rows * lattice.columns <= most_searched_cells;
        find_ink(sheet_, 0, std::clamp(spread, -most_spread, most_spread));
        const int64_t boxes =
            finder_.find(sheet_, sizes_, anywhere ? max_lattice_cells : quick_slack,
                         least_agreement, static_cast<size_t>(pass.placements), placements_);
        if (!spend(2 + int64_t{lattice.rows} * lattice.columns / (pass.dense ? 250 : 500) +
                   boxes / 2'000))
            return false;
        for (const Placement& placement : placements_) {
            if (!plausible_inside(placement)) continue;
            const SymbolSize& size = *placement.size;
            const auto known = static_cast<float>(
                2 * (size.rows * size.regions_across + size.columns * size.regions_down));
            candidates_.push_back({grid_of(shifted, placement), placement.mirrored,
                                   placement.agreement, placement.evidence, known});
        }
        return true;
    }

    void remember(const Candidate& candidate) {
        if (candidate.levels == kGridLevels) return;
        const auto place = std::upper_bound(
            promising_.begin(), promising_.end(), candidate,
            [](const Candidate& a, const Candidate& b) { return a.evidence > b.evidence; });
        promising_.insert(place, candidate);
        if (promising_.size() > most_promising) promising_.pop_back();
    }

    static int units_of(int level, const SymbolSize& size) {
        constexpr int measured = 40 * 40;  // modules
        return level_units[level] * std::max(measured, size.modules()) / measured;
    }

    // Whether a grid that is as good as the same had this level; notes it when not. Passes and
    // lattices find what stands out again and again.
    bool looked_at(const GridHypothesis& grid, int level) {
        const SymbolSize& size = *grid.size;
        const Look look{corners(grid), level};
        const auto& c = look.corners;
        const float pitch =
            std::hypot(c[4] - c[0], c[5] - c[1]) /
            std::hypot(static_cast<float>(size.rows), static_cast<float>(size.columns));
        const float same = level < dear_level ? same_grid : same_dear_grid;
        for (const Look& other : looks_) {
            float apart = 0;
            for (int i = 0; i < 8; ++i) apart = std::max(apart, std::abs(c[i] - other.corners[i]));
            if (other.level == level && apart < same * pitch) return true;
        }
        looks_.push_back(look);
        return false;
    }

    // The next level of the candidate.
    bool try_next(const GreyView& frame, Candidate& candidate) {
        const int level = candidate.levels++;
        // A level that does not fit into what is left would break the bound on time.
        if (units_of(level, *candidate.grid.size) > left_) return false;
        if (level >= 2 && looked_at(candidate.grid, level)) return false;
        ++tries_[level];
        if (read_grid(frame, candidate.grid, level, grid_work_, decoded_) && take(candidate))
            return true;
        spend(units_of(level, *candidate.grid.size));
        if (level == 1 && candidate.grid.size->square() && candidate.agreement >= 0.7f) {
            // A square finder looks the same in a mirror.
            Candidate twin = candidate;
            twin.grid = mirrored(candidate.grid), twin.mirrored = !candidate.mirrored;
            if (read_grid(frame, twin.grid, level, grid_work_, decoded_) && take(twin)) return true;
            spend(units_of(level, *candidate.grid.size));
        }
        if (level > 0 && (!suspect || candidate.evidence > suspect_evidence_)) {
            suspect = Suspect{corners(candidate.grid), candidate.agreement};
            suspect_evidence_ = candidate.evidence;
        }
        return false;
    }

    // Keeps what was decoded, once, unless the caller refuses it.
    bool take(const Candidate& candidate) {
        const SymbolSize& size = *candidate.grid.size;
        if (known(candidate.grid.to_image(size.columns / 2.0, size.rows / 2.0))) return true;
        if (options_->accept && !options_->accept(decoded_.message.payload)) return false;
        if (count_ == symbols_.size()) symbols_.emplace_back();
        Symbol& symbol = symbols_[count_++];  // assigned, never made anew: it keeps its memory
        symbol.payload = decoded_.message.payload;
        symbol.size = &size;
        symbol.corners = corners(candidate.grid);
        symbol.modules = decoded_.modules;
        symbol.errors_corrected = decoded_.errors_corrected;
        symbol.mirrored = candidate.mirrored, symbol.inverted = candidate.grid.inverted;
        symbol.agreement = decoded_.agreement;
        return true;
    }

    std::array<float, 8> corners(const GridHypothesis& grid) const {
        const double right = grid.size->columns, bottom = grid.size->rows;
        const double at[4][2] = {{0, bottom}, {0, 0}, {right, 0}, {right, bottom}};
        std::array<float, 8> out{};
        for (int i = 0; i < 4; ++i) {
            const Point point = in_frame(grid.to_image(at[i][0], at[i][1]));
            out[2 * i] = static_cast<float>(point.x);
            out[2 * i + 1] = static_cast<float>(point.y);
        }
        return out;
    }

    const ReadOptions* options_ = nullptr;
    std::array<int, kGridLevels> tries_{};
    Clock::time_point deadline_{};
    int64_t left_ = 0;  // units of work
    float scale_ = 1;
    int rim_ = 0;  // of the level searched: frame = (level - rim) * scale + origin
    Point origin_{};
    float suspect_evidence_ = 0;
    std::span<const SymbolSize* const> sizes_;
    std::vector<Symbol> symbols_;  // the first `count_` are this frame's
    size_t count_ = 0;

    std::array<std::vector<uint8_t>, 2> pyramid_;
    std::vector<uint8_t> doubled_;
    std::vector<float> doubled_rows_;
    Locator locator_, aside_locator_;
    LatticeFitter fitter_;
    std::vector<Lattice> lattices_;
    Cells sheet_;
    PlacementFinder finder_;
    std::vector<Placement> placements_;
    std::vector<Look> looks_;
    std::vector<Candidate> candidates_, promising_, aside_promising_;
    GridWorkspace grid_work_;
    DecodedGrid decoded_;
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
