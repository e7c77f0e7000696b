#include "autograd/grad.h"

#include <cmath>
#include <ctime>
#include <string>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/shape_context.h"
#include "core/graph/traversal.h"
#include "gtest/gtest.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gradient_control/gradient_control.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

double value_at(const Variable& expression, const Variable& x, double at) {
  return eval(expression, {{x, Tensor(at)}}).item<double>();
}

TEST(Grad, OfAPolynomialIsItsDerivative) {
  const Variable x = dscalar("x");
  const Variable g = grad(x * x * x - 2.0 * x, x);
  EXPECT_DOUBLE_EQ(value_at(g, x, 3.0), 25.0);
}

TEST(Grad, OfTheCostItselfIsOne) {
  const Variable x = dscalar("x");
  const Variable cost = sqr(x);
  EXPECT_EQ(value_at(grad(cost, cost), x, 3.0), 1.0);
}

TEST(Grad, CanBeTakenAgain) {
  const Variable x = dscalar("x");
  const Variable first = grad(x * x * x * x, x);
  const Variable second = grad(first, x);
  const Variable third = grad(second, x);
  EXPECT_DOUBLE_EQ(value_at(first, x, 2.0), 32.0);
  EXPECT_DOUBLE_EQ(value_at(second, x, 2.0), 48.0);
  EXPECT_DOUBLE_EQ(value_at(third, x, 2.0), 48.0);
}

TEST(Grad, AddsWhatFlowsBackOverAllPaths) {
  const Variable x = dscalar("x");
  const Variable y = exp(x);
  EXPECT_DOUBLE_EQ(value_at(grad(y * y + y + x, x), x, 0.0), 4.0);
}

TEST(Grad, MatchesDifferencesForAComposedExpression) {
  run_op_case({.name = "two-layer network",
               .inputs = {random_tensor({5, 3}, -1, 1, 1), random_tensor({3, 4}, -1, 1, 2),
                          random_tensor({4}, -1, 1, 3), random_tensor({4, 2}, -1, 1, 4)},
               .build = [](const Variables& v) {
                 const Variable hidden = tanh(dot(v[0], v[1]) + v[2]);
                 return mean(sqr(dot(hidden, v[3])));
               }});
}

TEST(Grad, HasTheTypeOfItsVariable) {
  const Variable w = tensor(DType::kFloat32, {784, 10}, "W");
  const Variable b = tensor(DType::kFloat32, {10}, "b");
  const Variable x = tensor(DType::kFloat32, {"batch", 784}, "x");
  const Variables gs = grad(mean(sqr(dot(x, w) + b)), {w, b, x});
  EXPECT_EQ(gs[0].type(), w.type());
  EXPECT_EQ(gs[1].type(), b.type());
  EXPECT_EQ(gs[2].type(), x.type());
}

TEST(Grad, OfAnIntermediateAndOfWhatItDependsOn) {
  const Variable x = dscalar("x");
  const Variable middle = sqr(x);
  const Variables gs = grad(exp(middle), {middle, x});
  EXPECT_NEAR(value_at(gs[0], x, 0.5), std::exp(0.25), 1e-12);
  EXPECT_NEAR(value_at(gs[1], x, 0.5), std::exp(0.25), 1e-12);
}

TEST(Grad, LeavesTheUsersGraphAsItIs) {
  const Variable x = dscalar("x");
  const Variable cost = log(1.0 + exp(x));
  const std::vector<Apply*> before = topological_order(Variables{cost});
  grad(cost, x);
  EXPECT_EQ(topological_order(Variables{cost}), before);
}

TEST(Grad, NodesNameTheForwardLine) {
  const Variable x = dscalar("x");
  const SourceSite here = SourceSite::current();
  const Variable g = grad(sin(x), x);  // one line below `here`
  ASSERT_NE(g.owner(), nullptr);
  EXPECT_TRUE(g.site().from_gradient);
  EXPECT_EQ(g.site().source.line, here.line + 1);
  EXPECT_NE(g.site().str().find("gradient of "), std::string::npos);
}

// --- Options
// ---------------------------------------------------------------------------------------

TEST(Grad, ConsiderConstantStopsTheFlow) {
  const Variable x = dscalar("x");
  const Variable y = sqr(x);
  EXPECT_DOUBLE_EQ(value_at(grad(y * x, x, {.consider_constant = {y}}), x, 3.0), 9.0);
}

TEST(Grad, KnownGradientReplacesWhatWouldFlow) {
  const Variable x = dscalar("x"), known = dscalar("known");
  const Variable y = sqr(x);
  const Variable g = grad(exp(y), x, {.known_grads = {{y, known}}});
  EXPECT_DOUBLE_EQ(eval(g, {{x, Tensor(3.0)}, {known, Tensor(5.0)}}).item<double>(), 30.0);
}

TEST(Grad, KnownGradientsNeedNoCost) {
  const Variable x = dvector("x"), known = dvector("known");
  const Variable g = grad(Variable(), x, {.known_grads = {{sqr(x), known}}});
  const Tensor got =
      eval(g, {{x, Tensor::of<double>({1, 2})}, {known, Tensor::of<double>({10, 100})}});
  EXPECT_TRUE(close_to(got, Tensor::of<double>({20, 400})));
}

TEST(Grad, IgnoredDisconnectedInputsAreZeros) {
  const Variable x = dscalar("x"), w = tensor(DType::kFloat64, {2, 3}, "w");
  const Variables gs = grad(sqr(x), {x, w}, {.disconnected_inputs = Disconnected::kIgnore});
  EXPECT_EQ(gs[1].type(), w.type());
  EXPECT_TRUE(equal_to(eval(gs[1], {{w, Tensor::ones(DType::kFloat64, {2, 3})}}),
                       Tensor::zeros(DType::kFloat64, {2, 3})));
}

TEST(Grad, IgnoredDisconnectedInputsCanStayUndefined) {
  const Variable x = dscalar("x"), w = dmatrix("w");
  EXPECT_FALSE(
      grad(sqr(x), {x, w},
           {.disconnected_inputs = Disconnected::kIgnore, .undefined_if_disconnected = true})[1]
          .defined());
}

TEST(Grad, WarnsOfDisconnectedInputsWhenAsked) {
  const Variable x = dscalar("x"), w = dscalar("w");
  ::testing::internal::CaptureStderr();
  grad(sqr(x), w, {.disconnected_inputs = Disconnected::kWarn});
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("warning: grad: no gradient reaches"),
            std::string::npos);
}

// --- Errors
// ----------------------------------------------------------------------------------------

TEST(GradErrors, CostThatIsNoScalar) {
  const Variable x = dmatrix("x");
  expect_error<GradientError>(
      [&] { grad(sqr(x), x); },
      {"grad: the cost must be a floating scalar, but it is float64 (?, ?)",
       "cost: sqr.0 float64 (?, ?), made at", "hint: reduce it with sum() or mean()"});
}

TEST(GradErrors, CostThatIsAnInteger) {
  const Variable x = dvector("x");
  expect_error<GradientError>([&] { grad(argmax(x), x); },
                              {"grad: the cost must be a floating scalar, but it is int64 ()",
                               "argmax.0", "only floating variables have derivatives"});
}

TEST(GradErrors, WrtThatIsAnInteger) {
  const Variable x = dscalar("x"), n = lscalar("n");
  expect_error<GradientError>([&] { grad(sqr(x) * n, n); },
                              {"grad: wrt 0 is int64", "wrt 0: n int64 (), made at"});
}

TEST(GradErrors, UndefinedCostAndWrt) {
  const Variable x = dscalar("x");
  expect_error<GradientError>([&] { grad(Variable(), x); }, {"grad: the cost is no variable"});
  expect_error<GradientError>([&] { grad(sqr(x), Variable()); }, {"grad: wrt 0 is no variable"});
}

TEST(GradErrors, WrtThatTheCostDoesNotDependOn) {
  const Variable x = dscalar("x"), w = dmatrix("W");
  expect_error<GradientError>(
      [&] {
        grad(sqr(x), {x, w});
      },
      {"grad: no gradient reaches wrt 1, W", "wrt 1: W float64 (?, ?), made at",
       "cost: sqr.0 float64 ()", "why: there is no path", "Disconnected::kIgnore"});
}

TEST(GradErrors, PathThroughArgmax) {
  const Variable x = dvector("x");
  const Variable cost = cast(argmax(x), DType::kFloat64) * 2.0;
  expect_error<GradientError>([&] { grad(cost, x); },
                              {"grad: no gradient reaches wrt 0, x",
                               "why: the path goes through argmax.0 int64 (), made at",
                               "no gradient flows through integers"});
}

TEST(GradErrors, PathThroughACastToInteger) {
  const Variable x = dscalar("x");
  const Variable cost = cast(cast(x, DType::kInt32), DType::kFloat64);
  expect_error<GradientError>([&] { grad(cost, x); },
                              {"grad: no gradient reaches wrt 0, x",
                               "why: the path goes through cast.0 int32 (), made at"});
}

TEST(GradErrors, PathThroughDisconnectedGrad) {
  const Variable x = dscalar("x");
  const Variable cost = sqr(disconnected_grad(x));
  expect_error<GradientError>(
      [&] { grad(cost, x); },
      {"grad: no gradient reaches wrt 0, x", "why: disconnected_grad at", "cuts the gradient"});
}

TEST(GradErrors, PathThroughTheShapeOnly) {
  const Variable x = dvector("x");
  const Variable cost = cast(shape(x, 0), DType::kFloat64);
  expect_error<GradientError>([&] { grad(cost, x); }, {"grad: no gradient reaches wrt 0, x",
                                                       "which depends on the shape only"});
}

TEST(GradErrors, PathThroughAConstantOfTheOptions) {
  const Variable x = dscalar("x");
  const Variable y = sqr(x).named("y");
  expect_error<GradientError>(
      [&] { grad(exp(y), x, {.consider_constant = {y}}); },
      {"grad: no gradient reaches wrt 0, x", "why: the path goes through y float64 ()",
       "which is in consider_constant"});
}

TEST(GradErrors, KnownGradientOfAnotherType) {
  const Variable x = dvector("x"), known = dscalar("known");
  expect_error<GradientError>(
      [&] {
        grad(sum(x), x, {.known_grads = {{x, known}}});
      },
      {"grad: value of known_grads 0: float64 () does not fit x, which is float64 (?,)"});
}

// --- Contract of pullbacks
// -------------------------------------------------------------------------

class WrongPullbackOp final : public Op {
 public:
  std::string_view name() const override { return "wrong_pullback"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }
  Variables pullback(const PullbackContext& context) const override {
    return {sum(context.output_gradients[0])};
  }
};

TEST(GradErrors, PullbackOfAWrongTypeNamesTheOp) {
  const Variable x = dvector("x");
  const Variable y = apply_one(std::make_shared<WrongPullbackOp>(), {x}, SourceSite::current());
  expect_error<GradientError>([&] { grad(sum(y), x); },
                              {"grad: internal error: the pullback of wrong_pullback, operand 0"});
}

// --- Scale
// -----------------------------------------------------------------------------------------

double seconds_to_differentiate(int nodes) {
  const Variable x = dscalar("x");
  Variable y = x;
  for (int i = 0; i < nodes; ++i) y = sin(y);
  const std::clock_t start = std::clock();  // processor time: the machine may be busy
  const Variable g = grad(y, x);
  const std::clock_t stop = std::clock();
  EXPECT_GE(topological_order(Variables{g}).size(), static_cast<size_t>(nodes));
  return static_cast<double>(stop - start) / CLOCKS_PER_SEC;
}

TEST(Grad, DifferentiatesLongChainsInLinearTime) {
  seconds_to_differentiate(1000);
  const double small = seconds_to_differentiate(25000);
  const double large = seconds_to_differentiate(100000);
  // Four times the nodes; quadratic growth would take sixteen times as long.
  EXPECT_LT(large, 10 * small + 0.05);
}

TEST(Grad, AddsManyContributionsInADeterministicOrder) {
  const auto build = [] {
    const Variable x = dscalar("x");
    Variable y = x;
    for (int i = 0; i < 20; ++i) y = y + x * static_cast<double>(i);
    return std::pair(x, grad(y, x));
  };
  const auto [x1, g1] = build();
  const auto [x2, g2] = build();
  Replacements same = {{x1, x2}};
  EXPECT_TRUE(structurally_equal(clone_graph(Variables{g1}, same), Variables{g2}));
}

}  // namespace
}  // namespace bitale
