// For each element of x the product of all others along some axes: what prod's gradient is made of.

#ifndef BITALE_OPS_REDUCTION_PRODUCTS_OF_OTHERS_INTERNAL_H_
#define BITALE_OPS_REDUCTION_PRODUCTS_OF_OTHERS_INTERNAL_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/graph/op.h"

namespace bitale {

// Right where elements are 0, too, and so is its derivative. `x` floating; `axes` ascending, non-negative.
Variable products_of_others(const Variable& x, const std::vector<int64_t>& axes);

// A composite, so that its derivative at zeros is its own and not that of its formula, which divides.
class ProductsOfOthersOp final : public Op {
 public:
  explicit ProductsOfOthersOp(std::vector<int64_t> axes) : axes_(std::move(axes)) {}

  std::string_view name() const override { return "products_of_others"; }
  Attributes attributes() const override { return {{"axes", axes_}}; }
  Traits traits() const override { return {.composite = true, .internal = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;

 private:
  std::vector<int64_t> axes_;
};

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_PRODUCTS_OF_OTHERS_INTERNAL_H_
