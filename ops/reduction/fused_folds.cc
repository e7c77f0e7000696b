#include <algorithm>

#include "core/graph/formula_derivatives.h"
#include "core/graph/shape_context.h"
#include "ops/reduction/fused_folds_internal.h"

namespace bitale {

FusedFoldsOp::FusedFoldsOp(size_t input_count, std::vector<FusedStep> steps,
                           std::vector<FusedStep> folds)
    : input_count_(input_count),
      steps_(std::move(steps)),
      folds_(std::move(folds)),
      steps_text_(text_of(steps_)),
      folds_text_(text_of(folds_)) {}

std::vector<TensorType> FusedFoldsOp::infer_types(const TypeContext&) const {
  std::vector<TensorType> types;
  for (const FusedStep& fold : folds_) types.push_back(fold.type);
  return types;
}

void FusedFoldsOp::infer_shape(ShapeContext& context) const {
  for (size_t i = 0; i < folds_.size(); ++i) {
    const ReduceOp& op = reduction(i);
    const auto folded = static_cast<int64_t>(op.axes().size());
    const int64_t rank = folds_[i].type.rank() + (op.keepdims() ? 0 : folded);
    IntExprs dims;
    for (int64_t axis = 0; axis < rank; ++axis) {
      if (std::ranges::find(op.axes(), axis) == op.axes().end()) {
        dims.push_back(dim_of_value(context, 0, input_count_, steps_, folds_[i].operands[0], axis));
      } else if (op.keepdims()) {
        dims.push_back(1);
      }
    }
    context.set_dims(i, std::move(dims));
  }
}

bool FusedFoldsOp::needs_elements(size_t input) const {
  return read_elements(steps_, input) || read_elements(folds_, input);
}

Variables FusedFoldsOp::formula(std::span<const Variable> inputs) const {
  const Variables values = values_of(steps_, inputs);
  Variables outputs;
  for (const FusedStep& fold : folds_) {
    outputs.push_back(apply_one(fold.op, {values[static_cast<size_t>(fold.operands[0])]}));
  }
  return outputs;
}

Variables FusedFoldsOp::pullback(const PullbackContext& context) const {
  return pullback_of_formula(*this, context);
}

Variables FusedFoldsOp::pushforward(const PushforwardContext& context) const {
  return pushforward_of_formula(*this, context);
}

}  // namespace bitale
