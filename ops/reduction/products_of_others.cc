#include <memory>

#include "core/graph/shape_context.h"
#include "ops/creation/arange.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/products_of_others_internal.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/shape_item.h"

namespace bitale {
namespace {

// An operand without its zeros: they count as 1 in products, and are counted.
struct Split {
  Split(const Variable& x, const std::vector<int64_t>& axes)
      : is_zero(eq(x, 0)),
        safe(where(is_zero, 1, x)),
        product(reduce(ReduceKind::kProd, safe, axes, true)),
        zeros(reduce(ReduceKind::kSum, is_zero, axes, true)) {}

  Variable is_zero;
  Variable safe;
  Variable product;
  Variable zeros;
};

// For each element x[i] along the axes a copy of `x` without it, on a new axis in front.
struct Copies {
  Copies(const Variable& x, const std::vector<int64_t>& axes) {
    Variable count = scalar_constant_int(DType::kInt64, 1);
    for (int64_t axis : axes) {
      count = mul(count, length_of(x, axis).as_variable());
      inner.push_back(axis + 1);
    }
    std::vector<int64_t> order(static_cast<size_t>(x.rank()) + 1, kNewAxis);
    order[0] = 0;
    is_left_out = eq(dimshuffle(arange(count), order), positions(x, axes));
    factors = where(is_left_out, 1, x);
  }

  // v[i] beside copy i.
  Variable of_left_out(const Variable& v) const {
    return reduce(ReduceKind::kSum, where(is_left_out, v, 0), inner, true);
  }
  Variable of_others(const Variable& v) const { return where(is_left_out, 0, v); }
  // Adds up all copies.
  static Variable added(const Variable& copies) {
    return reduce(ReduceKind::kSum, copies, {0}, false);
  }

  std::vector<int64_t> inner;  // the axes, behind the new one
  Variable is_left_out;
  Variable factors;
};

}  // namespace

Variable products_of_others(const Variable& x, const std::vector<int64_t>& axes) {
  return apply_one(std::make_shared<ProductsOfOthersOp>(axes), {x});
}

std::vector<TensorType> ProductsOfOthersOp::infer_types(const TypeContext& context) const {
  if (!is_floating(context.type(0).dtype)) context.type_error("the operand is not floating");
  return {context.type(0)};
}

void ProductsOfOthersOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, context.dims(0));
}

Variables ProductsOfOthersOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  if (!g.defined()) return {Variable()};
  return {products_of_others_grad(g, context.inputs[0], axes_)};
}

Variables ProductsOfOthersOp::pushforward(const PushforwardContext& context) const {
  const Variable& t = context.tangents[0];
  if (!t.defined()) return {Variable()};
  return {products_of_others_grad(t, context.inputs[0], axes_)};
}

// Division by an element fails where it is 0: there the product of the others is that of the
// elements which are not 0, or 0 if several are.
Variables ProductsOfOthersOp::formula(std::span<const Variable> inputs) const {
  const Split s(inputs[0], axes_);
  const Variable for_zero = where(eq(s.zeros, 1), s.product, 0);
  const Variable for_other = where(eq(s.zeros, 0), true_div(s.product, s.safe), 0);
  return {where(s.is_zero, for_zero, for_other)};
}

Variable products_of_others_grad(const Variable& h, const Variable& x,
                                 const std::vector<int64_t>& axes) {
  return apply_one(std::make_shared<ProductsOfOthersGradOp>(axes), {h, x});
}

std::vector<TensorType> ProductsOfOthersGradOp::infer_types(const TypeContext& context) const {
  for (size_t i : {0, 1}) {
    if (!is_floating(context.type(i).dtype)) context.type_error("an operand is not floating");
  }
  return {context.type(1)};
}

void ProductsOfOthersGradOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, context.dims(1));
}

// Output i is, over copy i without x[i], the sum of h[j] times the product of its others.
Variables ProductsOfOthersGradOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  if (!g.defined()) return {Variable(), Variable()};
  const Variable &h = context.inputs[0], &x = context.inputs[1];
  const Copies copies(x, axes_);
  const Variable weights = mul(copies.of_left_out(g), copies.of_others(h));
  const Variable back = products_of_others_grad(weights, copies.factors, copies.inner);
  return {products_of_others_grad(g, x, axes_), Copies::added(copies.of_others(back))};
}

Variables ProductsOfOthersGradOp::pushforward(const PushforwardContext& context) const {
  const Variable &h = context.inputs[0], &x = context.inputs[1];
  const Variable &of_h = context.tangents[0], &of_x = context.tangents[1];
  Variable result;
  if (of_h.defined()) result = products_of_others_grad(of_h, x, axes_);
  if (of_x.defined()) {
    const Copies copies(x, axes_);
    const Variable change =
        products_of_others_grad(copies.of_others(of_x), copies.factors, copies.inner);
    const Variable sums =
        reduce(ReduceKind::kSum, mul(copies.of_others(h), change), copies.inner, true);
    const Variable along_x = Copies::added(where(copies.is_left_out, sums, 0));
    result = result.defined() ? add(result, along_x) : along_x;
  }
  return {result};
}

// Only terms that leave out all zeros count.
Variables ProductsOfOthersGradOp::formula(std::span<const Variable> inputs) const {
  const Variable& h = inputs[0];
  const Split s(inputs[1], axes_);
  const Variable quotient = where(s.is_zero, 0, true_div(h, s.safe));
  const Variable quotients = reduce(ReduceKind::kSum, quotient, axes_, true);
  const Variable at_zeros = reduce(ReduceKind::kSum, where(s.is_zero, h, 0), axes_, true);
  const Variable one = eq(s.zeros, 1);
  const Variable for_zero = where(one, quotients, where(eq(s.zeros, 2), sub(at_zeros, h), 0));
  const Variable for_other =
      where(eq(s.zeros, 0), sub(quotients, quotient), where(one, at_zeros, 0));
  return {mul(s.product, where(s.is_zero, for_zero, true_div(for_other, s.safe)))};
}

}  // namespace bitale
