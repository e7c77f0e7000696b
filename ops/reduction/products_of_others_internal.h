// For each element of x the product of all others along some axes: what prod's gradient is made of.

#ifndef BITALE_OPS_REDUCTION_PRODUCTS_OF_OTHERS_INTERNAL_H_
#define BITALE_OPS_REDUCTION_PRODUCTS_OF_OTHERS_INTERNAL_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/graph/op.h"

namespace bitale {

// Right where elements are 0, too, and so are its derivatives. `x` floating; `axes` ascending,
// non-negative.
Variable products_of_others(const Variable& x, const std::vector<int64_t>& axes);

// Its derivative along `h`: for each i the sum over j != i of h[j] times the product of all x but
// x[i] and x[j]. Symmetric, so the pullback of a gradient `h` is the same.
Variable products_of_others_grad(const Variable& h, const Variable& x,
                                 const std::vector<int64_t>& axes);

// 0, 1, 2, ... in row-major order of `axes`, with length 1 along the other axes of `x`.
Variable positions(const Variable& x, const std::vector<int64_t>& axes);

// Composites, so that derivatives at zeros are their own and not those of their formulas, which
// divide.
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

// Of (h, x). Its own derivatives take memory of the square of the number of elements along the
// axes: they are of third order in prod.
class ProductsOfOthersGradOp final : public Op {
 public:
  explicit ProductsOfOthersGradOp(std::vector<int64_t> axes) : axes_(std::move(axes)) {}

  std::string_view name() const override { return "products_of_others_grad"; }
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
