#include "ops/softmax/crossentropy.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/options.h"
#include "core/graph/shape_context.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

Variable as_column(const Variable& per_row) { return dimshuffle(per_row, {0, kNewAxis}); }

}  // namespace

Variable crossentropy_softmax_sparse(Operand logits, Operand y) {
  static const OpPtr op = std::make_shared<CrossentropySoftmaxSparseOp>(false);
  return apply_one(op, {logits.variable(), y.variable()}, logits.site());
}

Variable crossentropy_softmax_sparse_grad(Operand g, Operand logits, Operand y) {
  static const OpPtr op = std::make_shared<CrossentropySoftmaxSparseOp>(true);
  return apply_one(op, {g.variable(), logits.variable(), y.variable()}, g.site());
}

std::string_view CrossentropySoftmaxSparseOp::name() const {
  return gradient_ ? "crossentropy_softmax_sparse_grad" : "crossentropy_softmax_sparse";
}

Attributes CrossentropySoftmaxSparseOp::attributes() const {
  return from_end_ ? Attributes{{"from_end", true}} : Attributes{};
}

Variable CrossentropySoftmaxSparseOp::gradient_node(const Variable& g, const Variable& logits,
                                                    const Variable& y) const {
  return apply_one(std::make_shared<CrossentropySoftmaxSparseOp>(true, from_end_), {g, logits, y});
}

std::vector<TensorType> CrossentropySoftmaxSparseOp::infer_types(const TypeContext& context) const {
  const size_t first = gradient_ ? 1 : 0;
  const TensorType& logits = context.type(first);
  const TensorType& y = context.type(first + 1);
  if (logits.rank() != 2) {
    context.shape_error(absl::StrCat("logits have rank ", logits.rank(), ", not 2"),
                        "logits are a matrix of one row per example and one column per class");
  }
  if (y.rank() != 1) {
    context.shape_error(absl::StrCat("labels have rank ", y.rank(), ", not 1"),
                        "labels are a vector of one class number per row of the logits");
  }
  if (!is_floating(logits.dtype)) {
    context.type_error(
        absl::StrCat("logits are ", std::string(name_of(logits.dtype)), ", not floating"));
  }
  if (!is_integer(y.dtype)) {
    context.type_error(absl::StrCat("labels are ", std::string(name_of(y.dtype)), ", not integers"),
                       "cast class numbers with cast(y, DType::kInt64)");
  }
  if (!compatible(logits.dims[0], y.dims[0])) {
    context.shape_error(absl::StrCat("numbers of rows and labels differ: ", logits.dims[0].str(),
                                     " and ", y.dims[0].str()));
  }
  Dim rows = meet(logits.dims[0], y.dims[0]);
  if (!gradient_) return {{logits.dtype, {rows}}};
  const TensorType& g = context.type(0);
  if (g.rank() != 1 || g.dtype != logits.dtype) {
    context.type_error("the gradient is not a vector of the logits' dtype");
  }
  if (!compatible(rows, g.dims[0])) {
    context.shape_error(absl::StrCat("numbers of rows and gradients differ: ", rows.str(), " and ",
                                     g.dims[0].str()));
  }
  return {{logits.dtype, {meet(rows, g.dims[0]), logits.dims[1]}}};
}

void CrossentropySoftmaxSparseOp::infer_shape(ShapeContext& context) const {
  const size_t first = gradient_ ? 1 : 0;
  const IntExpr rows = context.dim(first, 0);
  context.require_equal(rows, context.dim(first + 1, 0), "numbers of rows and labels differ",
                        "there is one label per row of the logits");
  if (!gradient_) {
    context.set_dims(0, {rows});
    return;
  }
  context.require_equal(rows, context.dim(0, 0), "numbers of rows and gradients differ");
  context.set_dims(0, {rows, context.dim(1, 1)});
}

Variables CrossentropySoftmaxSparseOp::pullback(const PullbackContext& context) const {
  const Variable& h = context.output_gradients[0];
  if (!h.defined()) return Variables(context.inputs.size());
  if (!gradient_) {
    return {gradient_node(h, context.inputs[0], context.inputs[1]), Variable()};
  }
  const Variable& g = context.inputs[0];
  const Variable& logits = context.inputs[1];
  const Variable& y = context.inputs[2];
  const Variable to_g = sum(mul(h, gradient_node(ones_like(g), logits, y)), 1);
  const Variable to_logits = mul(as_column(g), softmax_grad(h, softmax(logits, 1), 1));
  return {to_g, to_logits, Variable()};
}

Variables CrossentropySoftmaxSparseOp::pushforward(const PushforwardContext& context) const {
  if (!gradient_) {
    const Variable& t = context.tangents[0];
    if (!t.defined()) return {Variable()};
    const Variable one = ones_like(context.outputs[0]);
    return {sum(mul(t, gradient_node(one, context.inputs[0], context.inputs[1])), 1)};
  }
  const Variable& g = context.inputs[0];
  const Variable& logits = context.inputs[1];
  const Variable& tg = context.tangents[0];
  const Variable& tl = context.tangents[1];
  Variable result;
  if (tg.defined()) result = gradient_node(tg, logits, context.inputs[2]);
  if (tl.defined()) {
    const Variable term = mul(as_column(g), softmax_grad(tl, softmax(logits, 1), 1));
    result = result.defined() ? add(result, term) : term;
  }
  return {result};
}

}  // namespace bitale
