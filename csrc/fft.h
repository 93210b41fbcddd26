// A small Fourier transform: the module pitch is a line in the spectrum of a symbol's edges.
#pragma once

#include <complex>
#include <vector>

namespace imi {

// Roots of unity for one length, a power of two; made again only when the length changes.
class Fft {
public:
    void prepare(int length);
    // In place, forward, not scaled. `data` has the prepared length.
    void transform(std::complex<float>* data) const;
    int length() const { return length_; }

private:
    int length_ = 0;
    std::vector<std::complex<float>> roots_;
    std::vector<int> mirrored_;  // bit-reversed index
};

}  // namespace imi
