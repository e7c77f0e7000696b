// Which windows an element of an image is in, along one axis.

#ifndef BITALE_OPS_CONV_CONV2D_AXIS_TAPS_CPU_H_
#define BITALE_OPS_CONV_CONV2D_AXIS_TAPS_CPU_H_

#include <cstdint>

#include "ops/conv/conv2d_geometry_internal.h"

namespace bitale::conv2d_cpu {

// Of one axis: padded position p of the image is met by tap k of the window at (p - k * dilation) /
// stride, if that is whole.
struct AxisTaps {
  explicit AxisTaps(const Conv2dAxis& axis, int64_t length)
      : axis(axis), lead((axis.extent() - 1) / axis.stride()) {
    last = (axis.before() + length - 1) / axis.stride();
  }
  bool meets(int64_t tap, int64_t phase) const {
    return tap * axis.dilation() % axis.stride() == phase;
  }
  // Windows between the last one that begins at or before a position, and the one whose tap it is.
  int64_t windows_before(int64_t tap) const { return tap * axis.dilation() / axis.stride(); }

  Conv2dAxis axis;
  int64_t lead;  // zeros that stand before the first window
  int64_t last;  // the last window that begins at or before a position
};

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_AXIS_TAPS_CPU_H_
