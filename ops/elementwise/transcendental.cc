#include <numbers>

#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/scalar_op.h"

namespace bitale {
namespace {

using P = const DerivativePoint&;

constexpr ScalarOp float_op(const char* name, Partial partial) {
  return {.name = name, .arity = 1, .rule = DTypeRule::kFloat, .partials = {partial}};
}

const ScalarOp kSqrt = float_op("sqrt", [](P p) { return true_div(p.g, mul(2.0, p.y)); });
const ScalarOp kExp = float_op("exp", [](P p) { return mul(p.g, p.y); });
const ScalarOp kExpm1 = float_op("expm1", [](P p) { return mul(p.g, exp(p.x[0])); });
const ScalarOp kLog = float_op("log", [](P p) { return true_div(p.g, p.x[0]); });
const ScalarOp kLog1p = float_op("log1p", [](P p) { return true_div(p.g, add(1.0, p.x[0])); });
const ScalarOp kLog2 =
    float_op("log2", [](P p) { return true_div(p.g, mul(std::numbers::ln2, p.x[0])); });
const ScalarOp kLog10 =
    float_op("log10", [](P p) { return true_div(p.g, mul(std::numbers::ln10, p.x[0])); });
const ScalarOp kSin = float_op("sin", [](P p) { return mul(p.g, cos(p.x[0])); });
const ScalarOp kCos = float_op("cos", [](P p) { return neg(mul(p.g, sin(p.x[0]))); });
const ScalarOp kTan = float_op("tan", [](P p) { return mul(p.g, add(1.0, sqr(p.y))); });
const ScalarOp kAsin =
    float_op("asin", [](P p) { return true_div(p.g, sqrt(sub(1.0, sqr(p.x[0])))); });
const ScalarOp kAcos =
    float_op("acos", [](P p) { return neg(true_div(p.g, sqrt(sub(1.0, sqr(p.x[0]))))); });
const ScalarOp kAtan = float_op("atan", [](P p) { return true_div(p.g, add(1.0, sqr(p.x[0]))); });
const ScalarOp kSinh = float_op("sinh", [](P p) { return mul(p.g, cosh(p.x[0])); });
const ScalarOp kCosh = float_op("cosh", [](P p) { return mul(p.g, sinh(p.x[0])); });
const ScalarOp kTanh = float_op("tanh", [](P p) { return mul(p.g, sub(1.0, sqr(p.y))); });

// d erf / dx = 2 / sqrt(pi) * exp(-x^2).
Variable erf_slope(P p) {
  return mul(p.g, mul(2.0 * std::numbers::inv_sqrtpi, exp(neg(sqr(p.x[0])))));
}
const ScalarOp kErf = float_op("erf", erf_slope);
const ScalarOp kErfc = float_op("erfc", [](P p) { return neg(erf_slope(p)); });

const ScalarOp kAtan2 = {
    .name = "atan2",
    .arity = 2,
    .rule = DTypeRule::kFloat,
    .partials = {
        [](P p) { return true_div(mul(p.g, p.x[1]), add(sqr(p.x[0]), sqr(p.x[1]))); },
        [](P p) { return neg(true_div(mul(p.g, p.x[0]), add(sqr(p.x[0]), sqr(p.x[1])))); }}};

}  // namespace

Variable sqrt(Operand x) { return apply_scalar(kSqrt, {x}); }
Variable exp(Operand x) { return apply_scalar(kExp, {x}); }
Variable expm1(Operand x) { return apply_scalar(kExpm1, {x}); }
Variable log(Operand x) { return apply_scalar(kLog, {x}); }
Variable log1p(Operand x) { return apply_scalar(kLog1p, {x}); }
Variable log2(Operand x) { return apply_scalar(kLog2, {x}); }
Variable log10(Operand x) { return apply_scalar(kLog10, {x}); }
Variable sin(Operand x) { return apply_scalar(kSin, {x}); }
Variable cos(Operand x) { return apply_scalar(kCos, {x}); }
Variable tan(Operand x) { return apply_scalar(kTan, {x}); }
Variable asin(Operand x) { return apply_scalar(kAsin, {x}); }
Variable acos(Operand x) { return apply_scalar(kAcos, {x}); }
Variable atan(Operand x) { return apply_scalar(kAtan, {x}); }
Variable atan2(Operand y, Operand x) { return apply_scalar(kAtan2, {y, x}); }
Variable sinh(Operand x) { return apply_scalar(kSinh, {x}); }
Variable cosh(Operand x) { return apply_scalar(kCosh, {x}); }
Variable tanh(Operand x) { return apply_scalar(kTanh, {x}); }
Variable erf(Operand x) { return apply_scalar(kErf, {x}); }
Variable erfc(Operand x) { return apply_scalar(kErfc, {x}); }

}  // namespace bitale
