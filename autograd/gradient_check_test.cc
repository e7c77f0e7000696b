#include "autograd/gradient_check.h"

#include <memory>

#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/shape_context.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gradient_control/gradient_control.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// Squares, with the right pullback and a pushforward that is slightly off.
class CrookedSquareOp final : public Op {
 public:
  std::string_view name() const override { return "crooked_square"; }
  Traits traits() const override { return {.composite = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }
  Variables pullback(const PullbackContext& context) const override {
    return {context.output_gradients[0] * (2 * context.inputs[0])};
  }
  Variables pushforward(const PushforwardContext& context) const override {
    return {context.tangents[0] * (2.0002 * context.inputs[0])};
  }
  Variables formula(std::span<const Variable> inputs) const override { return {sqr(inputs[0])}; }
};

TEST(GradientCheck, AcceptsRightDerivatives) {
  const Variable x = dmatrix("x"), y = dvector("y");
  const GradientCheck check =
      gradient_check({x, y}, tanh(x) * y + exp(y), {random_tensor({3, 4}), random_tensor({4})},
                     {.directions = 3, .second_order = true});
  EXPECT_TRUE(check.ok) << check.report;
  EXPECT_LT(check.worst, 1e-8);
}

TEST(GradientCheck, FindsAGradientThatIsSlightlyOff) {
  const Variable x = dvector("x");
  const GradientCheck check =
      gradient_check({x}, grad_scale(sqr(x), 1.0001), {random_tensor({3})}, {.forward = false});
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.report.find("the gradient of input 0, x float64(3,) is wrong"), std::string::npos)
      << check.report;
}

TEST(GradientCheck, FindsAGradientThatIsCut) {
  const Variable x = dvector("x");
  EXPECT_FALSE(gradient_check({x}, x * disconnected_grad(x), {random_tensor({3})}).ok);
}

TEST(GradientCheck, FindsAPushforwardThatDisagreesWithThePullback) {
  const Variable x = dvector("x");
  const Variable y = apply_one(std::make_shared<CrookedSquareOp>(), {x});
  const Tensor at = random_tensor({3}, 0.5, 1.5);
  const GradientCheck check = gradient_check({x}, y, {at});
  EXPECT_FALSE(check.ok);
  EXPECT_NE(check.report.find("pushforward and pullback disagree"), std::string::npos)
      << check.report;
  const GradientCheck pullback_alone = gradient_check({x}, y, {at}, {.forward = false});
  EXPECT_TRUE(pullback_alone.ok) << pullback_alone.report;
}

TEST(GradientCheck, LeavesDiscreteInputsAlone) {
  const Variable x = dvector("x"), n = lvector("n");
  const GradientCheck check =
      gradient_check({x, n}, x * n, {random_tensor({3}), Tensor::of<int64_t>({1, 2, 3})});
  EXPECT_TRUE(check.ok) << check.report;
}

TEST(GradientCheck, RefusesFloat32) {
  const Variable x = fvector("x");
  expect_error<GradientError>(
      [&] {
        gradient_check({x}, sqr(x), {Tensor::of<float>({1, 2})});
      },
      {"gradient_check: input 0 must be float64"});
}

TEST(GradientCheck, BuildsInputsForAFunction) {
  const GradientCheck check =
      gradient_check([](const Variables& v) { return Variables{sum(v[0] * v[1], 1)}; },
                     {random_tensor({3, 4}), random_tensor({3, 1})});
  EXPECT_TRUE(check.ok) << check.report;
}

}  // namespace
}  // namespace bitale
