#include "ops/shape/linear_in_first.h"

#include "core/graph/shape_context.h"

namespace bitale {

Variable apply_to(const Apply& apply, const Variable& first) {
  Variables operands(apply.inputs().begin(), apply.inputs().end());
  operands[0] = first;
  return apply_one(apply.shared_op(), operands);
}

Variables push_first(const PushforwardContext& context) {
  if (!context.tangents[0].defined()) return {Variable()};
  return {apply_to(context.apply, context.tangents[0])};
}

void pass_value(ShapeContext& context) {
  if (!context.has_value(0)) return;
  int64_t count = 1;
  for (const IntExpr& dim : context.dims(0)) {
    if (!dim.is_constant()) return;
    count *= dim.constant();
  }
  IntExprs elements;
  for (int64_t i = 0; i < count; ++i) {
    elements.push_back(context.value(0, static_cast<size_t>(i)));
  }
  context.set_value(0, std::move(elements));
}

}  // namespace bitale
