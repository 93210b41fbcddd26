#include "grade.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "encodation.h"
#include "error.h"
#include "interleave.h"
#include "placement.h"
#include "reed_solomon.h"
#include "symbol.h"

namespace imi {
namespace {

// ISO/IEC 15415:2011 clause 7.8: limits of grades 4, 3, 2, 1.
constexpr std::array<double, 4> contrast_limits = {0.70, 0.55, 0.40, 0.20};  // Table 4
constexpr std::array<double, 4> axial_limits = {0.06, 0.08, 0.10, 0.12};     // Table 7
constexpr std::array<double, 4> uniform_limits = {0.38, 0.50, 0.63, 0.75};   // Table 8
constexpr std::array<double, 4> unused_limits = {0.62, 0.50, 0.37, 0.25};    // Table 9

constexpr double fine_module = 8;  // px: finer pictures are averaged down to about this
constexpr double least_module = 2;
constexpr double rim = 2.5;  // modules of the picture that are looked at round the symbol

[[noreturn]] void refuse(const std::string& message) { throw Error(Fault::bad_argument, message); }

std::string text(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.2f", value);
    return buffer;
}

double module_px(const SymbolSize& size, const std::array<Point, 4>& corners) {
    double twice = 0;
    for (int i = 0; i < 4; ++i) {
        const Point a = corners[i], b = corners[(i + 1) % 4];
        twice += a.x * b.y - b.x * a.y;
    }
    return std::sqrt(std::abs(twice) / 2 / size.modules());
}

// By how many codewords each block of one symbol differs from another.
std::vector<int> differences(const SymbolSize& size, const uint8_t* a, const uint8_t* b) {
    std::vector<int> found(static_cast<size_t>(size.blocks));
    for (int i = 0; i < size.codewords(); ++i) found[i % size.blocks] += a[i] != b[i];
    return found;
}

bool correct(const SymbolSize& size, uint8_t* codewords) {
    const int parity = size.error_codewords_per_block();
    std::array<uint8_t, 255> gathered;
    for (int b = 0; b < size.blocks; ++b) {
        const Block block{size, b};
        const int length = block.codewords();
        for (int i = 0; i < length; ++i) gathered[i] = codewords[block.position(i)];
        if (!rs_correct(std::span(gathered).first(length), parity, {}, rs_error_reserve(parity)))
            return false;
        for (int i = 0; i < length; ++i) codewords[block.position(i)] = gathered[i];
    }
    return true;
}

// The encodation of the payload that agrees with the codewords read, as far as erasures could
// have corrected them.
bool encode_again(const SymbolSize& size, std::span<const uint8_t> payload, uint8_t* codewords) {
    for (const Encodation encodation : {Encodation::base256, Encodation::automatic,
                                        Encodation::ascii, Encodation::c40, Encodation::text}) {
        Codewords written;
        try {
            write_message(payload, &size, Shape::any, encodation, written);
        } catch (const Error&) {
            continue;
        }
        std::vector<uint8_t> modules(static_cast<size_t>(size.modules()));
        draw(written, modules.data());
        std::array<uint8_t, kMaxCodewords> again;
        collect(size, modules.data(), again.data());
        const auto errors = differences(size, again.data(), codewords);
        if (*std::max_element(errors.begin(), errors.end()) > size.error_codewords_per_block())
            continue;
        std::copy_n(again.begin(), size.codewords(), codewords);
        return true;
    }
    return false;
}

}  // namespace

int Grades::overall() const {
    return std::min({decode.grade, contrast.grade, modulation.grade, margin.grade, fixed.grade,
                     axial.grade, uniform.grade, unused.grade});
}

void Grader::grade(const Channel& channel, const ReflectanceTable& reflectance,
                   const GradeTask& task, Grades& grades) {
    size_ = task.size, inverted_ = task.inverted;
    const Homography to_plane = frame_plane(channel, task);
    load(channel, reflectance, plane_);
    finder_.find(plane_, *size_, to_plane, grid_);
    check_in_frame(channel, task.aperture_px);
    find_truth(task, grades);

    sample(plane_, samples_);
    const double module = 0.5 * (grid_.pitch_across() + grid_.pitch_down());
    find_extremes(plane_, task.aperture_px / step_ / module);
    leak_.take_off(aperture_, task.aperture_px / step_, grid_, *size_, spots_, samples_);
    measure_modules(grades);
    const auto all = means(samples_, -1);
    if (all[0] - all[1] < 0.1 * (highest_ - lowest_) / kWhite)
        refuse("the frame does not show the symbol of the reading at its corners");
    const auto whole = means(samples_, 0);
    const auto turned = [&](double share) { return inverted_ ? 1 - share : share; };
    grades.paper = turned(whole[0]), grades.ink = turned(whole[1]);
    grades.highest = turned((inverted_ ? lowest_ : highest_) / kWhite);
    grades.lowest = turned((inverted_ ? highest_ : lowest_) / kWhite);
    grades.threshold = turned(threshold_ / kWhite);
    grades.reflectance.resize(samples_.size());
    const float base = inverted_ ? 1.0f : 0.0f, unit = (inverted_ ? -1.0f : 1.0f) / kWhite;
    for (size_t i = 0; i < samples_.size(); ++i) grades.reflectance[i] = base + unit * samples_[i];

    const double contrast = grades.highest - grades.lowest;
    grades.contrast = {contrast, grade_from(contrast, contrast_limits)};
    measure_codewords(grades);
    const BinaryImage image{*size_, grid_, means_, width_, height_, threshold_};
    grade_fixed_pattern(*size_, modulation_, image, grades.pattern);
    grades.fixed = grades.pattern.damage;
    const double across = grid_.pitch_across(), down = grid_.pitch_down();
    const double axial = std::abs(across - down) / (0.5 * (across + down));
    grades.axial = {axial, grade_below(axial, axial_limits)};
    grades.uniform = {grid_.farthest, grade_below(grid_.farthest, uniform_limits)};
    in_channel(grades.grid);
}

// Chooses the part of the picture to look at, and how much of its fineness to keep.
Homography Grader::frame_plane(const Channel& channel, const GradeTask& task) {
    double left = 1e9, top = 1e9, right = -1e9, bottom = -1e9;
    for (const Point corner : task.corners) {
        if (!(corner.x >= -1 && corner.y >= -1 && corner.x <= channel.width + 1.0 &&
              corner.y <= channel.height + 1.0))
            refuse("a corner of the reading is at (" + text(corner.x) + ", " + text(corner.y) +
                   "), outside the frame of " + std::to_string(channel.width) + "x" +
                   std::to_string(channel.height));
        left = std::min(left, corner.x), right = std::max(right, corner.x);
        top = std::min(top, corner.y), bottom = std::max(bottom, corner.y);
    }
    const double module = module_px(*size_, task.corners);
    if (!(module >= least_module))
        refuse("a module is " + text(module) + " pixels; grading needs " + text(least_module));
    for (int i = 0; i < 4; ++i) {
        const Point a = task.corners[i], b = task.corners[(i + 1) % 4],
                    c = task.corners[(i + 2) % 4], d = task.corners[(i + 3) % 4];
        const auto turn = [](Point p, Point q, Point r) {
            return (q.x - p.x) * (r.y - q.y) - (q.y - p.y) * (r.x - q.x);
        };
        if (!(turn(a, b, c) * turn(b, c, d) > 0))
            refuse("the corners of the reading are not those of a symbol");
    }
    if (!(task.aperture_px >= 1))
        refuse("the aperture is " + text(task.aperture_px) +
               " pixels wide; the picture cannot show less than 1");
    if (task.aperture_px > module)
        refuse("the aperture is " + text(task.aperture_px) +
               " pixels wide, wider than a module of " + text(module) +
               "; ISO/IEC 15415 takes at most 0.8 of it");
    step_ = std::max(1, static_cast<int>(module / fine_module));
    const double margin = rim * module + 8 * step_;  // 8: whole lanes of the aperture
    left_ = static_cast<int>(std::floor(left - margin));
    top_ = static_cast<int>(std::floor(top - margin));
    width_ = static_cast<int>(std::ceil((right + margin - left_) / step_));
    height_ = static_cast<int>(std::ceil((bottom + margin - top_) / step_));
    aperture_.set_diameter(std::max(1.0, task.aperture_px / step_));
    std::array<Point, 4> corners;
    for (int i = 0; i < 4; ++i)
        corners[i] = {(task.corners[i].x - left_) / step_, (task.corners[i].y - top_) / step_};
    return map_of(*size_, corners);
}

void Grader::load(const Channel& channel, const ReflectanceTable& reflectance, Plane& plane) const {
    plane.load(channel, reflectance, inverted_, left_, top_, width_, height_, step_);
}

void Grader::check_in_frame(const Channel& channel, double aperture_px) const {
    const double radius = aperture_px / 2;
    double missing = 0;
    for (const auto& [row, column] : {std::pair{-1, -1},
                                      {-1, int{size_->columns}},
                                      {int{size_->rows}, -1},
                                      {int{size_->rows}, int{size_->columns}}}) {
        const Point at = grid_.even(row, column);
        const double x = at.x * step_ + left_, y = at.y * step_ + top_;
        missing = std::max({missing, radius - x, radius - y, x + radius - channel.width,
                            y + radius - channel.height});
    }
    // A quarter of a pixel is the rounding of whoever cut the picture out.
    if (missing > 0.25)
        refuse("the frame ends " + text(missing) +
               " pixels short of the quiet zone of 1 module round the symbol");
}

void Grader::find_truth(const GradeTask& task, Grades& grades) const {
    std::array<uint8_t, kMaxCodewords> codewords, read;
    collect(*size_, task.modules.data(), read.data());
    codewords = read;
    if (correct(*size_, codewords.data())) {
        grades.truth = Grades::Truth::corrected;
    } else {
        codewords = read;
        grades.truth = encode_again(*size_, task.payload, codewords.data())
                           ? Grades::Truth::encoded
                           : Grades::Truth::unknown;
    }
    grades.true_modules.resize(static_cast<size_t>(size_->modules()));
    place(*size_, codewords.data(), grades.true_modules.data());
}

void Grader::sample(const Plane& plane, std::vector<float>& out) {
    const int columns = size_->columns;
    out.resize(static_cast<size_t>(size_->rows + 2) * (columns + 2));
    spots_.resize(out.size());
    size_t i = 0;
    const auto put = [&](Point at) {
        out[i] =
            aperture_.mean(plane, static_cast<float>(at.x), static_cast<float>(at.y), spots_[i]);
        ++i;
    };
    for (int row = -1; row <= size_->rows; ++row) {
        put(grid_.at(*size_, row, -1));
        if (row < 0 || row == size_->rows) {
            for (int column = 0; column < columns; ++column) put(grid_.at(*size_, row, column));
        } else {
            const Point* centre = grid_.centres.data() + static_cast<size_t>(row) * columns;
            for (int column = 0; column < columns; ++column) put(centre[column]);
        }
        put(grid_.at(*size_, row, columns));
    }
}

// The reference image, and its highest and lowest reflectance where the whole aperture lies in the
// symbol or its quiet zone (7.6).
void Grader::find_extremes(const Plane& plane, double aperture_modules) {
    means_.assign(static_cast<size_t>(width_) * height_, kWhite);
    const double out = 1.5 - aperture_modules / 2;  // modules beyond the outer centres
    const double bottom = size_->rows - 1 + out, right = size_->columns - 1 + out;
    const std::array<Point, 4> corners = {grid_.even(-out, -out), grid_.even(-out, right),
                                          grid_.even(bottom, right), grid_.even(bottom, -out)};
    const int reach = static_cast<int>(std::ceil(aperture_modules * grid_.pitch_across())) + 2;
    highest_ = 0, lowest_ = kWhite;
    for (int y = reach; y < height_ - reach; ++y) {
        double from = 1e9, to = -1e9;
        for (int i = 0; i < 4; ++i) {  // where the row of pixel centres cuts the sides
            const Point a = corners[i], b = corners[(i + 1) % 4];
            const double middle = y + 0.5;
            if ((a.y <= middle) == (b.y <= middle)) continue;
            const double x = a.x + (middle - a.y) / (b.y - a.y) * (b.x - a.x);
            from = std::min(from, x), to = std::max(to, x);
        }
        if (from > to) continue;
        const int first = std::max(reach, static_cast<int>(std::ceil(from - 0.5)));
        const int last = std::min(width_ - reach - 1, static_cast<int>(std::floor(to - 0.5)));
        if (first > last) continue;
        // A pixel more at each end, for grids that are not even.
        const int wide = std::max(reach, first - 2), end = std::min(width_ - reach - 1, last + 2);
        int16_t* row = means_.data() + static_cast<size_t>(y) * width_;
        aperture_.row_means(plane, y, wide, end, row + wide);
        int16_t high = 0, low = kWhite;
        for (const int16_t* at = row + first; at != row + last + 1; ++at)
            high = std::max(high, *at), low = std::min(low, *at);
        highest_ = std::max(highest_, static_cast<float>(high));
        lowest_ = std::min(lowest_, static_cast<float>(low));
    }
    if (highest_ - lowest_ < 0.01f * kWhite)
        refuse("the frame is of one grey at the corners of the reading");
    threshold_ = (highest_ + lowest_) / 2;
}

// Modulation of every module and of the quiet zone; 0 on the wrong side of the threshold.
void Grader::measure_modules(const Grades& grades) {
    const size_t columns = size_->columns;
    dark_.assign(samples_.size(), 0);
    for (int row = 0; row < size_->rows; ++row)
        std::copy_n(grades.true_modules.data() + row * columns, columns,
                    dark_.data() + (row + 1) * (columns + 2) + 1);
    modulation_.resize(samples_.size());
    const float scale = 2 / (highest_ - lowest_);
    for (size_t i = 0; i < samples_.size(); ++i) {
        const float margin = (samples_[i] - threshold_) * (dark_[i] != 0 ? -scale : scale);
        modulation_[i] = std::clamp(margin, 0.0f, 1.0f);
    }
}

// Of the light and the dark modules, quiet zone included, whose modulation is above `limit`.
std::array<double, 2> Grader::means(const std::vector<float>& samples, float limit) const {
    // Nearly any module may be dark: no branch would be foretold.
    double sum[2] = {}, count[2] = {};
    for (size_t i = 0; i < samples.size(); ++i) {
        const double counts = modulation_[i] > limit ? 1 : 0, dark = dark_[i];
        const double value = counts * samples[i];
        sum[0] += value, count[0] += counts;
        sum[1] += dark * value, count[1] += dark * counts;
    }
    return {(sum[0] - sum[1]) / std::max(1.0, count[0] - count[1]) / kWhite,
            sum[1] / std::max(1.0, count[1]) / kWhite};
}

// Decode, modulation, reflectance margin and unused error correction (7.8.2, 7.8.4, 7.8.8).
void Grader::measure_codewords(Grades& grades) {
    const SymbolSize& size = *size_;
    const auto indices = module_indices(size);
    const int count = size.codewords();
    const bool known = grades.truth != Grades::Truth::unknown;
    const int parity = size.error_codewords_per_block();
    const int correctable = parity - rs_error_reserve(parity);
    std::array<float, kMaxCodewords> modulation, margin;
    const float scale = 2 / (highest_ - lowest_);
    grades.errors.assign(static_cast<size_t>(size.blocks), 0);
    for (int i = 0; i < count; ++i) {
        modulation[i] = margin[i] = 1;
        for (int bit = 0; bit < 8; ++bit) {
            const int index = indices[8 * i + bit];
            const int row = index / size.columns, column = index % size.columns;
            const size_t at = static_cast<size_t>(row + 1) * (size.columns + 2) + column + 1;
            margin[i] = std::min(margin[i], modulation_[at]);
            modulation[i] = std::min(modulation[i], std::abs(samples_[at] - threshold_) * scale);
        }
        grades.errors[i % size.blocks] += margin[i] <= 0;
    }
    const auto unused_of = [&](const std::vector<int>& errors) {
        const int most = *std::max_element(errors.begin(), errors.end());
        return std::max(0.0, 1.0 - 2.0 * most / correctable);
    };
    // Every level of modulation in turn: what unused error correction would be left if all
    // codewords below it were wrong.
    std::vector<int> below(static_cast<size_t>(size.blocks));
    const auto overlay = [&](const std::array<float, kMaxCodewords>& values,
                             CodewordsByGrade& table) {
        table.fill(0);
        double lowest = 1;
        for (int i = 0; i < count; ++i) {
            ++table[4 - grade_from(values[i], kModulationLimits)];
            lowest = std::min(lowest, static_cast<double>(values[i]));
        }
        int best = 0;
        for (int level = 4; level > best; --level) {
            std::fill(below.begin(), below.end(), 0);
            for (int i = 0; i < count; ++i)
                below[i % size.blocks] += values[i] < kModulationLimits[4 - level];
            best = std::max(best, std::min(level, grade_from(unused_of(below), unused_limits)));
        }
        return Graded{lowest, best};
    };
    grades.modulation = overlay(modulation, grades.modulation_codewords);
    grades.margin = overlay(margin, grades.margin_codewords);
    const int most = *std::max_element(grades.errors.begin(), grades.errors.end());
    const bool decodes = known && 2 * most <= correctable;
    grades.decode = {decodes ? 1.0 : 0.0, decodes ? 4 : 0};
    const double unused = decodes ? unused_of(grades.errors) : 0;
    grades.unused = {unused, grade_from(unused, unused_limits)};
    if (!known) grades.margin = {0, 0}, grades.errors.clear();
}

std::array<double, 2> Grader::paper_and_ink(const Channel& channel,
                                            const ReflectanceTable& reflectance) {
    load(channel, reflectance, other_);
    sample(other_, other_samples_);
    auto found = means(other_samples_, 0);
    if (inverted_)
        for (double& share : found) share = 1 - share;
    return found;
}

void Grader::in_channel(Grid& grid) const {
    const auto place = [&](Point p) { return Point{p.x * step_ + left_, p.y * step_ + top_}; };
    const auto length = [&](Point p) { return Point{p.x * step_, p.y * step_}; };
    grid = grid_;
    for (Point& centre : grid.centres) centre = place(centre);
    grid.origin = place(grid.origin);
    grid.across = length(grid.across), grid.down = length(grid.down);
}

}  // namespace imi
