// Mistakes about Jacobians, Hessians, and gradients that are cut or checked.

#include "autograd/grad.h"
#include "autograd/hessian.h"
#include "autograd/jacobian.h"
#include "autograd/pushforward.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "nn/sgd.h"
#include "nn/regularizers.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gradient_control/gradient_control.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

TEST(JacobianMistakes, OfIntegers) {
  const Variable x = lvector("x"), y = x * 2;
  expect_mistake<GradientError>([&] { jacobian(y, x); }, R"(
jacobian: expression 0 is int64; only floating variables have derivatives
  expression 0: mul.0 int64 (?,), made at {-1}
  at: {0}
  hint: cast to a floating dtype first)");
}

TEST(JacobianMistakes, ForWhatTheExpressionDoesNotDependOn) {
  const Variable x = fvector("x"), z = fvector("z"), y = x * 2.0;
  expect_mistake<GradientError>([&] { jacobian(y, z); }, R"(
jacobian: no gradient reaches wrt 0, z
  wrt 0: z float32 (?,), made at {-1}
  expression: mul.0 float32 (?,), made at {-1}
  why: there is no path: nothing that is differentiated depends on it
  at: {0}
  hint: leave it out, or ask for Disconnected::kIgnore to get zeros)");
}

TEST(JacobianMistakes, OfAVariableThatWasNeverMade) {
  const Variable x = fvector("x");
  expect_mistake<GradientError>([&] { jacobian(Variable(), x); }, R"(
jacobian: expression 0 is no variable (a default-constructed Variable)
  at: {0})");
}

TEST(HessianMistakes, OfAVector) {
  const Variable x = fvector("x"), y = sqr(x);
  expect_mistake<GradientError>([&] { hessian(y, x); }, R"(
hessian: the cost must be a floating scalar, but it is float32 (?,)
  cost: sqr.0 float32 (?,), made at {-1}
  at: {0}
  hint: reduce it with sum() or mean(), or see lop() and jacobian())");
}

TEST(HessianMistakes, ForWhatTheCostDoesNotDependOn) {
  const Variable x = fvector("x"), z = fvector("z"), cost = sum(sqr(x));
  expect_mistake<GradientError>([&] { hessian(cost, z); }, R"(
hessian: no gradient reaches wrt 0, z
  wrt 0: z float32 (?,), made at {-1}
  cost: sum.0 float32 (), made at {-1}
  why: there is no path: nothing that is differentiated depends on it
  at: {0}
  hint: leave it out, or ask for Disconnected::kIgnore to get zeros)");
}

TEST(HessianMistakes, ADirectionTooFew) {
  const Variable x = fvector("x"), z = fvector("z"), cost = sum(sqr(x * z));
  expect_mistake<GradientError>([&] { hessian_vector_product(cost, {x, z}, {x}); }, R"(
hessian_vector_product: 1 directions for 2 variables
  at: {0})");
}

TEST(HessianMistakes, ADirectionThatWasNeverMade) {
  const Variable x = fvector("x"), cost = sum(sqr(x));
  expect_mistake<GradientError>([&] { hessian_vector_product(cost, x, Variable()); }, R"(
hessian_vector_product: direction 0 is no variable (a default-constructed Variable)
  at: {0})");
}

TEST(HessianMistakes, ADirectionOfAnotherLengthAtACall) {
  const Variable x = dvector("x"), v = dvector("v"), cost = sum(sqr(x) * x);
  const Function f = function({x, v}, hessian_vector_product(cost, x, v));
  expect_mistake<ShapeError>([&] { f(Tensor::ones(DType::kFloat64, {2}), Tensor::ones(DType::kFloat64, {3})); }, R"(
mul: operands could not be broadcast: dims differ: 3 and 2
  operand 0: v float64 (3,), made at {-2}
  operand 1: mul.0 float64 (2,), made at gradient of {-2}
  at: gradient of {-2}
  hint: dims are aligned from the right; one of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis), or give the dim as 1)");
}

TEST(LopMistakes, AGradientOfAnotherRank) {
  const Variable x = fvector("x"), v = fmatrix("v"), y = sqr(x);
  expect_mistake<GradientError>([&] { lop(y, x, v); }, R"(
lop: output gradient 0: float32 (?, ?) does not fit sqr.0, which is float32 (?,)
  made at: {-1}
  at: {0})");
}

TEST(RopMistakes, OfWhatDoesNotDependOnTheVariable) {
  const Variable x = fvector("x"), z = fvector("z"), y = sqr(x);
  expect_mistake<GradientError>([&] { rop(y, z, z); }, R"(
rop: output 0, sqr.0, does not move with any wrt
  output 0: sqr.0 float32 (?,), made at {-1}
  at: {0}
  hint: leave it out, or ask for Disconnected::kIgnore to get zeros)");
}

TEST(GradientControlMistakes, BehindADisconnectedGradient) {
  const Variable x = fvector("x"), y = disconnected_grad(sqr(x)), cost = sum(y);
  expect_mistake<GradientError>([&] { grad(cost, x); }, R"(
grad: no gradient reaches wrt 0, x
  wrt 0: x float32 (?,), made at {-1}
  cost: sum.0 float32 (), made at {-1}
  why: disconnected_grad at {-1} cuts the gradient
  at: {0}
  hint: leave it out, or ask for Disconnected::kIgnore to get zeros)");
}

TEST(GradientControlMistakes, OfAConstant) {
  const Variable x = fvector("x"), y = sqr(x), cost = sum(y);
  expect_mistake<GradientError>([&] { grad(cost, x, {.consider_constant = {y}}); }, R"(
grad: no gradient reaches wrt 0, x
  wrt 0: x float32 (?,), made at {-1}
  cost: sum.0 float32 (), made at {-1}
  why: the path goes through sqr.0 float32 (?,), made at {-1}, which is in consider_constant
  at: {0}
  hint: leave it out, or ask for Disconnected::kIgnore to get zeros)");
}

TEST(GradientControlMistakes, OfAConstantThatWasNeverMade) {
  const Variable x = fvector("x"), cost = sum(x);
  expect_mistake<GradientError>([&] { grad(cost, x, {.consider_constant = {Variable()}}); }, R"(
grad: consider_constant 0 is no variable (a default-constructed Variable)
  at: {0})");
}

TEST(GradientControlMistakes, AClipUpsideDown) {
  const Variable x = fvector("x");
  expect_mistake<GraphError>([&] { grad_clip(x, 1.0, -1.0); }, R"(
grad_clip: low must not be above high, but 1 > -1
  at: {0})");
}

TEST(GradientControlMistakes, AKnownGradientForTwoVariables) {
  const Variable x = fvector("x"), y = sqr(x), g = fvector("g");
  expect_mistake<GradientError>([&] { grad({}, x, {.known_grads = {{y, g}, {y, g}}}); }, R"(
grad: known_grads holds sqr.0 twice
  variable: sqr.0 float32 (?,), made at {-1}
  at: {0})");
}

TEST(SgdMistakes, AParameterThatIsNotShared) {
  const Variable w = fvector("w"), cost = sum(sqr(w));
  expect_mistake<CompileError>([&] { function({w}, cost, {.updates = sgd(cost, {w}, 0.1)}); }, R"(
function: w cannot be updated: it is not a shared variable
  made at: {-1}
  at: {0})");
}

TEST(SgdMistakes, ARateOfAnotherDtype) {
  const Variable w = shared(Tensor::ones(DType::kFloat32, {3}), "w"), rate = dscalar("rate");
  const Variable cost = sum(sqr(w));
  expect_mistake<TypeError>([&] { function({rate}, cost, {.updates = sgd(cost, {w}, rate)}); }, R"(
function: the update of w has another type: float64 (3,) for float32 (3,)
  shared variable: w, made at {-2}
  new value: sub.0, made at {0} (sgd)
  first float64: cast{dtype=float64}, made at {0} (sgd)
  at: {0})");
}

TEST(RegularizerMistakes, NoWeights) {
  expect_mistake<GraphError>([&] { l1_norm({}); }, R"(
l1_norm: no weights are given
  at: {0})");
}

TEST(RegularizerMistakes, AWeightThatWasNeverMade) {
  expect_mistake<TypeError>([&] { l2_norm_squared({Variable()}); }, R"(
sqr: operand 0 is no variable (a default-constructed Variable)
  at: {0} (l2_norm_squared))");
}

}  // namespace
}  // namespace bitale
