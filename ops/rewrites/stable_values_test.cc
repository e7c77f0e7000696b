// What the stabilize rules are for: values and gradients where the plain spelling overflows,
// underflows or is not a number.

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "autograd/grad.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/reduction/reduction.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> value_of(const Variable& y, const Variable& x, std::vector<double> at) {
  const auto count = static_cast<int64_t>(at.size());
  return eval(y, {{x, Tensor::from<double>(at, {count})}}).to_vector<double>();
}
std::vector<double> gradient_of(const Variable& y, const Variable& x, std::vector<double> at) {
  return value_of(grad(sum(y), x), x, std::move(at));
}

TEST(StableValues, LogOfTwoExponentialsNeitherOverflowsNorUnderflows) {
  const Variable x = dvector("x");
  const Variable y = log(exp(x) + exp(2 * x));
  const std::vector<double> got = value_of(y, x, {1000, -1000, 0, kInfinity, -kInfinity});
  EXPECT_DOUBLE_EQ(got[0], 2000);
  EXPECT_DOUBLE_EQ(got[1], -1000);
  EXPECT_DOUBLE_EQ(got[2], std::numbers::ln2);
  EXPECT_EQ(got[3], kInfinity);
  EXPECT_EQ(got[4], -kInfinity);
  const std::vector<double> slope = gradient_of(y, x, {1000, -1000, 0});
  EXPECT_DOUBLE_EQ(slope[0], 2);
  EXPECT_DOUBLE_EQ(slope[1], 1);
  EXPECT_DOUBLE_EQ(slope[2], 1.5);
}

TEST(StableValues, XLogXIsZeroAtZero) {
  const Variable x = dvector("x");
  const std::vector<double> got = value_of(x * log(x), x, {0, 1, std::numbers::e});
  EXPECT_EQ(got[0], 0);
  EXPECT_EQ(got[1], 0);
  EXPECT_DOUBLE_EQ(got[2], std::numbers::e);
  const std::vector<double> slope = gradient_of(x * log(x), x, {0, 1});
  EXPECT_FALSE(std::isnan(slope[0]));
  EXPECT_DOUBLE_EQ(slope[1], 1);
  EXPECT_TRUE(std::isnan(value_of(x * log(x), x, {-1})[0]));
}

TEST(StableValues, LogOfErfcFollowsItsSeries) {
  const Variable x = dvector("x");
  const Variable y = log(erfc(x));
  const std::vector<double> got = value_of(y, x, {-3, 0.5, 24.9, 25.1, 26, 100});
  for (size_t i = 0; i < 5; ++i) {
    const double at[] = {-3, 0.5, 24.9, 25.1, 26};
    EXPECT_NEAR(got[i], std::log(std::erfc(at[i])), 1e-12 * std::fabs(got[i])) << at[i];
  }
  EXPECT_NEAR(got[5], -10000 - std::log(100 * std::sqrt(std::numbers::pi)) - 5e-5, 1e-8);
  // The derivative tends to -2 x.
  const std::vector<double> slope = gradient_of(y, x, {0, 100});
  EXPECT_NEAR(slope[0], -2 / std::sqrt(std::numbers::pi), 1e-12);
  EXPECT_NEAR(slope[1], -200.01, 1e-3);
}

TEST(StableValues, QuotientsAndProductsOfExponentialsMeetFirst) {
  const Variable x = dvector("x");
  EXPECT_NEAR(value_of(exp(x) / exp(x - 1), x, {800})[0], std::numbers::e, 1e-9);
  EXPECT_NEAR(value_of(exp(x) * exp(1 - x), x, {800})[0], std::numbers::e, 1e-9);
}

TEST(StableValues, LogOfAPartOfSoftmaxDoesNotUnderflow) {
  const Variable x = dvector("x");
  const std::vector<double> got = value_of(log(softmax(x)[slice(0, 1)]), x, {-2000, 0});
  EXPECT_DOUBLE_EQ(got[0], -2000);
  const std::vector<double> slope = gradient_of(log(softmax(x)[slice(0, 1)]), x, {-2000, 0});
  EXPECT_DOUBLE_EQ(slope[0], 1);
  EXPECT_DOUBLE_EQ(slope[1], -1);
}

}  // namespace
}  // namespace bitale
