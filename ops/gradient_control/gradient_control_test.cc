#include "ops/gradient_control/gradient_control.h"

#include "autograd/grad.h"
#include "autograd/pushforward.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/traversal.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

const Tensor kAt = Tensor::of<double>({1, 2, 3});

const Tensor kTangent = Tensor::of<double>({1, -1, 2});

Tensor gradient_of(const Variable& y, const Variable& x) {
  return eval(grad(sum(y), x), {{x, kAt}});
}

Tensor second_gradient_of(const Variable& y, const Variable& x) {
  return gradient_of(grad(sum(y), x), x);
}

Tensor pushforward_of(const Variable& y, const Variable& x) {
  return eval(rop(y, x, constant(kTangent)), {{x, kAt}});
}

TEST(GradientControl, IsTheIdentityForwards) {
  const Variable x = dvector("x");
  for (const Variable& y : {disconnected_grad(x), consider_constant(x), zero_grad(x),
                            grad_clip(x, -1, 1), grad_scale(x, 3)}) {
    EXPECT_EQ(y.type(), x.type());
    EXPECT_TRUE(equal_to(eval(y, {{x, kAt}}), kAt)) << y.str();
    EXPECT_TRUE(equal_to(eval(y, {{x, kAt}}, kFastCompile), kAt)) << y.str();
  }
}

TEST(DisconnectedGrad, CutsThePath) {
  const Variable x = dvector("x");
  EXPECT_TRUE(close_to(gradient_of(disconnected_grad(x) * x, x), kAt));
  EXPECT_THROW(grad(sum(disconnected_grad(x)), {x}), GradientError);
}

TEST(DisconnectedGrad, LetsTangentsThroughOtherPathsOnly) {
  const Variable x = dvector("x");
  EXPECT_TRUE(
      equal_to(pushforward_of(disconnected_grad(x) * x, x), Tensor::of<double>({1, -2, 6})));
  EXPECT_THROW(rop(disconnected_grad(x), x, constant(kTangent)), GradientError);
}

TEST(ZeroGrad, KeepsThePathWithoutGradient) {
  const Variable x = dvector("x");
  EXPECT_TRUE(close_to(gradient_of(zero_grad(x), x), Tensor::of<double>({0, 0, 0})));
  EXPECT_TRUE(close_to(gradient_of(zero_grad(x) * x, x), kAt));
}

TEST(ZeroGrad, GivesTangentsAndSecondGradientsOfZero) {
  const Variable x = dvector("x");
  const Tensor zeros = Tensor::of<double>({0, 0, 0});
  EXPECT_TRUE(equal_to(pushforward_of(zero_grad(x), x), zeros));
  EXPECT_TRUE(equal_to(pushforward_of(zero_grad(x) * x, x), Tensor::of<double>({1, -2, 6})));
  EXPECT_TRUE(equal_to(second_gradient_of(zero_grad(x) * x, x), zeros));
}

TEST(GradClip, ClipsEachElementOfTheGradient) {
  const Variable x = dvector("x");
  EXPECT_TRUE(close_to(gradient_of(sqr(grad_clip(x, -1, 5)), x), Tensor::of<double>({2, 4, 5})));
  EXPECT_TRUE(close_to(gradient_of(-3 * grad_clip(x, -1, 5), x), Tensor::of<double>({-1, -1, -1})));
}

TEST(GradClip, HasGradientZeroWhereItClipped) {
  const Variable x = dvector("x");
  EXPECT_TRUE(
      equal_to(second_gradient_of(sqr(grad_clip(x, -1, 5)), x), Tensor::of<double>({2, 2, 0})));
}

TEST(GradClip, PassesTangentsOn) {
  const Variable x = dvector("x");
  EXPECT_TRUE(
      equal_to(pushforward_of(sqr(grad_clip(x, -1, 1)), x), Tensor::of<double>({2, -4, 12})));
}

TEST(GradScale, MultipliesTheGradient) {
  const Variable x = dvector("x");
  EXPECT_TRUE(close_to(gradient_of(grad_scale(x, -2), x), Tensor::of<double>({-2, -2, -2})));
}

TEST(GradScale, MultipliesEveryOrderOfTheGradient) {
  const Variable x = dvector("x");
  const Variable y = sqr(grad_scale(x, -3));
  EXPECT_TRUE(equal_to(gradient_of(y, x), Tensor::of<double>({-6, -12, -18})));
  EXPECT_TRUE(equal_to(second_gradient_of(y, x), Tensor::of<double>({18, 18, 18})));
}

TEST(GradScale, MultipliesTheTangent) {
  const Variable x = dvector("x");
  EXPECT_TRUE(
      equal_to(pushforward_of(sqr(grad_scale(x, -3)), x), Tensor::of<double>({-6, 12, -36})));
}

TEST(GradientControl, IsGoneAfterCanonicalizing) {
  const Variable x = dvector("x");
  const Variable y = exp(grad_scale(grad_clip(zero_grad(disconnected_grad(x)), -1, 1), 2));
  const Function f = function({x}, y);
  for (const Apply* apply : topological_order(f.optimized_outputs())) {
    EXPECT_EQ(apply->op().name(), "exp");
  }
}

}  // namespace
}  // namespace bitale
