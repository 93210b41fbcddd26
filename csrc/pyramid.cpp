#include "pyramid.h"

#include <algorithm>
#include <array>

namespace imi {

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

GreyView twice(const GreyView& frame, std::vector<uint8_t>& pixels, std::vector<float>& rows) {
    const int width = 2 * (frame.width + kDoublingRim), height = 2 * (frame.height + kDoublingRim);
    pixels.resize(static_cast<size_t>(width) * height);
    rows.resize(static_cast<size_t>(frame.height) * width);
    // A new pixel lies a quarter of a pixel before or behind an old one.
    constexpr std::array<float, 4> behind{-0.0703125f, 0.8671875f, 0.2265625f, -0.0234375f};
    const auto place = [](int at, int limit, std::array<int, 4>& from) {
        const int old = (at - kDoublingRim) >> 1;
        const bool later = ((at - kDoublingRim) & 1) != 0;
        for (int i = 0; i < 4; ++i)
            from[i] = std::clamp(later ? old - 1 + i : old + 1 - i, 0, limit - 1);
    };
    std::array<int, 4> from{};
    for (int x = 0; x < width; ++x) {
        place(x, frame.width, from);
        for (int y = 0; y < frame.height; ++y) {
            const uint8_t* row = frame.row(y);
            float sum = 0;
            for (int i = 0; i < 4; ++i) sum += behind[i] * static_cast<float>(row[from[i]]);
            rows[static_cast<size_t>(y) * width + x] = sum;
        }
    }
    for (int y = 0; y < height; ++y) {
        place(y, frame.height, from);
        std::array<const float*, 4> row{};
        for (int i = 0; i < 4; ++i) row[i] = rows.data() + static_cast<size_t>(from[i]) * width;
        uint8_t* to = pixels.data() + static_cast<size_t>(y) * width;
        for (int x = 0; x < width; ++x) {
            const float sum = behind[0] * row[0][x] + behind[1] * row[1][x] +
                              behind[2] * row[2][x] + behind[3] * row[3][x];
            to[x] = static_cast<uint8_t>(std::clamp(sum + 0.5f, 0.0f, 255.0f));
        }
    }
    return {pixels.data(), width, height, width};
}

}  // namespace imi
