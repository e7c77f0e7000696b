#include "core/graph/formula_derivatives.h"
#include "core/graph/shape_context.h"
#include "ops/conv/conv2d_max_pool_internal.h"
#include "ops/conv/conv2d_shape_internal.h"
#include "ops/pool/pool_shape_internal.h"
#include "ops/pool/positions.h"

namespace bitale {

Attributes Conv2dMaxPoolOp::attributes() const {
  Attributes attributes = Conv2dBaseOp::attributes();
  for (auto& attribute : MaxPoolOp(window_).attributes()) attributes.push_back(attribute);
  attributes.emplace_back("positions", positions_);
  return attributes;
}

std::vector<TensorType> Conv2dMaxPoolOp::infer_types(const TypeContext& context) const {
  std::vector<TensorType> types;
  for (const Variable& output : formula(context.inputs())) types.push_back(output.type());
  return types;
}

void Conv2dMaxPoolOp::infer_shape(ShapeContext& context) const {
  const IntExprs dims = max_pooled_dims(context, window_, conv2d_dims(context, options_));
  context.set_dims(0, dims);
  if (positions_) context.set_dims(1, dims);
}

Variables Conv2dMaxPoolOp::pullback(const PullbackContext& context) const {
  return pullback_of_formula(*this, context);
}

Variables Conv2dMaxPoolOp::pushforward(const PushforwardContext& context) const {
  return pushforward_of_formula(*this, context);
}

Variables Conv2dMaxPoolOp::formula(std::span<const Variable> inputs) const {
  const Variable convolved =
      apply_one(std::make_shared<Conv2dOp>(options_), {inputs[0], inputs[1]});
  Variables outputs = {apply_one(std::make_shared<MaxPoolOp>(window_), {convolved})};
  if (positions_) {
    outputs.push_back(apply_one(std::make_shared<MaxPoolPositionsOp>(window_), {convolved}));
  }
  return outputs;
}

}  // namespace bitale
