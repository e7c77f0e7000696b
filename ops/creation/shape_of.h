// Lengths as values, and vectors made of scalars: host integers, at no cost on any device.

#ifndef BITALE_OPS_CREATION_SHAPE_OF_H_
#define BITALE_OPS_CREATION_SHAPE_OF_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// Theano's shape: the lengths of `x` as an int64 vector of as many elements as axes. Does not need
// the elements of `x`.
Variable shape(Operand x);

// The length of one axis (negative: from the end) as an int64 scalar; a constant if the type fixes
// it. ShapeError if out of range.
Variable shape(Operand x, int64_t axis);

// The integers as an int64 vector.
Variable make_vector(const ShapeItems& items, SourceSite site = SourceSite::current());

// One length of its operand: what shape(x, axis) builds.
class ShapeAxisOp final : public Op {
 public:
  explicit ShapeAxisOp(int64_t axis) : axis_(axis) {}

  int64_t axis() const { return axis_; }

  std::string_view name() const override { return "shape_axis"; }
  Attributes attributes() const override { return {{"axis", axis_}}; }
  Traits traits() const override { return {.shape_only = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  int64_t axis_;
};

}  // namespace bitale

#endif  // BITALE_OPS_CREATION_SHAPE_OF_H_
