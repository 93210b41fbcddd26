#include "imb_bars.h"

#include <algorithm>
#include <cmath>

#include "least_squares.h"
#include "scan.h"

namespace imi {
namespace {

constexpr int per_pitch = 12;                           // samples of the profile
constexpr double band[] = {-0.3, -0.15, 0, 0.15, 0.3};  // pitches: inside any tracker
constexpr double present = 0.3;                         // share of the usual contrast
constexpr int max_missing = 2;                          // bars in a row that may be missing inside

// USPS-B-3200: 20 to 24 bars an inch, trackers 0.039 to 0.057 in high, full bars 0.125 to 0.165:
// half a full bar is 1.25 to 1.98 pitches, its outer third 0.68 to 1.51; ink may add and blur take.
constexpr double far = 2.3;   // pitches looked at up and down
constexpr double step = 0.1;  // pitches
constexpr int laterals = 2 * static_cast<int>(far / step + 0.5) + 1;
constexpr double min_ascender = 0.5, max_ascender = 1.7;  // pitches
// Of the ascender's length: 0.44 of the way to the threshold. In 10,000 rows with so much noise the
// code's check let no wrong one pass; with 0.55 one.
constexpr double max_scatter = 0.22;
constexpr double max_ratio = 1.9;       // of ascenders to descenders, or the other way
constexpr double break_pitches = 0.35;  // light that long ends a bar

float median_of(std::vector<float>& values, double share = 0.5) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * (values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

// Values about two levels: the lower, and how far the higher is above it.
struct Levels {
    double low, rise;
    double middle() const { return low + rise / 2; }
};

Levels levels_of(const std::array<double, imb_bars>& values, const std::array<bool, imb_bars>& ok) {
    double low = 1e9, high = -1e9;
    for (int i = 0; i < imb_bars; ++i)
        if (ok[i]) low = std::min(low, values[i]), high = std::max(high, values[i]);
    for (int round = 0; round < 8; ++round) {
        const double cut = (low + high) / 2;
        double sums[2] = {}, counts[2] = {};
        for (int i = 0; i < imb_bars; ++i) {
            if (!ok[i]) continue;
            sums[values[i] > cut] += values[i];
            counts[values[i] > cut] += 1;
        }
        if (counts[0] == 0 || counts[1] == 0) break;
        low = sums[0] / counts[0], high = sums[1] / counts[1];
    }
    return {low, high - low};
}

}  // namespace

// Fills places_ with the bars in order, on the axis of the line.
void BarMeter::find_places(const GreyView& frame, const BarLine& line) {
    places_.clear();
    const double pitch = line.pitch, from = line.from - 10 * pitch, tick = pitch / per_pitch;
    const int count = static_cast<int>((line.to + 10 * pitch - from) / tick) + 1;
    profile_.assign(static_cast<size_t>(count), 0.0f);
    for (int i = 0; i < count; ++i) {
        const Point middle = line.at(from + i * tick, 0);
        for (const double off : band)
            profile_[i] +=
                grey_at(frame, static_cast<float>(middle.x + off * pitch * line.across.x),
                        static_cast<float>(middle.y + off * pitch * line.across.y));
        profile_[i] /= std::size(band);
    }
    const auto grey = [&](double place) {
        return profile_[static_cast<size_t>(std::clamp<long>(std::lround(place), 0, count - 1))];
    };
    const auto contrast = [&](double place) {
        const double light = 0.5 * (grey(place - per_pitch / 2) + grey(place + per_pitch / 2));
        return light - (grey(place - 1) + grey(place) + grey(place + 1)) / 3;
    };
    // The phase that suits the middle 16 bars.
    const int middle = count / 2;
    int phase = 0;
    double usual = -1;
    for (int shift = 0; shift < per_pitch; ++shift) {
        double sum = 0;
        for (int bar = -8; bar < 8; ++bar) sum += contrast(middle + shift + bar * per_pitch);
        if (sum / 16 > usual) usual = sum / 16, phase = shift;
    }
    if (usual < 3) return;
    usual_ = static_cast<float>(usual);
    // Dark's centre within half a pitch.
    const auto centred = [&](double place) {
        const double light = std::max(grey(place - per_pitch / 2), grey(place + per_pitch / 2));
        double sum = 0, moment = 0;
        for (int i = -per_pitch / 2 + 1; i < per_pitch / 2; ++i) {
            const double dark = std::max(0.0, light - grey(place + i));
            sum += dark, moment += dark * i;
        }
        return sum > 0 ? place + moment / sum : place;
    };
    std::vector<double> ways[2];
    for (const int way : {-1, 1}) {
        double place = centred(middle + phase + (way < 0 ? -per_pitch : 0)), advance = per_pitch;
        int missing = 0;
        auto& found = ways[way > 0];
        while (missing <= max_missing && place > 0 && place < count - 1) {
            if (contrast(place) > present * usual) {
                const double miss = centred(place) - place;
                place += 0.7 * miss;
                if (!found.empty()) advance = std::clamp(advance + way * 0.1 * miss, 10.5, 13.5);
                missing = 0;
                usual += 0.1 * (contrast(place) - usual);
            } else {
                ++missing;
            }
            found.push_back(place);
            place += way * advance;
        }
        found.resize(found.size() - static_cast<size_t>(missing));
    }
    for (size_t i = ways[0].size(); i-- > 0;) places_.push_back(from + ways[0][i] * tick);
    for (const double place : ways[1]) places_.push_back(from + place * tick);
}

// How far the ink of a bar reaches either side of the line, in pitches; -1 for no bar there.
void BarMeter::reach_of(const GreyView& frame, const BarLine& line, double t, float* up,
                        float* down) {
    const auto scan = [&](double along, float* out) {
        const Point from = line.at(t + along * line.pitch, -far * line.pitch);
        const double dx = step * line.pitch * line.across.x, dy = step * line.pitch * line.across.y;
        scan_line(frame, from.x, from.y, dx, dy, laterals, out);
    };
    float left[laterals], centre[laterals], right[laterals];
    scan(-0.1, left), scan(0, centre), scan(0.1, right);
    lateral_.resize(laterals);
    for (int k = 0; k < laterals; ++k) lateral_[k] = (left[k] + centre[k] + right[k]) / 3;
    scratch_.resize(2 * laterals);
    scan(-0.5, scratch_.data()), scan(0.5, scratch_.data() + laterals);
    const float light = median_of(scratch_, 0.75);
    constexpr int middle = laterals / 2, core = 3;
    scratch_.assign(lateral_.begin() + middle - core, lateral_.begin() + middle + core + 1);
    const float dark = median_of(scratch_);
    *up = *down = -1;
    if (light - dark < present * usual_) return;  // paper, or a blot: no end to be seen
    for (const int way : {-1, 1}) {
        double sum = 0;
        int blank = 0;
        for (int i = 0; i <= middle; ++i) {
            const double ink =
                std::clamp<double>((light - lateral_[middle + way * i]) / (light - dark), 0, 1);
            blank = ink < 0.3 ? blank + 1 : 0;
            if (blank > break_pitches / step) break;
            sum += i == 0 ? ink / 2 : ink;
        }
        *(way < 0 ? up : down) = static_cast<float>(sum * step);
    }
}

// Moves the line to the middle of the tracker band: among any nine bars some have no ascender and
// some no descender, and these say where the band ends.
void BarMeter::centre(BarLine& line) const {
    constexpr int around = 4, terms = 4;
    double m[terms][terms + 1] = {};
    const int count = static_cast<int>(places_.size());
    for (int i = 0; i < count; ++i) {
        std::array<float, 2 * around + 1> ups, downs;
        size_t found = 0;
        for (int j = std::max(0, i - around); j <= std::min(count - 1, i + around); ++j)
            if (up_[j] >= 0) ups[found] = up_[j], downs[found++] = down_[j];
        if (found < around) continue;
        const auto low = [found](std::array<float, 2 * around + 1>& values) {
            const auto at = values.begin() + found / 4;
            std::nth_element(values.begin(), at, values.begin() + found);
            return *at;
        };
        const double shift = (low(downs) - low(ups)) / 2 * line.pitch;
        double powers[terms] = {1};
        for (int k = 1; k < terms; ++k) powers[k] = powers[k - 1] * places_[i] / line.scale;
        for (int r = 0; r < terms; ++r) {
            for (int c = 0; c < terms; ++c) m[r][c] += powers[r] * powers[c];
            m[r][terms] += powers[r] * shift;
        }
    }
    std::array<double, terms> moved;
    if (solve<terms>(m, moved))
        for (int k = 0; k < terms; ++k) line.bend[k] += moved[k];
}

// Sets the row from 65 bars; false when their ends do not stand on two levels each way.
bool BarMeter::judge(const BarLine& line, size_t first, BarRow& row) const {
    std::array<double, imb_bars> up{}, down{};
    std::array<bool, imb_bars> ok{};
    int whole = 0;
    for (int i = 0; i < imb_bars; ++i) {
        up[i] = up_[first + i], down[i] = down_[first + i];
        ok[i] = up[i] >= 0;
        whole += ok[i];
    }
    if (whole < imb_bars - 6) return false;
    Levels ups{}, downs{};
    double high_scatter = 0, deep_scatter = 0;
    for (int round = 0; round < 4; ++round) {
        ups = levels_of(up, ok), downs = levels_of(down, ok);
        for (const Levels& levels : {ups, downs})
            if (levels.rise < min_ascender || levels.rise > max_ascender) return false;
        // What the line misses the band's middle by, as a parabola along the row.
        double m[3][4] = {};
        high_scatter = deep_scatter = 0;
        for (int i = 0; i < imb_bars; ++i) {
            if (!ok[i]) continue;
            const double high = up[i] - ups.low - (up[i] > ups.middle() ? ups.rise : 0);
            const double deep = down[i] - downs.low - (down[i] > downs.middle() ? downs.rise : 0);
            high_scatter += high * high, deep_scatter += deep * deep;
            const double x = (i - imb_bars / 2) / (imb_bars / 2.0), powers[3] = {1, x, x * x};
            for (int r = 0; r < 3; ++r) {
                for (int c = 0; c < 3; ++c) m[r][c] += powers[r] * powers[c];
                m[r][3] += powers[r] * (high - deep) / 2;
            }
        }
        std::array<double, 3> bend;
        if (!solve<3>(m, bend)) return false;
        for (int i = 0; i < imb_bars; ++i) {
            const double x = (i - imb_bars / 2) / (imb_bars / 2.0);
            const double shift = bend[0] + x * (bend[1] + x * bend[2]);
            up[i] -= shift, down[i] += shift;
        }
    }
    if (std::sqrt(high_scatter / whole) > max_scatter * ups.rise) return false;
    if (std::sqrt(deep_scatter / whole) > max_scatter * downs.rise) return false;
    if (std::max(ups.rise, downs.rise) > max_ratio * std::min(ups.rise, downs.rise)) return false;
    const auto soft = [](double value, const Levels& levels) {
        return static_cast<float>(
            std::clamp((value - levels.middle()) / (levels.rise / 2), -1.0, 1.0));
    };
    for (int i = 0; i < imb_bars; ++i) {
        row.up[i] = ok[i] ? soft(up[i], ups) : 0;
        row.down[i] = ok[i] ? soft(down[i], downs) : 0;
    }
    const double left = places_[first] - line.pitch / 4;
    const double right = places_[first + imb_bars - 1] + line.pitch / 4;
    // Back from the levelled bars to the line as it lies: the ends' own offset.
    const auto offset = [&](int i) { return ok[i] ? up_[first + i] - up[i] : 0.0; };
    const double high = ups.low + ups.rise, deep = downs.low + downs.rise;
    const Point corners[4] = {line.at(left, (deep - offset(0)) * line.pitch),
                              line.at(left, -(high + offset(0)) * line.pitch),
                              line.at(right, -(high + offset(imb_bars - 1)) * line.pitch),
                              line.at(right, (deep - offset(imb_bars - 1)) * line.pitch)};
    for (int i = 0; i < 4; ++i) {
        row.corners[2 * i] = static_cast<float>(corners[i].x);
        row.corners[2 * i + 1] = static_cast<float>(corners[i].y);
    }
    return true;
}

void BarMeter::measure(const GreyView& frame, BarLine line, std::vector<BarRow>& rows) {
    find_places(frame, line);
    if (places_.size() + 1 < imb_bars || places_.size() > imb_bars + 2) return;
    const bool is_short = places_.size() < imb_bars;
    if (is_short) {  // the missing bar may be the first or the last
        const double before = 2 * places_[0] - places_[1];
        const double after = 2 * places_.back() - places_[places_.size() - 2];
        places_.insert(places_.begin(), before);
        places_.push_back(after);
    }
    up_.resize(places_.size()), down_.resize(places_.size());
    const auto reach = [&] {
        for (size_t i = 0; i < places_.size(); ++i)
            reach_of(frame, line, places_[i], &up_[i], &down_[i]);
    };
    reach();
    centre(line);
    reach();
    if (is_short) up_.front() = down_.front() = up_.back() = down_.back() = -1;
    for (size_t first = 0; first + imb_bars <= places_.size(); ++first) {
        BarRow row;
        if (judge(line, first, row)) rows.push_back(row);
    }
}

}  // namespace imi
