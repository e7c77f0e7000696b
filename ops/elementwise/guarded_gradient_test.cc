// Gradients of guarded expressions: no NaN comes from a branch that was not taken, and none is
// hidden where it was.

#include <cmath>
#include <limits>
#include <vector>

#include "autograd/grad.h"
#include "autograd/gradient_check.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The gradient of the sum of `y` at `value`, the same with all rules and with none.
std::vector<double> gradient_at(const Variable& y, const Variable& x, const Tensor& value) {
  const Variable gradient = grad(sum(y), x);
  const std::vector<double> fast = eval(gradient, {{x, value}}).to_vector<double>();
  const std::vector<double> plain = eval(gradient, {{x, value}}, kFastCompile).to_vector<double>();
  EXPECT_EQ(fast.size(), plain.size());
  for (size_t i = 0; i < fast.size(); ++i) {
    if (std::isnan(plain[i])) {
      EXPECT_TRUE(std::isnan(fast[i])) << "element " << i;
    } else if (std::isinf(plain[i])) {
      EXPECT_EQ(fast[i], plain[i]) << "element " << i;
    } else {
      EXPECT_NEAR(fast[i], plain[i], 1e-12) << "element " << i;
    }
  }
  return plain;
}

const Tensor& point() {
  static const Tensor value = Tensor::of<double>({4, 0, -1});
  return value;
}

TEST(GuardedGradient, OfARootIsZeroWhereTheBranchIsNotTaken) {
  const Variable x = dvector("x");
  EXPECT_EQ(gradient_at(where(gt(x, 0), sqrt(x), 0), x, point()),
            (std::vector<double>{0.25, 0, 0}));
  EXPECT_EQ(gradient_at(where(le(x, 0), 0, sqrt(x)), x, point()),
            (std::vector<double>{0.25, 0, 0}));
}

TEST(GuardedGradient, OfALogarithmAQuotientAndAPower) {
  const Variable x = dvector("x");
  EXPECT_EQ(gradient_at(where(gt(x, 0), log(x), 0), x, point()), (std::vector<double>{0.25, 0, 0}));
  EXPECT_EQ(gradient_at(where(neq(x, 0), 8 / x, 0), x, point()),
            (std::vector<double>{-0.5, 0, -8}));
  EXPECT_EQ(gradient_at(where(gt(x, 0), pow(x, -0.5), 0), x, point()),
            (std::vector<double>{-0.0625, 0, 0}));
  const std::vector<double> entropy = gradient_at(where(gt(x, 0), x * log(x), 0), x, point());
  EXPECT_NEAR(entropy[0], 1 + std::log(4), 1e-12);
  EXPECT_EQ(entropy[1], 0);
  EXPECT_EQ(entropy[2], 0);
}

TEST(GuardedGradient, OfAnOverflowThatIsNotTaken) {
  const Variable x = dvector("x");
  const Tensor value = Tensor::of<double>({0, 1000});
  EXPECT_EQ(gradient_at(where(x < 100, exp(x), x), x, value), (std::vector<double>{1, 1}));
}

TEST(GuardedGradient, SeesThroughStepsBetweenTheChoiceAndWhatItGuards) {
  const Variable x = dvector("x");
  const std::vector<double> expected = {0.25, 0, 0};
  EXPECT_EQ(gradient_at(where(gt(x, 0), -(-sqrt(x)) + 1, 0), x, point()), expected);
  EXPECT_EQ(gradient_at(where(gt(x, 0), reshape(reshape(sqrt(x), {3, 1}), {-1}), 0), x, point()),
            expected);
  EXPECT_EQ(gradient_at(where(gt(x, 0), dimshuffle(sqrt(x), {'x', 0}), 0), x, point()), expected);
  EXPECT_EQ(gradient_at(where(gt(x, -9), where(gt(x, 0), sqrt(x), 0), 0), x, point()), expected);
  const Variable root = sqrt(x);
  EXPECT_EQ(gradient_at(where(gt(x, 0), root * 0.5 + root * 0.5, 0), x, point()), expected);
  EXPECT_EQ(gradient_at(where(gt(x, 0), root, 0) + where(gt(x, 9), root, 0), x, point()), expected);
}

TEST(GuardedGradient, HoldsForTheChoicesOfOtherFunctions) {
  const Variable x = dvector("x");
  EXPECT_EQ(gradient_at(relu(sqrt(x)), x, Tensor::of<double>({4, 0})),
            (std::vector<double>{0.25, 0}));
  EXPECT_EQ(gradient_at(maximum(sqrt(x), 1), x, Tensor::of<double>({4, 0, 1})),
            (std::vector<double>{0.25, 0, 0.25}));
  EXPECT_EQ(gradient_at(clip(log(x), -5, 5), x, Tensor::of<double>({4, 0})),
            (std::vector<double>{0.25, 0}));
  EXPECT_EQ(gradient_at(max(sqrt(x)), x, Tensor::of<double>({4, 0})),
            (std::vector<double>{0.25, 0}));
}

TEST(GuardedGradient, OfANormIsZeroWhereTheNormIs) {
  const Variable x = dmatrix("x");
  const Variable squares = sum(sqr(x), 1);
  const Tensor value = Tensor::from<double>({3, 4, 0, 0}, {2, 2});
  const std::vector<double> direction =
      gradient_at(where(gt(squares, 0), sqrt(squares), 0), x, value);
  EXPECT_NEAR(direction[0], 0.6, 1e-12);
  EXPECT_NEAR(direction[1], 0.8, 1e-12);
  EXPECT_EQ(direction[2], 0);
  EXPECT_EQ(direction[3], 0);
  // The rows' choice reaches what is computed for every element.
  EXPECT_EQ(gradient_at(where(gt(squares, 0), sum(sqrt(x), 1), 0), x, value)[2], 0);
}

TEST(GuardedGradient, OfAnOperandThatIsRepeatedUnderOneCondition) {
  const Variable x = dvector("x"), flag = lscalar("flag");
  const Variable rows = zeros({2, 3}, DType::kFloat64) + sqrt(x);
  const Variable gradient = grad(sum(where(neq(flag, 0), rows, 0)), x);
  const Tensor zero = Tensor::of<double>({0, 0, 0});
  EXPECT_EQ(eval(gradient, {{x, zero}, {flag, Tensor(int64_t{0})}}).to_vector<double>(),
            (std::vector<double>{0, 0, 0}));
}

TEST(GuardedGradient, IsZeroForElementsThatASliceLeavesOut) {
  const Variable x = dvector("x");
  EXPECT_EQ(gradient_at(sqrt(x)[0], x, point()), (std::vector<double>{0.25, 0, 0}));
  EXPECT_EQ(gradient_at(log(sqr(x))[slice(0, 1)], x, point()), (std::vector<double>{0.5, 0, 0}));
}

TEST(GuardedGradient, ShowsWhatHappensWhereTheBranchIsTaken) {
  const Variable x = dvector("x");
  EXPECT_EQ(gradient_at(where(ge(x, 0), sqrt(x), 0), x, Tensor::of<double>({4, 0})),
            (std::vector<double>{0.25, kInfinity}));
  EXPECT_TRUE(std::isnan(gradient_at(where(lt(x, 0), sqrt(x), 0), x, Tensor::of<double>({-1}))[0]));
  EXPECT_TRUE(std::isnan(gradient_at(0 * sqrt(x), x, Tensor::of<double>({0}))[0]));
  // A zero that the user multiplies with is none of a choice's.
  const Variable masked = where(gt(x, 0), x, 0) * (1 / x);
  EXPECT_TRUE(std::isnan(eval(masked, {{x, Tensor::of<double>({0})}}).to_vector<double>()[0]));
}

TEST(GuardedGradient, OfSecondOrder) {
  const Variable x = dvector("x");
  const Variable first = grad(sum(where(gt(x, 0), sqrt(x), 0)), x);
  EXPECT_EQ(gradient_at(first, x, Tensor::of<double>({4, 0})), (std::vector<double>{-0.03125, 0}));
}

TEST(GuardedGradient, IsThatOfFiniteDifferences) {
  const Variable x = dmatrix("x"), y = dvector("y");
  const Variable part = where(gt(x, 0.5), sqrt(x) * y, x * y) + maximum(log(x), y);
  const GradientCheck check =
      gradient_check({x, y}, part, {random_tensor({4, 3}, 0.6, 2, 1), random_tensor({3}, -2, 2, 2)},
                     {.directions = 2, .second_order = true});
  EXPECT_TRUE(check.ok) << check.report;
}

}  // namespace
}  // namespace bitale
