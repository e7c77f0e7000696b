#include "core/graph/shape_context.h"
#include "core/graph/traversal.h"
#include "ops/conv/conv2d_of_max_pool_internal.h"
#include "ops/conv/conv2d_shape_internal.h"
#include "ops/pool/pool_shape_internal.h"

namespace bitale {
namespace {

enum Input : size_t { kConvolved, kPooledGrad, kOther, kHeight, kWidth };

// The formula over inputs of its own: derivatives are for each input by itself, though one may be
// computed from another.
struct Apart {
  explicit Apart(const Op& op, std::span<const Variable> inputs)
      : inputs(inputs.begin(), inputs.end()) {
    for (size_t i = 0; i < kHeight; ++i) {
      this->inputs[i] = Variable::make_input(inputs[i].type(), "", SourceSite::current());
    }
    outputs = op.formula(this->inputs);
    wrt.assign(this->inputs.begin(), this->inputs.begin() + kHeight);
  }

  // `graph`, which is over the inputs apart, over `originals` again.
  Variables put_back(const Variables& graph, std::span<const Variable> originals) const {
    Replacements replacements;
    for (size_t i = 0; i < wrt.size(); ++i) replacements.emplace(wrt[i], originals[i]);
    Variables defined;
    for (const Variable& v : graph) {
      if (v.defined()) defined.push_back(v);
    }
    defined = clone_graph(defined, replacements);
    Variables result;
    size_t next = 0;
    for (const Variable& v : graph) result.push_back(v.defined() ? defined[next++] : Variable());
    return result;
  }

  Variables inputs;
  Variables outputs;
  Variables wrt;
};

Variable dense_grad(const PoolWindow& window, std::span<const Variable> inputs) {
  return apply_one(std::make_shared<MaxPoolGradOp>(window),
                   {inputs[kConvolved], inputs[kPooledGrad]});
}

}  // namespace

Attributes Conv2dOfMaxPoolOp::attributes() const {
  Attributes attributes = Conv2dBaseOp::attributes();
  for (auto& attribute : MaxPoolGradOp(window_).attributes()) attributes.push_back(attribute);
  return attributes;
}

std::vector<TensorType> Conv2dOfMaxPoolOp::infer_types(const TypeContext& context) const {
  Variables inputs;
  for (size_t i = 0; i < context.size(); ++i) inputs.push_back(context.input(i));
  return {formula(inputs)[0].type()};
}

void Conv2dOfMaxPoolOp::infer_shape(ShapeContext& context) const {
  const IntExprs convolved = context.dims(kConvolved);
  const IntExprs pooled = pooled_dims(window_, convolved);
  for (size_t axis = 0; axis < pooled.size(); ++axis) {
    context.require_equal(context.dim(kPooledGrad, axis), pooled[axis],
                          "output_grad has another shape than the pooled image");
  }
  const IntExprs other = context.dims(kOther);
  const bool is_filters = name() == "conv2d_grad_wrt_inputs_of_max_pool";
  IntExprs out;
  if (is_filters) {
    context.require_equal(convolved[1], other[0], "the numbers of filters differ");
    out = {convolved[0], other[1] * options_.num_groups};
  } else {
    context.require_equal(convolved[0], other[0], "batch dims differ");
    out = {convolved[1], floor_div(other[1], options_.num_groups)};
  }
  for (size_t axis = 0; axis < 2; ++axis) {
    const IntExpr length = context.value(kHeight + axis);
    const IntExpr image = is_filters ? length : other[2 + axis];
    const IntExpr filter = is_filters ? other[2 + axis] : length;
    context.require_equal(convolved[2 + axis],
                          conv2d_output_length(context, options_, axis, image, filter),
                          "output_grad has another size than conv2d would give");
    out.push_back(length);
  }
  context.set_dims(0, std::move(out));
}

Variables Conv2dOfMaxPoolOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  if (!context.output_gradients[0].defined()) return gradients;
  const Apart apart(*this, context.inputs);
  const Variables inner =
      context.inner_pullback(apart.outputs, context.output_gradients, apart.wrt);
  const Variables back = apart.put_back(inner, context.inputs);
  std::copy(back.begin(), back.end(), gradients.begin());
  return gradients;
}

Variables Conv2dOfMaxPoolOp::pushforward(const PushforwardContext& context) const {
  const Apart apart(*this, context.inputs);
  Variables wrt, tangents;
  for (size_t i = 0; i < apart.wrt.size(); ++i) {
    if (!context.tangents[i].defined()) continue;
    wrt.push_back(apart.wrt[i]);
    tangents.push_back(context.tangents[i]);
  }
  if (wrt.empty()) return {Variable()};
  return apart.put_back(context.inner_pushforward(apart.outputs, wrt, tangents), context.inputs);
}

Variables Conv2dGradInputsOfMaxPoolOp::formula(std::span<const Variable> inputs) const {
  return {
      apply_one(std::make_shared<Conv2dGradInputsOp>(options_),
                {dense_grad(window_, inputs), inputs[kOther], inputs[kHeight], inputs[kWidth]})};
}

Variables Conv2dGradWeightsOfMaxPoolOp::formula(std::span<const Variable> inputs) const {
  return {
      apply_one(std::make_shared<Conv2dGradWeightsOp>(options_),
                {inputs[kOther], dense_grad(window_, inputs), inputs[kHeight], inputs[kWidth]})};
}

}  // namespace bitale
