// The op behind arange().

#ifndef BITALE_OPS_CREATION_ARANGE_OP_H_
#define BITALE_OPS_CREATION_ARANGE_OP_H_

#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/shape_context.h"

namespace bitale {

// Operands: start, stop, step, integer scalars.
class ArangeOp final : public Op {
 public:
  explicit ArangeOp(DType dtype) : dtype_(dtype) {}

  std::string_view name() const override { return "arange"; }
  Attributes attributes() const override { return {{"dtype", dtype_}}; }
  bool needs_elements(size_t) const override { return false; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  // a / b rounded up, for any signs.
  static IntExpr ceil_div_any(IntExpr a, IntExpr b);

  DType dtype_;
};

}  // namespace bitale

#endif  // BITALE_OPS_CREATION_ARANGE_OP_H_
