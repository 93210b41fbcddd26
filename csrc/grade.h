// Print quality of one Data Matrix symbol in a picture: the measured values and grades of ISO/IEC
// 15415:2011 clause 7.8, with the fixed pattern of ISO/IEC 16022:2006 Annex M.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "grade_aperture.h"
#include "grade_grid.h"
#include "grade_leak.h"
#include "symbol_sizes.h"

namespace imi {

// What a reading says of the symbol.
struct GradeTask {
    const SymbolSize* size;
    std::array<Point, 4> corners;      // as in Symbol of reader.h, pixels of the channel
    std::span<const uint8_t> modules;  // as sampled, 1 = dark (light in an inverted print)
    std::span<const uint8_t> payload;
    bool inverted;
    double aperture_px;  // diameter
};

// A measured value and its grade, 4 (best) to 0.
struct Graded {
    double value = 0;
    int grade = 0;
};

// A piece of the fixed pattern. Rows and columns count the modules of the symbol from 0; the quiet
// zone is row or column -1 and rows or columns.
struct FixedSegment {
    enum class Kind : uint8_t { solid_l, quiet_zone, clock };
    Kind kind;
    bool level;                   // runs along a row
    int row, column, length;      // first module; clock: of the track itself
    double damaged = 0;           // share of its modules on the wrong side of the threshold
    double solid_damaged = 0;     // clock: of the solid area beside it
    double transition_ratio = 0;  // clock
    int grade = 0;
};

struct FixedPattern {
    std::vector<FixedSegment> segments;
    double average_grade = 0;
    Graded damage;  // value: share of all modules of the pattern that are wrong
};

// Codewords by the grade of their worst module (4..0), as ISO/IEC 15415:2011 Table 6 lists them.
using CodewordsByGrade = std::array<int, 5>;

struct Grades {
    enum class Truth : uint8_t { corrected, encoded, unknown };
    // Where the true modules come from: the modules read, corrected; the payload, encoded again; or
    // neither, and then decode, reflectance margin and unused error correction are grade 0.
    Truth truth = Truth::unknown;
    std::vector<uint8_t> true_modules;  // rows * columns, 1 = dark

    Grid grid;  // pixels of the channel
    // Of every module and the quiet zone round them: (rows + 2) * (columns + 2).
    std::vector<float> reflectance;
    double highest = 0, lowest = 0, threshold = 0;  // reflectance
    double paper = 0, ink = 0;  // mean reflectance of the light and the dark modules

    Graded decode, contrast, modulation, margin, fixed, axial, uniform, unused;
    CodewordsByGrade modulation_codewords{}, margin_codewords{};
    std::vector<int> errors;  // codewords of each block that are wrong at the threshold
    FixedPattern pattern;

    int overall() const;
};

// Holds scratch memory, so that a camera loop allocates little. Not for two threads at a time.
class Grader {
public:
    // Throws Fault::bad_argument when the channel does not show the symbol with its quiet zone of
    // one module, or the aperture is wider than a module or narrower than a pixel.
    void grade(const Channel& channel, const ReflectanceTable& reflectance, const GradeTask& task,
               Grades& grades);

    // Mean reflectance of the light and the dark modules in another channel of the same picture,
    // after grade().
    std::array<double, 2> paper_and_ink(const Channel& channel,
                                        const ReflectanceTable& reflectance);

private:
    Homography frame_plane(const Channel& channel, const GradeTask& task);
    void load(const Channel& channel, const ReflectanceTable& reflectance, Plane& plane) const;
    void find_truth(const GradeTask& task, Grades& grades) const;
    void sample(const Plane& plane, std::vector<float>& out);
    void check_in_frame(const Channel& channel, double aperture_px) const;
    void measure_modules(const Grades& grades);
    void find_extremes(const Plane& plane, double aperture_modules);
    void measure_codewords(Grades& grades);
    std::array<double, 2> means(const std::vector<float>& samples, float limit) const;
    void in_channel(Grid& grid) const;

    const SymbolSize* size_ = nullptr;
    bool inverted_ = false;
    int left_ = 0, top_ = 0, width_ = 0, height_ = 0, step_ = 1;  // of the plane in the channel
    Plane plane_, other_;
    Aperture aperture_;
    PixelLeak leak_;
    GridFinder finder_;
    Grid grid_;  // pixels of the plane
    float highest_ = 0, lowest_ = 0, threshold_ = 0;
    std::vector<int16_t> means_;  // the plane through the aperture
    std::vector<Spot> spots_;     // where samples were taken
    std::vector<float> other_samples_;
    std::vector<float> samples_;     // as Grades::reflectance, 0..kWhite, inverted prints turned
    std::vector<float> modulation_;  // of samples_, 0 on the wrong side
    std::vector<uint8_t> dark_;      // whether each of samples_ should be dark
};

// ---- grade_fixed.cpp ----------------------------------------------------------------------------

// `modulation` of each module and the quiet zone, (rows + 2) * (columns + 2), 0 for modules on the
// wrong side of the threshold. `is_light` says on which side a point of the reference image lies.
struct BinaryImage {
    const SymbolSize& size;
    const Grid& grid;
    const std::vector<int16_t>& means;
    int width, height;
    float threshold;

    bool is_light(Point at) const;
};
void grade_fixed_pattern(const SymbolSize& size, const std::vector<float>& modulation,
                         const BinaryImage& image, FixedPattern& pattern);

// The highest grade whose limit `value` reaches, or keeps below; limits of grades 4, 3, 2, 1.
int grade_from(double value, const std::array<double, 4>& at_least);
int grade_below(double value, const std::array<double, 4>& at_most);

// ISO/IEC 15415:2011 Table 5: what modulation a module needs for grades 4, 3, 2, 1.
inline constexpr std::array<double, 4> kModulationLimits = {0.50, 0.40, 0.30, 0.20};

}  // namespace imi
