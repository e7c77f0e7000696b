#include "core/graph/formula_derivatives.h"
#include "core/graph/shape_context.h"
#include "ops/conv/conv2d_of_unpooled_internal.h"
#include "ops/conv/conv2d_shape_internal.h"
#include "ops/pool/positions.h"

namespace bitale {
namespace {

enum Input : size_t { kPositions, kValues, kOther, kHeight, kWidth, kPlaneHeight, kPlaneWidth };

Variable unpooled(std::span<const Variable> inputs) {
  return max_unpool(inputs[kValues], inputs[kPositions], inputs[kPlaneHeight], inputs[kPlaneWidth]);
}

}  // namespace

std::vector<TensorType> Conv2dOfUnpooledOp::infer_types(const TypeContext& context) const {
  Variables inputs;
  for (size_t i = 0; i < context.size(); ++i) inputs.push_back(context.input(i));
  return {formula(inputs)[0].type()};
}

void Conv2dOfUnpooledOp::infer_shape(ShapeContext& context) const {
  const IntExprs values = context.dims(kValues);
  const IntExprs other = context.dims(kOther);
  for (size_t axis = 0; axis < 4; ++axis) {
    context.require_equal(context.dim(kPositions, axis), values[axis],
                          "values and positions have different shapes");
  }
  const bool is_filters = name() == "conv2d_grad_wrt_inputs_of_unpooled";
  IntExprs out;
  if (is_filters) {
    context.require_equal(values[1], other[0], "the numbers of filters differ");
    out = {values[0], other[1] * options_.num_groups};
  } else {
    context.require_equal(values[0], other[0], "batch dims differ");
    out = {values[1], floor_div(other[1], options_.num_groups)};
  }
  for (size_t axis = 0; axis < 2; ++axis) {
    const IntExpr length = context.value(kHeight + axis);
    const IntExpr image = is_filters ? length : other[2 + axis];
    const IntExpr filter = is_filters ? other[2 + axis] : length;
    context.require_equal(context.value(kPlaneHeight + axis),
                          conv2d_output_length(context, options_, axis, image, filter),
                          "output_grad has another size than conv2d would give");
    out.push_back(length);
  }
  context.set_dims(0, std::move(out));
}

Variables Conv2dOfUnpooledOp::pullback(const PullbackContext& context) const {
  return pullback_of_formula(*this, context);
}

Variables Conv2dOfUnpooledOp::pushforward(const PushforwardContext& context) const {
  return pushforward_of_formula(*this, context);
}

Variables Conv2dGradInputsOfUnpooledOp::formula(std::span<const Variable> inputs) const {
  return {apply_one(std::make_shared<Conv2dGradInputsOp>(options_),
                    {unpooled(inputs), inputs[kOther], inputs[kHeight], inputs[kWidth]})};
}

Variables Conv2dGradWeightsOfUnpooledOp::formula(std::span<const Variable> inputs) const {
  return {apply_one(std::make_shared<Conv2dGradWeightsOp>(options_),
                    {inputs[kOther], unpooled(inputs), inputs[kHeight], inputs[kWidth]})};
}

}  // namespace bitale
