// The gradients of a convolution whose result is max-pooled, in one node each, for rules.
//
// The gradient that comes back through a max-pool is zero but where a window's maximum stood: with
// windows of 2 by 2 side by side, three quarters of it. Kernels visit the maxima only.

#ifndef BITALE_OPS_CONV_CONV2D_OF_MAX_POOL_INTERNAL_H_
#define BITALE_OPS_CONV_CONV2D_OF_MAX_POOL_INTERNAL_H_

#include <memory>

#include "ops/conv/conv2d.h"
#include "ops/pool/pool.h"

namespace bitale {

// What both share.
class Conv2dOfMaxPoolOp : public Conv2dBaseOp {
 public:
  Conv2dOfMaxPoolOp(const Conv2dOptions& options, const PoolWindow& window)
      : Conv2dBaseOp(options), window_(window) {}
  Attributes attributes() const override;
  Traits traits() const override { return {.composite = true, .internal = true}; }
  bool needs_elements(size_t input) const override { return input < 3; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  // Those of the formula.
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  const PoolWindow& window() const { return window_; }

 protected:
  PoolWindow window_;
};

// conv2d_grad_wrt_inputs(max_pool_grad(convolved, pooled_grad), filters, height, width), of
// (convolved, pooled_grad, filters, height, width).
class Conv2dGradInputsOfMaxPoolOp final : public Conv2dOfMaxPoolOp {
 public:
  using Conv2dOfMaxPoolOp::Conv2dOfMaxPoolOp;
  std::string_view name() const override { return "conv2d_grad_wrt_inputs_of_max_pool"; }
  Variables formula(std::span<const Variable> inputs) const override;
};

// conv2d_grad_wrt_weights(input, max_pool_grad(convolved, pooled_grad), height, width), of
// (convolved, pooled_grad, input, height, width).
class Conv2dGradWeightsOfMaxPoolOp final : public Conv2dOfMaxPoolOp {
 public:
  using Conv2dOfMaxPoolOp::Conv2dOfMaxPoolOp;
  std::string_view name() const override { return "conv2d_grad_wrt_weights_of_max_pool"; }
  Variables formula(std::span<const Variable> inputs) const override;
};

}  // namespace bitale

#endif  // BITALE_OPS_CONV_CONV2D_OF_MAX_POOL_INTERNAL_H_
