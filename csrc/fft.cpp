#include "fft.h"

#include <cassert>
#include <cmath>
#include <numbers>
#include <utility>

namespace imi {

void Fft::prepare(int length) {
    assert(length >= 2 && (length & (length - 1)) == 0);
    if (length == length_) return;
    length_ = length;
    cosine_.resize(length / 2), sine_.resize(length / 2);
    for (int i = 0; i < length / 2; ++i) {
        const double turn = -2 * std::numbers::pi * i / length;
        cosine_[i] = static_cast<float>(std::cos(turn));
        sine_[i] = static_cast<float>(std::sin(turn));
    }
    mirrored_.assign(length, 0);
    for (int i = 1; i < length; ++i)
        mirrored_[i] = (mirrored_[i >> 1] >> 1) | ((i & 1) != 0 ? length >> 1 : 0);
}

void Fft::transform(Complex4* data) const {
    for (int i = 0; i < length_; ++i)
        if (i < mirrored_[i]) std::swap(data[i], data[mirrored_[i]]);
    for (int half = 1; half < length_; half *= 2) {
        const int stride = length_ / (2 * half);
        for (int start = 0; start < length_; start += 2 * half) {
            for (int k = 0; k < half; ++k) {
                const float c = cosine_[static_cast<size_t>(k) * stride];
                const float s = sine_[static_cast<size_t>(k) * stride];
                Complex4 &a = data[start + k], &b = data[start + k + half];
                float re[4], im[4];
                for (int i = 0; i < 4; ++i) re[i] = b.re[i] * c - b.im[i] * s;
                for (int i = 0; i < 4; ++i) im[i] = b.re[i] * s + b.im[i] * c;
                for (int i = 0; i < 4; ++i) b.re[i] = a.re[i] - re[i];
                for (int i = 0; i < 4; ++i) b.im[i] = a.im[i] - im[i];
                for (int i = 0; i < 4; ++i) a.re[i] += re[i];
                for (int i = 0; i < 4; ++i) a.im[i] += im[i];
            }
        }
    }
}

}  // namespace imi
