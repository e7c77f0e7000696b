#include "ops/skeleton/cumsum.h"

#include "absl/strings/str_cat.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {

Variable cumsum(Operand x, int64_t axis, bool reverse) {
  Variable v = x.variable();
  if (v.defined()) {
    const DType dtype = v.dtype();
    if (is_discrete(dtype)) {
      const bool is_unsigned = is_integer(dtype) && !is_signed_integer(dtype);
      v = cast({v, x.site()}, is_unsigned ? DType::kUint64 : DType::kInt64);
    }
    if (axis < 0) axis += v.rank();
  }
  return apply_one(std::make_shared<CumsumOp>(axis, reverse), {v}, x.site());
}

std::vector<TensorType> CumsumOp::infer_types(const TypeContext& context) const {
  const TensorType& x = context.type(0);
  if (axis_ < 0 || axis_ >= x.rank()) {
    context.shape_error(absl::StrCat("the axis is out of range for rank ", x.rank()));
  }
  return {x};
}

void CumsumOp::infer_shape(ShapeContext& context) const { context.set_dims(0, context.dims(0)); }

// An element is part of the sums at and after it.
Variables CumsumOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  if (!g.defined() || is_discrete(context.inputs[0].dtype())) return {Variable()};
  return {cumsum(g, axis_, !reverse_)};
}

Variables CumsumOp::pushforward(const PushforwardContext& context) const {
  const Variable& tangent = context.tangents[0];
  return {tangent.defined() ? cumsum(tangent, axis_, reverse_) : Variable()};
}

}  // namespace bitale
