// A numpy frame as the kernels see it.
#pragma once

#include <pybind11/numpy.h>

#include "error.h"
#include "image.h"

namespace imi {

// imicore/reader.py answers bad frames with words; this guards the memory.
inline GreyView view_of(const pybind11::array& frame) {
    if (!pybind11::isinstance<pybind11::array_t<uint8_t>>(frame) || frame.ndim() != 2 ||
        frame.shape(0) > INT32_MAX || frame.shape(1) > INT32_MAX)
        throw Error(Fault::bad_argument, "frame is not uint8[H, W]");
    if (frame.size() > 0 && (frame.strides(1) != 1 || frame.strides(0) < frame.shape(1)))
        throw Error(Fault::bad_argument, "the rows of the frame are not contiguous");
    return {static_cast<const uint8_t*>(frame.data()), static_cast<int>(frame.shape(1)),
            static_cast<int>(frame.shape(0)), frame.strides(0)};
}

}  // namespace imi
