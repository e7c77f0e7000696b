// The gradients of a convolution for an output gradient that is zero but at given positions, in one
// node each, for rules.
//
// What comes back through a max-pool is such a gradient, zero but where a window's maximum stood:
// with windows of 2 by 2 side by side, three quarters of it. Kernels visit those positions only.

#ifndef BITALE_OPS_CONV_CONV2D_OF_UNPOOLED_INTERNAL_H_
#define BITALE_OPS_CONV_CONV2D_OF_UNPOOLED_INTERNAL_H_

#include <memory>

#include "ops/conv/conv2d.h"

namespace bitale {

// What both share. Positions count as those of max_pool_positions do, in the planes that conv2d
// would give, and must lie in them.
class Conv2dOfUnpooledOp : public Conv2dBaseOp {
 public:
  using Conv2dBaseOp::Conv2dBaseOp;
  Traits traits() const override { return {.composite = true, .internal = true}; }
  bool needs_elements(size_t input) const override { return input < 3; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

// conv2d_grad_wrt_inputs(max_unpool(values, positions, ...), filters, height, width), of
// (positions, values, filters, height, width, plane_height, plane_width).
class Conv2dGradInputsOfUnpooledOp final : public Conv2dOfUnpooledOp {
 public:
  using Conv2dOfUnpooledOp::Conv2dOfUnpooledOp;
  std::string_view name() const override { return "conv2d_grad_wrt_inputs_of_unpooled"; }
  Variables formula(std::span<const Variable> inputs) const override;
};

// conv2d_grad_wrt_weights(input, max_unpool(values, positions), height, width), of (positions,
// values, input, height, width).
class Conv2dGradWeightsOfUnpooledOp final : public Conv2dOfUnpooledOp {
 public:
  using Conv2dOfUnpooledOp::Conv2dOfUnpooledOp;
  std::string_view name() const override { return "conv2d_grad_wrt_weights_of_unpooled"; }
  Variables formula(std::span<const Variable> inputs) const override;
};

}  // namespace bitale

#endif  // BITALE_OPS_CONV_CONV2D_OF_UNPOOLED_INTERNAL_H_
