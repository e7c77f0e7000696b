#include <numeric>

#include "core/graph/formula_derivatives.h"
#include "core/graph/shape_analysis.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/fused_elementwise_internal.h"

namespace bitale {

FusedElementwiseOp::FusedElementwiseOp(size_t input_count, std::vector<Step> steps,
                                       std::vector<int64_t> kept)
    : input_count_(input_count),
      steps_(std::move(steps)),
      kept_(std::move(kept)),
      text_(text_of(steps_)) {}

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

void FusedElementwiseOp::infer_shape(ShapeContext& context) const {
  const IntExprs dims = output_dims(context, 0);
  for (size_t i = 0; i <= kept_.size(); ++i) context.set_dims(i, dims);
}

IntExprs FusedElementwiseOp::output_dims(ShapeContext& context, size_t first_input) const {
  const int64_t rank = steps_.back().type.rank();
  IntExprs dims;
  const int result = static_cast<int>(input_count_ + steps_.size()) - 1;
  for (int64_t axis = 0; axis < rank; ++axis) {
    dims.push_back(dim_of_value(context, first_input, input_count_, steps_, result, axis));
  }
  return dims;
}

bool FusedElementwiseOp::needs_elements(size_t input) const { return read_elements(steps_, input); }

Variables FusedElementwiseOp::formula(std::span<const Variable> inputs) const {
  const Variables values = values_of(steps_, inputs);
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

bool can_join_group(const Apply& apply) {
  const TensorType& type = apply.output(0).type();
  return as_elementwise(apply) != nullptr &&
         !(is_discrete(type.dtype) && may_be_host_integers(type));
}

std::shared_ptr<const FusedElementwiseOp> group_of(const Apply& apply) {
  if (auto group = std::dynamic_pointer_cast<const FusedElementwiseOp>(apply.shared_op())) {
    return group;
  }
  if (!can_join_group(apply)) return nullptr;
  FusedStep step{apply.shared_op(), {}, apply.output(0).type()};
  step.operands.resize(apply.inputs().size());
  std::iota(step.operands.begin(), step.operands.end(), 0);
  return std::make_shared<const FusedElementwiseOp>(apply.inputs().size(),
                                                    std::vector<FusedStep>{std::move(step)});
}

}  // namespace bitale
