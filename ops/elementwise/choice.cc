#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/elementwise_op.h"

namespace bitale {
namespace {

using P = const DerivativePoint&;
using Ints = std::span<const IntExpr>;

const ScalarOp kWhere = {.name = "where",
                         .arity = 3,
                         .rule = DTypeRule::kWhere,
                         .partials = {nullptr, [](P p) { return where(p.x[0], p.g, 0); },
                                      [](P p) { return where(p.x[0], 0, p.g); }},
                         .on_integers = [](Ints x) { return select(x[0], x[1], x[2]); }};

// Pushed forward, the factor has the input's dtype; pulled back, the output's.
Variable cast_partial(P p) {
  const bool forward = p.g.dtype() == p.x[0].dtype();
  return cast(p.g, forward ? p.y.dtype() : p.x[0].dtype());
}

const ScalarOp kCast = {.name = "cast",
                        .arity = 1,
                        .rule = DTypeRule::kCast,
                        .partials = {cast_partial},
                        .on_integers = [](Ints x) { return x[0]; }};

const ScalarOp kSecond = {.name = "second",
                          .arity = 2,
                          .rule = DTypeRule::kSecond,
                          .partials = {nullptr, [](P p) { return p.g; }},
                          .on_integers = [](Ints x) { return x[1]; }};

}  // namespace

Variable where(Operand condition, Operand a, Operand b) {
  // The condition's dtype says nothing about the branches'.
  const Variables branches = resolve_operands("where", {a, b});
  return apply_scalar(kWhere, {condition.variable(), branches[0], branches[1]}, condition.site());
}

Variable cast(Operand x, DType dtype) {
  const Variable v = x.variable_for(dtype, "cast");
  if (v.defined() && v.dtype() == dtype) return v;
  // A constant is cast at once, so that weak numbers leave no node behind.
  if (v.defined() && v.is_constant() && v.rank() == 0) {
    return constant(v.value().cast(dtype), "", x.site());
  }
  return apply_one(std::make_shared<ElementwiseOp>(kCast, BroadcastMasks{0}, dtype), {v}, x.site());
}

Variable second(Operand a, Operand b) {
  return apply_scalar(kSecond, {a.variable(), b.variable_for(a.variable().dtype(), "second")},
                      a.site());
}

}  // namespace bitale
