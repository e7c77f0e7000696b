// Where the windows of a convolution lie along one axis, for concrete lengths.

#ifndef BITALE_OPS_CONV_CONV2D_GEOMETRY_INTERNAL_H_
#define BITALE_OPS_CONV_CONV2D_GEOMETRY_INTERNAL_H_

#include <cstddef>
#include <cstdint>

#include "ops/conv/conv2d.h"

namespace bitale {

class Conv2dAxis {
 public:
  // Axis 0 (height) or 1 (width), for a filter of `taps` taps along it.
  Conv2dAxis(const Conv2dOptions& options, size_t axis, int64_t taps)
      : taps_(taps),
        dilation_(options.filter_dilation[axis]),
        stride_(options.subsample[axis]),
        before_(options.border_mode.pad(axis, 0, extent())),
        after_(options.border_mode.pad(axis, 1, extent())) {}

  int64_t taps() const { return taps_; }
  int64_t dilation() const { return dilation_; }
  int64_t stride() const { return stride_; }
  int64_t before() const { return before_; }
  int64_t after() const { return after_; }
  // What a window covers, gaps between taps included.
  int64_t extent() const { return (taps_ - 1) * dilation_ + 1; }
  int64_t padded(int64_t length) const { return length + before_ + after_; }
  // The number of windows; the filter must fit in.
  int64_t output(int64_t length) const { return (padded(length) - extent()) / stride_ + 1; }

 private:
  int64_t taps_;
  int64_t dilation_;
  int64_t stride_;
  int64_t before_;
  int64_t after_;
};

}  // namespace bitale

#endif  // BITALE_OPS_CONV_CONV2D_GEOMETRY_INTERNAL_H_
