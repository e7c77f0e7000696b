// The one op class of all elementwise functions: a scalar op, and which axes of which operand
// broadcast. Builders are in elementwise.h.

#ifndef BITALE_OPS_ELEMENTWISE_ELEMENTWISE_OP_H_
#define BITALE_OPS_ELEMENTWISE_ELEMENTWISE_OP_H_

#include <vector>

#include "core/graph/op.h"
#include "ops/elementwise/scalar_op.h"

namespace bitale {

// Per operand a bit for each output axis along which the operand is repeated: it has length 1
// there, or lacks the axis (axes are aligned from the right). Decided when the node is built; it
// survives clones, rewrites and specialisation.
using BroadcastMasks = std::vector<int64_t>;

class ElementwiseOp : public Op {
 public:
  // `to` is the output's dtype for casts and ignored otherwise.
  ElementwiseOp(const ScalarOp& scalar, BroadcastMasks masks, DType to = DType::kBool)
      : scalar_(scalar), masks_(std::move(masks)), to_(to) {}

  const ScalarOp& scalar() const { return scalar_; }
  bool broadcasts(size_t operand, int64_t output_axis) const {
    return (masks_[operand] >> output_axis & 1) != 0;
  }
  // Whether the operand has the output's shape.
  bool is_whole(size_t operand) const { return masks_[operand] == 0; }

  std::string_view name() const override { return scalar_.name; }
  Attributes attributes() const override;
  Traits traits() const override {
    return {.elementwise = true, .commutative = scalar_.commutative};
  }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  bool needs_elements(size_t input) const override {
    return scalar_.rule != DTypeRule::kSecond || input == 1;
  }
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  const ScalarOp& scalar_;
  BroadcastMasks masks_;
  DType to_;
};

// The op of `apply` if it is elementwise, else null.
const ElementwiseOp* as_elementwise(const Apply& apply);

// `gradient`, which has an elementwise output's dims, summed over the axes in `mask` down to the
// rank and the lengths of an operand that was repeated along them.
Variable sum_broadcast_axes(const Variable& gradient, int64_t mask, int64_t operand_rank);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_ELEMENTWISE_OP_H_
