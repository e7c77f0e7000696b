// Axes in another order, with new axes of length 1, or without old ones.
//
// All are views.

#ifndef BITALE_OPS_SHAPE_DIMSHUFFLE_H_
#define BITALE_OPS_SHAPE_DIMSHUFFLE_H_

#include <concepts>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// In the order of dimshuffle: a new axis of length 1. Theano's 'x' reads as the same.
inline constexpr int64_t kNewAxis = -1;

// One entry of a dimshuffle order: an axis of the operand, kNewAxis or 'x'.
class ShuffledAxis {
 public:
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) ShuffledAxis(T axis)
      : axis_(static_cast<int64_t>(axis)) {}  // NOLINT: lists read as orders
  // ShapeError unless 'x'.
  ShuffledAxis(char letter);  // NOLINT

  int64_t axis() const { return axis_; }

 private:
  int64_t axis_;
};

// Theano's dimshuffle: axis i of the result is axis order[i] of `x`, or a new one. `x` may have any
// dtype. Axes that the order leaves out must have the fixed length 1. ShapeError for an axis out of
// range, used twice, or left out otherwise.
//   dimshuffle(x, {1, 0})        the transpose of a matrix
//   dimshuffle(x, {0, 'x', 1})   a matrix with a broadcastable axis in the middle
Variable dimshuffle(Operand x, std::vector<ShuffledAxis> order);
Variable dimshuffle(Operand x, const std::vector<int64_t>& order);
inline Variable dimshuffle(Operand x, std::initializer_list<ShuffledAxis> order) {
  return dimshuffle(x, std::vector<ShuffledAxis>(order));
}

// numpy's transpose: all axes reversed, or axis i of the result is axis order[i] of `x` (negative
// axes count from the end). ShapeError unless `order` permutes the axes.
Variable transpose(Operand x);
Variable transpose(Operand x, std::vector<int64_t> order);
// numpy's swapaxes.
Variable swapaxes(Operand x, int64_t a, int64_t b);

// numpy's squeeze: without the given axes, which must have length 1 (those not fixed are asserted
// at the call), or without all axes of the fixed length 1.
Variable squeeze(Operand x);
Variable squeeze(Operand x, std::vector<int64_t> axes);

// numpy's expand_dims: a new axis of length 1 at `axis` of the result, which may be negative.
Variable expand_dims(Operand x, int64_t axis);

class DimshuffleOp final : public Op {
 public:
  // Axes of the operand, and kNewAxis.
  explicit DimshuffleOp(std::vector<int64_t> order) : order_(std::move(order)) {}

  const std::vector<int64_t>& order() const { return order_; }

  std::string_view name() const override { return "dimshuffle"; }
  Attributes attributes() const override { return {{"order", order_}}; }
  Traits traits() const override { return {.view = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  std::optional<ViewOutput> view(const ViewInput& input, const Dims& output_shape,
                                 ShapeContext& context) const override;

 private:
  std::vector<int64_t> order_;
};

// Axis `axis` of `rank` axes, negative ones counted from the end. ShapeError, in the name of
// `op_name`, if out of range.
int64_t normalize_axis(std::string_view op_name, int64_t axis, int64_t rank, SourceSite site);

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_DIMSHUFFLE_H_
