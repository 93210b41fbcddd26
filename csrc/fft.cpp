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
    roots_.resize(length / 2);
    for (int i = 0; i < length / 2; ++i) {
        const double turn = -2 * std::numbers::pi * i / length;
        roots_[i] = {static_cast<float>(std::cos(turn)), static_cast<float>(std::sin(turn))};
    }
    mirrored_.assign(length, 0);
    for (int i = 1; i < length; ++i)
        mirrored_[i] = (mirrored_[i >> 1] >> 1) | ((i & 1) != 0 ? length >> 1 : 0);
}

void Fft::transform(std::complex<float>* data) const {
    for (int i = 0; i < length_; ++i)
        if (i < mirrored_[i]) std::swap(data[i], data[mirrored_[i]]);
    for (int half = 1; half < length_; half *= 2) {
        const int stride = length_ / (2 * half);
        for (int start = 0; start < length_; start += 2 * half) {
            for (int k = 0; k < half; ++k) {
                const std::complex<float> root = roots_[static_cast<size_t>(k) * stride];
                const std::complex<float> a = data[start + k], b = data[start + k + half];
                // Written out: the operator of std::complex checks for NaN.
                const std::complex<float> turned{b.real() * root.real() - b.imag() * root.imag(),
                                                 b.real() * root.imag() + b.imag() * root.real()};
                data[start + k] = a + turned;
                data[start + k + half] = a - turned;
            }
        }
    }
}

}  // namespace imi
