#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/scalar_op.h"

namespace bitale {
namespace {

constexpr ScalarOp rounding_op(const char* name) {
  return {.name = name, .arity = 1, .rule = DTypeRule::kFloat, .partials = {zero_partial}};
}

const ScalarOp kRound = rounding_op("round");
const ScalarOp kFloor = rounding_op("floor");
const ScalarOp kCeil = rounding_op("ceil");
const ScalarOp kTrunc = rounding_op("trunc");

Variable rounded(const ScalarOp& op, Operand x) {
  const Variable v = x.variable();
  if (v.defined() && is_discrete(v.dtype())) return v;
  return apply_scalar(op, {x});
}

}  // namespace

Variable round(Operand x) { return rounded(kRound, x); }
Variable floor(Operand x) { return rounded(kFloor, x); }
Variable ceil(Operand x) { return rounded(kCeil, x); }
Variable trunc(Operand x) { return rounded(kTrunc, x); }

}  // namespace bitale
