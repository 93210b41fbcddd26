#include "warp.h"

#include "cpu.h"

#if IMI_X86
#include <immintrin.h>
#endif

namespace imi {

void grey_at_places_portable(const GreyView& frame, const float* x, const float* y, int count,
                             float* out) {
    const auto right = static_cast<float>(frame.width - 1);
    const auto bottom = static_cast<float>(frame.height - 1);
    for (int i = 0; i < count; ++i) {
        float px = x[i] - 0.5f, py = y[i] - 0.5f;
        px = px > 0 ? px : 0, py = py > 0 ? py : 0;  // NaN becomes 0
        px = px < right ? px : right, py = py < bottom ? py : bottom;
        const int x0 = static_cast<int>(px), y0 = static_cast<int>(py);
        const float fx = px - static_cast<float>(x0), fy = py - static_cast<float>(y0);
        const uint8_t* at = frame.row(y0) + x0;
        const int next = x0 + 1 < frame.width ? 1 : 0;
        const std::ptrdiff_t below = y0 + 1 < frame.height ? frame.stride : 0;
        const auto a = static_cast<float>(at[0]), c = static_cast<float>(at[below]);
        const float top = a + fx * (static_cast<float>(at[next]) - a);
        const float low = c + fx * (static_cast<float>(at[below + next]) - c);
        out[i] = top + fy * (low - top);
    }
}

#if IMI_X86
namespace {

struct Pair {
    __m256 first, second;
};

// Bytes at `offset` and `offset + 1` of eight places. Four bytes are read, from no further right
// than `last`, so that nothing past the row is.
IMI_TARGET_AVX2 inline Pair pairs(const uint8_t* pixels, __m256i row, __m256i column,
                                  __m256i last) {
    const __m256i from = _mm256_min_epi32(column, last);
    const __m256i four = _mm256_i32gather_epi32(reinterpret_cast<const int*>(pixels),
                                                _mm256_add_epi32(row, from), 1);
    const __m256i shift = _mm256_slli_epi32(_mm256_sub_epi32(column, from), 3);
    const __m256i both = _mm256_srlv_epi32(four, shift);
    const __m256i byte = _mm256_set1_epi32(255);
    return {_mm256_cvtepi32_ps(_mm256_and_si256(both, byte)),
            _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(both, 8), byte))};
}

}  // namespace

IMI_TARGET_AVX2 void grey_at_places_avx2(const GreyView& frame, const float* x, const float* y,
                                         int count, float* out) {
    // Offsets are 32 bits, and four bytes are read at a time.
    if (frame.width < 4 || static_cast<int64_t>(frame.height) * frame.stride > INT32_MAX)
        return grey_at_places_portable(frame, x, y, count, out);
    const __m256 half = _mm256_set1_ps(0.5f), zero = _mm256_setzero_ps();
    const __m256 right = _mm256_set1_ps(static_cast<float>(frame.width - 1));
    const __m256 bottom = _mm256_set1_ps(static_cast<float>(frame.height - 1));
    const __m256i stride = _mm256_set1_epi32(static_cast<int>(frame.stride));
    const __m256i last = _mm256_set1_epi32(frame.width - 4);
    const __m256i last_row = _mm256_set1_epi32(frame.height - 1);
    const __m256i one = _mm256_set1_epi32(1);
    for (int i = 0; i < count; i += 8) {
        // The last few places are read as eight, what is missing as (0, 0).
        const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count - i),
                                                _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        // max and min give their second operand for NaN.
        __m256 px = _mm256_max_ps(_mm256_sub_ps(_mm256_maskload_ps(x + i, mask), half), zero);
        __m256 py = _mm256_max_ps(_mm256_sub_ps(_mm256_maskload_ps(y + i, mask), half), zero);
        px = _mm256_min_ps(px, right), py = _mm256_min_ps(py, bottom);
        const __m256i x0 = _mm256_cvttps_epi32(px), y0 = _mm256_cvttps_epi32(py);
        const __m256 fx = _mm256_sub_ps(px, _mm256_cvtepi32_ps(x0));
        const __m256 fy = _mm256_sub_ps(py, _mm256_cvtepi32_ps(y0));
        const __m256i y1 = _mm256_min_epi32(_mm256_add_epi32(y0, one), last_row);
        const Pair a = pairs(frame.pixels, _mm256_mullo_epi32(y0, stride), x0, last);
        const Pair b = pairs(frame.pixels, _mm256_mullo_epi32(y1, stride), x0, last);
        const __m256 top =
            _mm256_add_ps(a.first, _mm256_mul_ps(fx, _mm256_sub_ps(a.second, a.first)));
        const __m256 low =
            _mm256_add_ps(b.first, _mm256_mul_ps(fx, _mm256_sub_ps(b.second, b.first)));
        const __m256 grey = _mm256_add_ps(top, _mm256_mul_ps(fy, _mm256_sub_ps(low, top)));
        _mm256_maskstore_ps(out + i, mask, grey);
    }
}
#else
void grey_at_places_avx2(const GreyView& frame, const float* x, const float* y, int count,
                         float* out) {
    grey_at_places_portable(frame, x, y, count, out);
}
#endif

void grey_at_places(const GreyView& frame, const float* x, const float* y, int count, float* out) {
    if (isa() == Isa::avx2) return grey_at_places_avx2(frame, x, y, count, out);
    grey_at_places_portable(frame, x, y, count, out);
}

void sample_mesh(const GreyView& frame, const Mesh& mesh, Raster& out) {
    out.rows = mesh.rows, out.columns = mesh.columns;
    const int width = out.width(), nodes = mesh.columns + 1;
    out.grey.resize(static_cast<size_t>(width) * out.height());
    out.x.resize(width), out.y.resize(width);
    out.node_x.resize(nodes), out.node_y.resize(nodes);
    for (int row = 0; row < mesh.rows; ++row) {
        const float *x0 = mesh.x.data() + static_cast<size_t>(row) * nodes, *x1 = x0 + nodes;
        const float *y0 = mesh.y.data() + static_cast<size_t>(row) * nodes, *y1 = y0 + nodes;
        for (int part = 0; part < kSide; ++part) {
            const float down = (static_cast<float>(part) + 0.5f) / kSide;
            for (int i = 0; i < nodes; ++i) {
                out.node_x[i] = x0[i] + down * (x1[i] - x0[i]);
                out.node_y[i] = y0[i] + down * (y1[i] - y0[i]);
            }
            for (int i = 0; i < mesh.columns; ++i) {
                const float dx = out.node_x[i + 1] - out.node_x[i];
                const float dy = out.node_y[i + 1] - out.node_y[i];
                for (int k = 0; k < kSide; ++k) {
                    const float along = (static_cast<float>(k) + 0.5f) / kSide;
                    out.x[i * kSide + k] = out.node_x[i] + along * dx;
                    out.y[i * kSide + k] = out.node_y[i] + along * dy;
                }
            }
            grey_at_places(frame, out.x.data(), out.y.data(), width,
                           out.grey.data() + static_cast<size_t>(row * kSide + part) * width);
        }
    }
}

}  // namespace imi
