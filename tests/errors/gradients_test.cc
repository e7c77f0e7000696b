// Mistakes about gradients.

#include "autograd/grad.h"
#include "autograd/pushforward.h"
#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

TEST(GradientMistakes, OfAMatrix) {
  const Variable x = fmatrix("x"), y = x * 2.0;
  expect_mistake<GradientError>([&] { grad(y, x); }, R"(
grad: the cost must be a floating scalar, but it is float32 (?, ?)
  cost: mul.0 float32 (?, ?), made at {-1}
  at: {0}
  hint: reduce it with sum() or mean(), or see lop() and jacobian())");
}

TEST(GradientMistakes, OfAnInteger) {
  const Variable x = lvector("x"), cost = sum(x);
  expect_mistake<GradientError>([&] { grad(cost, x); }, R"(
grad: the cost must be a floating scalar, but it is int64 ()
  cost: sum.0 int64 (), made at {-1}
  at: {0}
  hint: only floating variables have derivatives)");
}

TEST(GradientMistakes, ForAnInteger) {
  const Variable x = fvector("x"), n = lscalar("n"), cost = sum(x * n);
  expect_mistake<GradientError>([&] { grad(cost, n); }, R"(
grad: wrt 0 is int64; only floating variables have derivatives
  wrt 0: n int64 (), made at {-1}
  at: {0}
  hint: cast to a floating dtype first)");
}

TEST(GradientMistakes, ForWhatTheCostDoesNotDependOn) {
  const Variable x = fvector("x"), y = fvector("y"), cost = sum(x * 2.0);
  expect_mistake<GradientError>([&] { grad(cost, y); }, R"(
grad: no gradient reaches wrt 0, y
  wrt 0: y float32 (?,), made at {-1}
  cost: sum.0 float32 (), made at {-1}
  why: there is no path: nothing that is differentiated depends on it
  at: {0}
  hint: leave it out, or ask for Disconnected::kIgnore to get zeros)");
}

TEST(GradientMistakes, ThroughADiscreteFunction) {
  const Variable x = fvector("x"), cost = mean(cast(eq(x, 1.0), DType::kFloat32));
  expect_mistake<GradientError>([&] { grad(cost, x); }, R"(
grad: no gradient reaches wrt 0, x
  wrt 0: x float32 (?,), made at {-1}
  cost: true_div.0 float32 (), made at {-1}
  why: the path goes through eq.0 bool (?,), made at {-1}, and no gradient flows through bool
  at: {0}
  hint: leave it out, or ask for Disconnected::kIgnore to get zeros)");
}

TEST(GradientMistakes, ForAVariableThatWasNeverMade) {
  const Variable x = fvector("x"), cost = sum(x);
  expect_mistake<GradientError>([&] { grad(cost, Variable()); }, R"(
grad: wrt 0 is no variable (a default-constructed Variable)
  at: {0})");
}

TEST(GradientMistakes, OfACostThatWasNeverMade) {
  const Variable x = fvector("x");
  expect_mistake<GradientError>([&] { grad(Variable(), x); }, R"(
grad: the cost is no variable (a default-constructed Variable)
  at: {0}
  hint: it may be left out only with .known_grads)");
}

TEST(GradientMistakes, AKnownGradientOfAnotherType) {
  const Variable x = fvector("x"), y = x * 2.0, g = fmatrix("g");
  expect_mistake<GradientError>([&] { grad({}, x, {.known_grads = {{y, g}}}); }, R"(
grad: value of known_grads 0: float32 (?, ?) does not fit mul.0, which is float32 (?,)
  made at: {-1}
  at: {0})");
}

TEST(GradientMistakes, ATangentOfAnotherType) {
  const Variable x = fvector("x"), v = fmatrix("v"), y = sqr(x);
  expect_mistake<GradientError>([&] { rop(y, x, v); }, R"(
rop: tangent 0: float32 (?, ?) does not fit x, which is float32 (?,)
  made at: {-1}
  at: {0})");
}

TEST(GradientMistakes, ADirectionOfAnotherType) {
  const Variable x = fvector("x"), v = dvector("v"), cost = sum(sqr(x));
  expect_mistake<GradientError>([&] { hessian_vector_product(cost, x, v); }, R"(
hessian_vector_product: direction 0: float64 (?,) does not fit x, which is float32 (?,)
  made at: {-1}
  at: {0})");
}

}  // namespace
}  // namespace bitale
