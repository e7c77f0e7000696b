// The op behind concatenate().

#ifndef BITALE_OPS_SHAPE_CONCATENATE_OP_H_
#define BITALE_OPS_SHAPE_CONCATENATE_OP_H_

#include <string_view>
#include <vector>

#include "core/graph/op.h"

namespace bitale {

// Operands: one or more of one dtype and rank.
class ConcatenateOp final : public Op {
 public:
  explicit ConcatenateOp(int64_t axis) : axis_(axis) {}

  int64_t axis() const { return axis_; }

  std::string_view name() const override { return "concatenate"; }
  Attributes attributes() const override { return {{"axis", axis_}}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  int64_t axis_;
};

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_CONCATENATE_OP_H_
