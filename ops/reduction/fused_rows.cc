#include "core/graph/formula_derivatives.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise_op.h"
#include "ops/reduction/fused_rows_internal.h"
#include "ops/reduction/reduction.h"

namespace bitale {

FusedRowsOp::FusedRowsOp(size_t input_count, std::vector<Step> steps, int64_t row_axes)
    : input_count_(input_count),
      steps_(std::move(steps)),
      row_axes_(row_axes),
      text_(text_of(steps_)) {}

FusedRowsOp::Origin FusedRowsOp::origin(int value, int64_t axis) const {
  while (value >= static_cast<int>(input_count_)) {
    const Step& step = steps_[static_cast<size_t>(value) - input_count_];
    if (step.folds) {
      const bool keepdims = static_cast<const ReduceOp&>(*step.op).keepdims();
      if (keepdims && axis >= -row_axes_) return {};
      if (!keepdims) axis -= row_axes_;
      value = step.operands[0];
      continue;
    }
    const auto& op = static_cast<const ElementwiseOp&>(*step.op);
    const int64_t output_axis = axis + step.type.rank();
    size_t k = 0;
    while (k < step.operands.size() && op.broadcasts(k, output_axis)) ++k;
    if (k == step.operands.size()) return {};
    value = step.operands[k];
  }
  return {value, axis};
}

std::vector<TensorType> FusedRowsOp::infer_types(const TypeContext&) const {
  return {steps_.back().type};
}

void FusedRowsOp::infer_shape(ShapeContext& context) const {
  const int64_t rank = steps_.back().type.rank();
  const int result = static_cast<int>(input_count_ + steps_.size()) - 1;
  IntExprs dims;
  for (int64_t axis = -rank; axis < 0; ++axis) {
    const Origin from = origin(result, axis);
    if (from.input < 0) {
      dims.push_back(1);
      continue;
    }
    const auto input = static_cast<size_t>(from.input);
    dims.push_back(
        context.dim(input, static_cast<size_t>(context.apply().input(input).rank() + from.axis)));
  }
  context.set_dims(0, std::move(dims));
}

bool FusedRowsOp::needs_elements(size_t input) const { return read_elements(steps_, input); }

Variables FusedRowsOp::formula(std::span<const Variable> inputs) const {
  return {values_of(steps_, inputs).back()};
}

Variables FusedRowsOp::pullback(const PullbackContext& context) const {
  return pullback_of_formula(*this, context);
}

Variables FusedRowsOp::pushforward(const PushforwardContext& context) const {
  return pushforward_of_formula(*this, context);
}

}  // namespace bitale
