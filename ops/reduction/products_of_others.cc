#include <memory>

#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/products_of_others_internal.h"
#include "ops/reduction/reduction.h"

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

// sum over i != j of h[i] times the product of all x but x[i] and x[j]: the derivative of the products
// of others along h, which is symmetric. Only terms that leave out all zeros count.
Variable derivative_along(const Variable& h, const Variable& x, const std::vector<int64_t>& axes) {
  const Split s(x, axes);
  const Variable quotient = where(s.is_zero, 0, true_div(h, s.safe));
  const Variable quotients = reduce(ReduceKind::kSum, quotient, axes, true);
  const Variable at_zeros = reduce(ReduceKind::kSum, where(s.is_zero, h, 0), axes, true);
  const Variable one = eq(s.zeros, 1);
  const Variable for_zero =
      where(one, quotients, where(eq(s.zeros, 2), sub(at_zeros, h), 0));
  const Variable for_other =
      where(eq(s.zeros, 0), sub(quotients, quotient), where(one, at_zeros, 0));
  return mul(s.product, where(s.is_zero, for_zero, true_div(for_other, s.safe)));
}

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
  const Variable& h = context.output_gradients[0];
  if (!h.defined()) return {Variable()};
  return {derivative_along(h, context.inputs[0], axes_)};
}

Variables ProductsOfOthersOp::pushforward(const PushforwardContext& context) const {
  const Variable& t = context.tangents[0];
  if (!t.defined()) return {Variable()};
  return {derivative_along(t, context.inputs[0], axes_)};
}

// Division by an element fails where it is 0: there the product of the others is that of the elements
// which are not 0, or 0 if several are.
Variables ProductsOfOthersOp::formula(std::span<const Variable> inputs) const {
  const Split s(inputs[0], axes_);
  const Variable for_zero = where(eq(s.zeros, 1), s.product, 0);
  const Variable for_other = where(eq(s.zeros, 0), true_div(s.product, s.safe), 0);
  return {where(s.is_zero, for_zero, for_other)};
}

}  // namespace bitale
