// The shape rule of convolution, for ops that convolve and do more.

#ifndef BITALE_OPS_CONV_CONV2D_SHAPE_INTERNAL_H_
#define BITALE_OPS_CONV_CONV2D_SHAPE_INTERNAL_H_

#include "core/graph/shape_context.h"
#include "ops/conv/conv2d.h"

namespace bitale {

// Length of the output along axis 0 (height) or 1 (width) at a call, for images and filters of
// these lengths; requires that the filter fits in.
IntExpr conv2d_output_length(ShapeContext& context, const Conv2dOptions& options, size_t axis,
                             const IntExpr& length, const IntExpr& filter);

// Requires that a number of channels or filters, as `what` says, falls into groups at a call.
void conv2d_require_groups(ShapeContext& context, const IntExpr& count, const char* what,
                           int64_t groups);

// Dims of what conv2d makes of images and filters, its first two inputs, at a call; requires that
// they fit.
IntExprs conv2d_dims(ShapeContext& context, const Conv2dOptions& options);

}  // namespace bitale

#endif  // BITALE_OPS_CONV_CONV2D_SHAPE_INTERNAL_H_
