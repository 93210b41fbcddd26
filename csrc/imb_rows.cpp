#include "imb_rows.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "least_squares.h"
#include "scan.h"

namespace imi {
namespace {

// What a frame may cost at most, whatever is on it: a seed takes about 1 us, a window 5 us; a row
// of bars has 20 windows.
constexpr int max_seeds = 8000, max_windows = 3000;
// Grey levels squared: bars 25 levels darker than paper, under the blur of a poor camera.
constexpr double min_energy = 25;
constexpr double min_coherence = 0.4;
// Along 11 blocks (6 to 24 bars) nearly all texture is of upright edges, in words half of it.
constexpr int side_blocks = 5;
constexpr double min_agreement = 0.4;

constexpr int seed_samples = 96;  // 6 bars at the widest pitch
constexpr int max_lag = 2 * static_cast<int>(max_bar_pitch) + 2;
constexpr double min_likeness = 0.45;  // of a signal with itself, one and two pitches on

constexpr int bars_a_step = 4;
constexpr int max_steps = 22;         // 88 bars: a row of 65 from any seed on it
constexpr int max_reach = 60;         // samples either side of a window's middle: 4 bars
constexpr int lateral_lines = 15;     // either side 7 lines, a fifth of a pitch apart
constexpr int band_lines = 5;         // a tracker is 0.8 to 1.4 pitches high
constexpr double lateral_step = 0.2;  // pitches
constexpr double lost = 0.3;          // share of the usual strength at which a row has ended

struct Complex {
    float re, im;
};

double dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }

// Sums of products over eight partial sums, which a compiler turns into vectors.
template <typename Value, typename Sum>
Sum product(const Value* a, const Value* b, int count) {
    constexpr int lanes = 8;
    Sum sums[lanes] = {};
    int i = 0;
    for (; i + lanes <= count; i += lanes)
        for (int k = 0; k < lanes; ++k) sums[k] += Sum{a[i + k]} * Sum{b[i + k]};
    for (; i < count; ++i) sums[0] += Sum{a[i]} * Sum{b[i]};
    Sum sum = 0;
    for (const Sum part : sums) sum += part;
    return sum;
}

// The pitch at which a signal repeats, or 0.
double pitch_of(const float* grey) {
    float mean = 0;
    for (int i = 0; i < seed_samples; ++i) mean += grey[i];
    mean /= seed_samples;
    int16_t signal[seed_samples];
    for (int i = 0; i < seed_samples; ++i)  // twice the grey: a product of two fits 32 bits
        signal[i] = static_cast<int16_t>(2 * (grey[i] - mean));
    const auto alike = [&](int lag) {
        return product<int16_t, int32_t>(signal, signal + lag, seed_samples - lag);
    };
    const int32_t power = alike(0);
    if (power < seed_samples * min_energy) return 0;
    // Lag by lag, and only as far as it takes: most of what is asked here is words.
    float likeness[max_lag + 2];
    int known = 1;
    const auto like = [&](int lag) {
        while (known < lag) {
            ++known;
            const int pairs = seed_samples - known;
            likeness[known] = static_cast<float>(alike(known)) * seed_samples /
                              (static_cast<float>(power) * static_cast<float>(pairs));
        }
        return likeness[lag];
    };
    // A maximum between two samples, by the parabola through three; 0 for none.
    const auto peak = [&](int lag) {
        const double c = like(lag + 1), b = like(lag), a = like(lag - 1);
        if (b < min_likeness || b < a || b <= c) return 0.0;
        return lag + 0.5 * (a - c) / (a - 2 * b + c);
    };
    for (int lag = 3; lag <= static_cast<int>(max_bar_pitch); ++lag) {
        const double once = peak(lag);
        if (once == 0) continue;
        // The second maximum is twice as far, and says the pitch twice as well.
        const int second = static_cast<int>(std::lround(2 * once));
        for (int at = second - 1; at <= std::min(max_lag, second + 1); ++at) {
            const double twice = peak(at);
            if (twice != 0) return twice / 2;
        }
        return 0;
    }
    return 0;
}

// Amplitude and phase of the pitch along lateral lines through a window.
class Window {
public:
    // `pitch` in px; `lines[k]` is for the lateral offset (k - 7) * 0.2 pitches.
    void measure(const GreyView& frame, Point centre, Point along, Point across, double pitch) {
        const int reach = std::min(max_reach, static_cast<int>(std::lround(4 * pitch)));
        const double turn = 2 * std::numbers::pi / pitch;
        // A bell over the window, times the pitch's wave; without a mean, so that light is none.
        float wave_re[2 * max_reach + 1], wave_im[2 * max_reach + 1], total = 0;
        set_wave(reach, turn, wave_re, wave_im, total);
        for (int k = 0; k < lateral_lines; ++k) {
            const double off = (k - lateral_lines / 2) * lateral_step * pitch;
            float grey[2 * max_reach + 1];
            scan_line(frame, centre.x + off * across.x - reach * along.x,
                      centre.y + off * across.y - reach * along.y, along.x, along.y, 2 * reach + 1,
                      grey);
            const float re = product<float, float>(grey, wave_re, 2 * reach + 1);
            const float im = product<float, float>(grey, wave_im, 2 * reach + 1);
            lines[k] = {-re / total, -im / total};  // dark counts as positive
        }
        best = 0, strength = 0;
        double sums[lateral_lines] = {};
        for (int k = band_lines / 2; k < lateral_lines - band_lines / 2; ++k) {
            const Complex sum = band(k);
            sums[k] = std::hypot(sum.re, sum.im) / band_lines;
            if (sums[k] > strength) best = k, strength = sums[k];
        }
        const double a = sums[best - 1], b = sums[best], c = sums[best + 1], d = a - 2 * b + c;
        const bool rounded = a > 0 && c > 0 && d < 0;
        const double between = rounded ? 0.5 * (a - c) / d : 0;
        lateral = (best - lateral_lines / 2 + between) * lateral_step * pitch;
        const Complex sum = band(best);
        shift = -std::atan2(sum.im, sum.re) / turn;
    }

    Complex lines[lateral_lines];
    int best;         // the middle line of the strongest band
    double strength;  // grey levels
    double lateral;   // px along `across` to the middle of that band
    double shift;     // px along `along` to the middle of the nearest bar

private:
    static void set_wave(int reach, double turn, float* re, float* im, float& total) {
        double cosine = 1, sine = 0, bell_cosine = 1, bell_sine = 0;
        const double c = std::cos(turn), s = std::sin(turn);
        const double bell = std::numbers::pi / (reach + 1);
        const double bc = std::cos(bell), bs = std::sin(bell);
        double sum_re = 0;
        total = 0;
        for (int i = 0; i <= reach; ++i) {
            const double weight = 0.5 + 0.5 * bell_cosine;
            re[reach + i] = re[reach - i] = static_cast<float>(weight * cosine);
            im[reach + i] = static_cast<float>(-weight * sine);
            im[reach - i] = -im[reach + i];
            sum_re += (i == 0 ? 1 : 2) * weight * cosine;
            total += static_cast<float>((i == 0 ? 1 : 2) * weight);
            const double next = cosine * c - sine * s,
                         bell_next = bell_cosine * bc - bell_sine * bs;
            sine = cosine * s + sine * c, bell_sine = bell_cosine * bs + bell_sine * bc;
            cosine = next, bell_cosine = bell_next;
        }
        const auto mean = static_cast<float>(sum_re / (2 * reach + 1));
        for (int i = 0; i <= 2 * reach; ++i) re[i] -= mean;
    }

    Complex band(int k) const {
        Complex sum{0, 0};
        for (int i = k - band_lines / 2; i <= k + band_lines / 2; ++i)
            sum.re += lines[i].re, sum.im += lines[i].im;
        return sum;
    }
};

}  // namespace

bool LineFinder::is_seed(const GreyView& frame, Point centre, double angle, Seed& seed) {
    const Point u{std::cos(angle), std::sin(angle)}, v{-u.y, u.x};
    for (const double off : {0.0, 3.0, -3.0}) {
        float signal[seed_samples];
        const double x = centre.x + off * v.x - u.x * seed_samples / 2;
        const double y = centre.y + off * v.y - u.y * seed_samples / 2;
        scan_line(frame, x, y, u.x, u.y, seed_samples, signal);
        const double pitch = pitch_of(signal);
        if (pitch < min_bar_pitch || pitch > max_bar_pitch) continue;
        seed = {{centre.x + off * v.x, centre.y + off * v.y}, angle, pitch};
        return true;
    }
    return false;
}

void LineFinder::walk(const GreyView& frame, const Seed& seed, int way) {
    auto& nodes = nodes_[way > 0];
    nodes.clear();
    Point u{way * std::cos(seed.angle), way * std::sin(seed.angle)};
    const Point v{-std::sin(seed.angle), std::cos(seed.angle)};
    Point at = seed.centre;
    double pitch = seed.pitch, usual = 0;
    Window window;
    for (int step = 0; step <= max_steps; ++step) {
        if (++windows_ > max_windows) return;
        window.measure(frame, at, u, v, pitch);
        if (step == 0) usual = window.strength;
        if (window.strength < lost * usual || window.strength < 2) return;
        usual += 0.2 * (window.strength - usual);
        at.x += window.lateral * v.x + window.shift * u.x;
        at.y += window.lateral * v.y + window.shift * u.y;
        nodes.push_back({at, window.strength});
        for (int k = window.best - band_lines / 2; k < window.best + band_lines / 2; ++k) {
            const Complex a = window.lines[k], b = window.lines[k + 1];
            lean_re_ += a.re * b.re + a.im * b.im;
            lean_im_ += way * (b.im * a.re - b.re * a.im);
        }
        if (step > 0) {
            pitch += 0.4 * window.shift / bars_a_step;
            if (pitch < min_bar_pitch || pitch > 1.1 * max_bar_pitch) return;
            const double bend = 0.35 * window.lateral / (bars_a_step * pitch);
            u = {u.x + bend * v.x, u.y + bend * v.y};
            const double length = std::hypot(u.x, u.y);
            u = {u.x / length, u.y / length};
            pitch_sum_ += pitch;
            ++pitch_count_;
        }
        at = {at.x + bars_a_step * pitch * u.x, at.y + bars_a_step * pitch * u.y};
        if (at.x < 0 || at.y < 0 || at.x > frame.width || at.y > frame.height) return;
    }
}

// A parabola through the nodes, by least squares: each is off by some of a tracker, as the bars in
// its window happen to reach, and a higher degree would follow that.
bool LineFinder::fit(const Seed& seed, BarLine& line) {
    const size_t count = nodes_[0].size() + nodes_[1].size();
    if (nodes_[0].empty() || nodes_[1].empty() || pitch_count_ == 0) return false;
    const double pitch = pitch_sum_ / pitch_count_;
    const Point first = nodes_[0].back().centre, last = nodes_[1].back().centre;
    const double length = std::hypot(last.x - first.x, last.y - first.y);
    // 65 bars; a window at the end may see half of itself beyond the row, or stop short of it.
    if (length < 52 * pitch || length > 76 * pitch) return false;
    line.along = {(last.x - first.x) / length, (last.y - first.y) / length};
    // Bars stand where neighbouring lines are in phase.
    const double per_line = -std::atan2(lean_im_, lean_re_) / (2 * std::numbers::pi / pitch);
    const double lean = per_line / (lateral_step * pitch);
    const Point u{std::cos(seed.angle), std::sin(seed.angle)}, v{-u.y, u.x};
    Point across{v.x + lean * u.x, v.y + lean * u.y};
    const double norm = std::hypot(across.x, across.y);
    line.across = {across.x / norm, across.y / norm};
    const double cross = line.along.x * line.across.y - line.along.y * line.across.x;
    if (cross < 0.8) return false;  // bars lean by more than 36 degrees
    line.origin = {(first.x + last.x) / 2, (first.y + last.y) / 2};
    line.scale = length / 2;
    line.pitch = pitch;

    constexpr int terms = 3;
    line.bend = {};
    double m[terms][terms + 1] = {};
    double low = 0, high = 0;
    for (const auto& nodes : nodes_) {
        for (const Node& node : nodes) {
            const Point d{node.centre.x - line.origin.x, node.centre.y - line.origin.y};
            // d = t * along + off * across
            const double off = (line.along.x * d.y - line.along.y * d.x) / cross;
            const double t = dot(d, line.along) - off * dot(line.across, line.along);
            low = std::min(low, t), high = std::max(high, t);
            double powers[terms] = {1};
            for (int i = 1; i < terms; ++i) powers[i] = powers[i - 1] * t / line.scale;
            for (int i = 0; i < terms; ++i) {
                for (int j = 0; j < terms; ++j) m[i][j] += powers[i] * powers[j];
                m[i][terms] += powers[i] * off;
            }
        }
    }
    if (count < 8) return false;
    std::array<double, terms> bend;
    if (!solve<terms>(m, bend)) return false;
    std::copy(bend.begin(), bend.end(), line.bend.begin());
    line.from = low, line.to = high;
    return true;
}

bool LineFinder::follow(const GreyView& frame, const Seed& seed, BarLine& line) {
    lean_re_ = lean_im_ = pitch_sum_ = 0;
    pitch_count_ = 0;
    walk(frame, seed, -1);
    walk(frame, seed, +1);
    return fit(seed, line);
}

// Seeds beside what was followed would lead along it again.
void LineFinder::mark_nodes(double pitch) {
    const int reach = static_cast<int>(std::ceil(2 * pitch / texture_block_px));
    for (const auto& nodes : nodes_) {
        for (const Node& node : nodes) {
            const int bx = static_cast<int>(std::floor(node.centre.x / texture_block_px));
            const int by = static_cast<int>(std::floor(node.centre.y / texture_block_px));
            const int right = std::min(texture_.across - 1, bx + reach);
            const int bottom = std::min(texture_.down - 1, by + reach);
            for (int y = std::max(0, by - reach); y <= bottom; ++y)
                for (int x = std::max(0, bx - reach); x <= right; ++x)
                    seen_[static_cast<size_t>(y) * texture_.across + x] = 1;
        }
    }
}

void LineFinder::find(const GreyView& frame, size_t limit, std::vector<BarLine>& lines) {
    lines.clear();
    measure_texture(frame, texture_);
    seen_.assign(texture_.pp.size(), 0);
    int seeds = 0;
    windows_ = 0;
    for (int by = 0; by < texture_.down; ++by) {
        // Every fourth block, a diagonal pattern: a row of bars crosses it in any direction.
        for (int bx = by % 4; bx < texture_.across; bx += 4) {
            const size_t at = static_cast<size_t>(by) * texture_.across + bx;
            const int64_t energy = (int64_t{texture_.pp[at]} + texture_.qq[at]) / 2;
            if (energy < min_energy * texture_pixels || seen_[at]) continue;
            const Grain grain = grain_at(texture_, bx, by);
            if (grain.coherence < min_coherence || grain.energy < min_energy) continue;
            if (agreement_along(texture_, bx, by, grain.angle, side_blocks) < min_agreement)
                continue;
            if (++seeds > max_seeds) return;
            Seed seed;
            const double half = texture_block_px / 2;
            const Point centre{bx * texture_block_px + half, by * texture_block_px + half};
            if (!is_seed(frame, centre, grain.angle, seed)) continue;
            BarLine line;
            const bool is_row = follow(frame, seed, line);
            if (windows_ > max_windows) return;
            if (is_row || nodes_[0].size() + nodes_[1].size() > 12) mark_nodes(seed.pitch);
            if (!is_row) continue;
            lines.push_back(line);
            if (lines.size() == limit) return;
        }
    }
}

}  // namespace imi
