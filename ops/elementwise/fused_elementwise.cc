#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/graph/formula_derivatives.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/fused_elementwise_internal.h"

namespace bitale {

FusedElementwiseOp::FusedElementwiseOp(size_t input_count, std::vector<Step> steps,
                                       std::vector<int64_t> kept)
    : input_count_(input_count), steps_(std::move(steps)), kept_(std::move(kept)) {
  for (const Step& step : steps_) {
    absl::StrAppend(&text_, text_.empty() ? "" : "; ", std::string(name_of(step.type.dtype)), " ",
                    step.op->str(), "(", absl::StrJoin(step.operands, ", "), ")");
  }
}

std::vector<size_t> FusedElementwiseOp::output_steps() const {
  std::vector<size_t> outputs = {steps_.size() - 1};
  outputs.insert(outputs.end(), kept_.begin(), kept_.end());
  return outputs;
}

Attributes FusedElementwiseOp::attributes() const {
  Attributes attributes = {{"steps", text_}};
  if (!kept_.empty()) attributes.push_back({"kept", kept_});
  return attributes;
}

std::vector<TensorType> FusedElementwiseOp::infer_types(const TypeContext&) const {
  std::vector<TensorType> types;
  for (const size_t step : output_steps()) types.push_back(steps_[step].type);
  return types;
}

// Each axis has the length of some input that is not repeated along it.
void FusedElementwiseOp::infer_shape(ShapeContext& context) const {
  const Apply& apply = context.apply();
  const int64_t rank = apply.output(0).rank();
  IntExprs dims;
  for (int64_t axis = 0; axis < rank; ++axis) {
    int value = static_cast<int>(input_count_ + steps_.size()) - 1;
    while (value >= static_cast<int>(input_count_)) {
      const Step& step = steps_[value - input_count_];
      size_t k = 0;
      while (k + 1 < step.operands.size() && step.op->broadcasts(k, axis)) ++k;
      value = step.operands[k];
    }
    dims.push_back(context.dim(value, axis - (rank - apply.input(value).rank())));
  }
  for (size_t i = 0; i < kept_.size(); ++i) context.set_dims(i + 1, dims);
  context.set_dims(0, std::move(dims));
}

bool FusedElementwiseOp::needs_elements(size_t input) const {
  for (const Step& step : steps_) {
    for (size_t k = 0; k < step.operands.size(); ++k) {
      if (step.operands[k] == static_cast<int>(input) && step.op->needs_elements(k)) return true;
    }
  }
  return false;
}

Variables FusedElementwiseOp::formula(std::span<const Variable> inputs) const {
  Variables values(inputs.begin(), inputs.end());
  for (const Step& step : steps_) {
    Variables operands;
    for (int value : step.operands) operands.push_back(values[value]);
    values.push_back(apply_one(step.op, operands));
  }
  Variables outputs;
  for (const size_t step : output_steps()) outputs.push_back(values[input_count_ + step]);
  return outputs;
}

Variables FusedElementwiseOp::pullback(const PullbackContext& context) const {
  return pullback_of_formula(*this, context);
}

Variables FusedElementwiseOp::pushforward(const PushforwardContext& context) const {
  return pushforward_of_formula(*this, context);
}

}  // namespace bitale
