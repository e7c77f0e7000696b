#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/scalar_op.h"

namespace bitale {
namespace {

using P = const DerivativePoint&;
using Ints = std::span<const IntExpr>;

Variable pass(P p) { return p.g; }
Variable negated(P p) { return neg(p.g); }

const ScalarOp kAdd = {.name = "add",
                       .arity = 2,
                       .rule = DTypeRule::kNumeric,
                       .partials = {pass, pass},
                       .commutative = true,
                       .on_integers = [](Ints x) { return x[0] + x[1]; }};

const ScalarOp kSub = {.name = "sub",
                       .arity = 2,
                       .rule = DTypeRule::kNoBool,
                       .partials = {pass, negated},
                       .on_integers = [](Ints x) { return x[0] - x[1]; }};

const ScalarOp kMul = {
    .name = "mul",
    .arity = 2,
    .rule = DTypeRule::kNumeric,
    .partials = {[](P p) { return mul(p.g, p.x[1]); }, [](P p) { return mul(p.g, p.x[0]); }},
    .commutative = true,
    .on_integers = [](Ints x) { return x[0] * x[1]; }};

const ScalarOp kTrueDiv = {.name = "true_div",
                           .arity = 2,
                           .rule = DTypeRule::kFloat,
                           .partials = {[](P p) { return true_div(p.g, p.x[1]); },
                                        [](P p) { return neg(true_div(mul(p.g, p.y), p.x[1])); }}};

const ScalarOp kIntDiv = {.name = "int_div",
                          .arity = 2,
                          .rule = DTypeRule::kNoBool,
                          .partials = {zero_partial, zero_partial},
                          .on_integers = [](Ints x) { return floor_div(x[0], x[1]); }};

const ScalarOp kMod = {
    .name = "mod",
    .arity = 2,
    .rule = DTypeRule::kNoBool,
    .partials = {pass, [](P p) { return neg(mul(p.g, int_div(p.x[0], p.x[1]))); }},
    .on_integers = [](Ints x) { return floor_mod(x[0], x[1]); }};

// b * a^(b-1); 0 where b is 0, for then a^-1 may be infinite.
Variable pow_base(P p) {
  const Variable& exponent = p.x[1];
  const DType dtype = exponent.dtype();
  if (const std::optional<double> b = constant_scalar(exponent); b && exponent.rank() == 0) {
    if (*b == 0) return zero_partial(p);
    return mul(p.g, mul(exponent, pow(p.x[0], scalar_constant(dtype, *b - 1))));
  }
  const Variable is_zero = eq(exponent, 0);
  const Variable safe = where(is_zero, 1, exponent);
  return where(is_zero, 0, mul(p.g, mul(exponent, pow(p.x[0], sub(safe, 1)))));
}

// a^b * log(a); 0 where a is 0, for then log(a) is infinite.
Variable pow_exponent(P p) {
  const Variable is_zero = eq(p.x[0], 0);
  const Variable safe = where(is_zero, 1, p.x[0]);
  return where(is_zero, 0, mul(p.g, mul(p.y, log(safe))));
}

const ScalarOp kPow = {
    .name = "pow", .arity = 2, .rule = DTypeRule::kNoBool, .partials = {pow_base, pow_exponent}};

const ScalarOp kNeg = {.name = "neg",
                       .arity = 1,
                       .rule = DTypeRule::kNoBool,
                       .partials = {negated},
                       .on_integers = [](Ints x) { return 0 - x[0]; }};

const ScalarOp kAbs = {.name = "abs",
                       .arity = 1,
                       .rule = DTypeRule::kNumeric,
                       .partials = {[](P p) { return mul(p.g, sgn(p.x[0])); }},
                       .on_integers = [](Ints x) { return max(x[0], 0 - x[0]); }};

const ScalarOp kSgn = {.name = "sgn",
                       .arity = 1,
                       .rule = DTypeRule::kNoBool,
                       .partials = {zero_partial},
                       .on_integers = [](Ints x) { return less(0, x[0]) - less(x[0], 0); }};

const ScalarOp kSqr = {.name = "sqr",
                       .arity = 1,
                       .rule = DTypeRule::kNumeric,
                       .partials = {[](P p) { return mul(p.g, mul(2, p.x[0])); }},
                       .on_integers = [](Ints x) { return x[0] * x[0]; }};

// The whole factor where the operand `counts`, but half where the two are equal.
Variable share(P p, const Variable& counts) {
  return where(counts, where(eq(p.x[0], p.x[1]), mul(0.5, p.g), p.g), 0);
}

const ScalarOp kMaximum = {.name = "maximum",
                           .arity = 2,
                           .rule = DTypeRule::kNumeric,
                           .partials = {[](P p) { return share(p, ge(p.x[0], p.x[1])); },
                                        [](P p) { return share(p, le(p.x[0], p.x[1])); }},
                           .commutative = true,
                           .on_integers = [](Ints x) { return max(x[0], x[1]); }};

const ScalarOp kMinimum = {.name = "minimum",
                           .arity = 2,
                           .rule = DTypeRule::kNumeric,
                           .partials = {[](P p) { return share(p, le(p.x[0], p.x[1])); },
                                        [](P p) { return share(p, ge(p.x[0], p.x[1])); }},
                           .commutative = true,
                           .on_integers = [](Ints x) { return min(x[0], x[1]); }};

const ScalarOp kClip = {
    .name = "clip",
    .arity = 3,
    .rule = DTypeRule::kNumeric,
    .partials = {
        [](P p) { return where(logical_and(le(p.x[1], p.x[0]), le(p.x[0], p.x[2])), p.g, 0); },
        [](P p) { return where(logical_and(lt(p.x[0], p.x[1]), le(p.x[1], p.x[2])), p.g, 0); },
        [](P p) { return where(logical_or(gt(p.x[0], p.x[2]), gt(p.x[1], p.x[2])), p.g, 0); }},
    .on_integers = [](Ints x) { return min(max(x[0], x[1]), x[2]); }};

}  // namespace

Variable add(Operand a, Operand b) { return apply_scalar(kAdd, {a, b}); }
Variable sub(Operand a, Operand b) { return apply_scalar(kSub, {a, b}); }
Variable mul(Operand a, Operand b) { return apply_scalar(kMul, {a, b}); }
Variable true_div(Operand a, Operand b) { return apply_scalar(kTrueDiv, {a, b}); }
Variable int_div(Operand a, Operand b) { return apply_scalar(kIntDiv, {a, b}); }
Variable mod(Operand a, Operand b) { return apply_scalar(kMod, {a, b}); }
Variable pow(Operand a, Operand b) { return apply_scalar(kPow, {a, b}); }
Variable neg(Operand x) { return apply_scalar(kNeg, {x}); }
Variable abs(Operand x) { return apply_scalar(kAbs, {x}); }
Variable sgn(Operand x) { return apply_scalar(kSgn, {x}); }
Variable sqr(Operand x) { return apply_scalar(kSqr, {x}); }
Variable maximum(Operand a, Operand b) { return apply_scalar(kMaximum, {a, b}); }
Variable minimum(Operand a, Operand b) { return apply_scalar(kMinimum, {a, b}); }
Variable clip(Operand x, Operand low, Operand high) { return apply_scalar(kClip, {x, low, high}); }

}  // namespace bitale
