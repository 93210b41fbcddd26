// A small Fourier transform: the module pitch is a line in the spectrum of a symbol's edges.
#pragma once

#include <vector>

namespace imi {

// Four complex numbers of four signals: the compiler's vectors, without a word of assembly.
struct Complex4 {
    float re[4], im[4];
};

// Roots of unity for one length, a power of two; made again only when the length changes.
class Fft {
public:
    void prepare(int length);
    // Four transforms at once, in place, forward, not scaled. `data` has the prepared length.
    void transform(Complex4* data) const;
    int length() const { return length_; }

private:
    int length_ = 0;
    std::vector<float> cosine_, sine_;
    std::vector<int> mirrored_;  // bit-reversed index
};

}  // namespace imi
