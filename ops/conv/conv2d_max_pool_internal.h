// A convolution whose result is max-pooled, in one node, for rules: what was convolved stays in
// cache.

#ifndef BITALE_OPS_CONV_CONV2D_MAX_POOL_INTERNAL_H_
#define BITALE_OPS_CONV_CONV2D_MAX_POOL_INTERNAL_H_

#include <memory>

#include "ops/conv/conv2d.h"
#include "ops/pool/pool.h"

namespace bitale {

// Of (input, filters): max_pool(conv2d(input, filters)), and max_pool_positions of the same if
// asked for.
class Conv2dMaxPoolOp final : public Conv2dBaseOp {
 public:
  Conv2dMaxPoolOp(const Conv2dOptions& options, const PoolWindow& window, bool positions)
      : Conv2dBaseOp(options), window_(window), positions_(positions) {}
  std::string_view name() const override { return "conv2d_max_pool"; }
  Attributes attributes() const override;
  Traits traits() const override { return {.composite = true, .internal = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;
  const PoolWindow& window() const { return window_; }
  bool positions() const { return positions_; }

 private:
  PoolWindow window_;
  bool positions_;
};

}  // namespace bitale

#endif  // BITALE_OPS_CONV_CONV2D_MAX_POOL_INTERNAL_H_
