// Damage to the fixed pattern (ISO/IEC 16022:2006 Annex M.1 with its corrigendum 1 of 2008).
#include <algorithm>
#include <cmath>

#include "grade.h"

namespace imi {
namespace {

// Shares of damaged modules that a grade of 4, 3, 2, 1 allows.
constexpr std::array<double, 4> solid_limits = {0.0, 0.09, 0.13, 0.17};   // Table M.1
constexpr std::array<double, 4> clock_limits = {0.10, 0.15, 0.20, 0.25};  // M.1.3
constexpr std::array<double, 4> transition_limits = {0.06, 0.08, 0.10, 0.12};
constexpr std::array<double, 4> average_limits = {4.0, 3.5, 3.0, 2.5};  // M.1.4
constexpr int steps = 5;  // points a module when transitions are counted; odd

struct Run {
    int row, column, length;
    bool level;
    int row_at(int i) const { return level ? row : row + i; }
    int column_at(int i) const { return level ? column + i : column; }
};

class Fixed {
public:
    Fixed(const SymbolSize& size, const std::vector<float>& modulation, const BinaryImage& image)
        : size_(size), modulation_(modulation), image_(image) {}

    float at(int row, int column) const {
        return modulation_[static_cast<size_t>(row + 1) * (size_.columns + 2) + column + 1];
    }

    double share_below(const Run& run, double limit) const {
        int below = 0;
        for (int i = 0; i < run.length; ++i) below += at(run.row_at(i), run.column_at(i)) < limit;
        return 1.0 * below / run.length;
    }
    double share_wrong(const Run& run) const { return share_below(run, 1e-9); }

    // The grade overlay of ISO/IEC 15415: at each level, modules below it count as damage; the
    // best of the lower of level and damage grade.
    template <class Damage>
    int overlay(Damage&& grade_of_damage) const {
        int best = 0;
        for (int level = 4; level > best; --level)
            best = std::max(best, std::min(level, grade_of_damage(kModulationLimits[4 - level])));
        return best;
    }
    int solid_grade(const Run& run, const std::array<double, 4>& limits) const {
        return overlay([&](double limit) { return grade_below(share_below(run, limit), limits); });
    }
    int clock_grade(const Run& run) const {
        return overlay([&](double limit) {
            // M.1.3: of five modules in a row at most two may be damaged.
            int among = 0;
            for (int i = 0; i < run.length; ++i) {
                among += at(run.row_at(i), run.column_at(i)) < limit;
                if (i >= 5) among -= at(run.row_at(i - 5), run.column_at(i - 5)) < limit;
                if (among > 2) return 0;
            }
            return grade_below(share_below(run, limit), clock_limits);
        });
    }

    int transitions(const Run& run) const {
        int count = 0;
        bool last = image_.is_light(image_.grid.at(size_, run.row, run.column));
        const Point ahead = run.level ? image_.grid.across : image_.grid.down;
        constexpr int half = steps / 2;  // the points round a centre are stepped off from it
        for (int i = 0; i < run.length; ++i) {
            const Point centre = image_.grid.at(size_, run.row_at(i), run.column_at(i));
            for (int k = i > 0 ? -half : 0; k <= (i + 1 < run.length ? half : 0); ++k) {
                const double along = 1.0 * k / steps;
                const bool light =
                    image_.is_light({centre.x + along * ahead.x, centre.y + along * ahead.y});
                count += light != last;
                last = light;
            }
        }
        return count;
    }

private:
    const SymbolSize& size_;
    const std::vector<float>& modulation_;
    const BinaryImage& image_;
};

FixedSegment segment_of(FixedSegment::Kind kind, const Run& run, double damaged, int grade) {
    FixedSegment segment;
    segment.kind = kind, segment.level = run.level;
    segment.row = run.row, segment.column = run.column, segment.length = run.length;
    segment.damaged = damaged, segment.grade = grade;
    return segment;
}

}  // namespace

int grade_from(double value, const std::array<double, 4>& at_least) {
    for (int i = 0; i < 4; ++i)
        if (value >= at_least[i]) return 4 - i;
    return 0;
}

int grade_below(double value, const std::array<double, 4>& at_most) {
    for (int i = 0; i < 4; ++i)
        if (value <= at_most[i]) return 4 - i;
    return 0;
}

bool BinaryImage::is_light(Point at) const {
    const int x = std::clamp(static_cast<int>(at.x), 0, width - 1);
    const int y = std::clamp(static_cast<int>(at.y), 0, height - 1);
    return means[static_cast<size_t>(y) * width + x] > threshold;
}

void grade_fixed_pattern(const SymbolSize& size, const std::vector<float>& modulation,
                         const BinaryImage& image, FixedPattern& pattern) {
    using Kind = FixedSegment::Kind;
    const Fixed fixed(size, modulation, image);
    const int rows = size.rows, columns = size.columns;
    const int height = size.region_rows() + 2, width = size.region_columns() + 2;
    pattern.segments.clear();
    double wrong = 0, modules = 0;

    // M.1.2: both sides of the L and the quiet zone along them, each with its corner. Symbols of
    // several regions: also each region's part of a side, and the worst one counts.
    for (const bool quiet : {false, true}) {
        for (const bool level : {false, true}) {
            const int out = quiet ? 1 : 0;
            const Run run = level ? Run{rows - 1 + out, -out, columns + out, true}
                                  : Run{0, -out, rows + out, false};
            const double damaged = fixed.share_wrong(run);
            int grade = fixed.solid_grade(run, solid_limits);
            const int part = level ? width : height;
            const int parts = level ? size.regions_across : size.regions_down;
            for (int i = 0; parts > 1 && i < parts; ++i) {
                const Run piece = level ? Run{run.row, i * part, part, true}
                                        : Run{i * part, run.column, part, false};
                grade = std::min(grade, fixed.solid_grade(piece, solid_limits));
            }
            wrong += damaged * run.length, modules += run.length;
            pattern.segments.push_back(
                segment_of(quiet ? Kind::quiet_zone : Kind::solid_l, run, damaged, grade));
        }
    }
    int sum = 0;
    for (const FixedSegment& segment : pattern.segments) sum += segment.grade;

    // M.1.3: the clock tracks of each region with the solid area beside them, which is quiet zone
    // at the rim of the symbol and the next region's solid line inside.
    int worst_clock = 4;
    for (int i = 0; i < size.regions_down; ++i) {
        for (int j = 0; j < size.regions_across; ++j) {
            for (const bool level : {true, false}) {
                const Run clock = level ? Run{i * height, j * width, width, true}
                                        : Run{i * height, (j + 1) * width - 1, height, false};
                Run solid = clock;
                (level ? solid.row : solid.column) += level ? -1 : 1;
                FixedSegment segment = segment_of(Kind::clock, clock, fixed.share_wrong(clock), 0);
                segment.solid_damaged = fixed.share_wrong(solid);
                const int in_clock = fixed.transitions(clock);
                const int in_solid = std::max(0, fixed.transitions(solid) - 1);
                segment.transition_ratio = in_clock > 0 ? 1.0 * in_solid / in_clock : 1.0;
                // Below the limit, not at it (M.1.3).
                const int ratio_grade =
                    grade_below(segment.transition_ratio + 1e-9, transition_limits);
                segment.grade = std::min({ratio_grade, fixed.clock_grade(clock),
                                          fixed.solid_grade(solid, clock_limits)});
                worst_clock = std::min(worst_clock, segment.grade);
                wrong += segment.damaged * clock.length + segment.solid_damaged * solid.length;
                modules += clock.length + solid.length;
                pattern.segments.push_back(segment);
            }
        }
    }
    // M.1.4: damage that is spread over many segments.
    pattern.average_grade = (sum + worst_clock) / 5.0;
    int grade = grade_from(pattern.average_grade, average_limits);
    for (const FixedSegment& segment : pattern.segments) grade = std::min(grade, segment.grade);
    pattern.damage = {wrong / modules, grade};
}

}  // namespace imi
