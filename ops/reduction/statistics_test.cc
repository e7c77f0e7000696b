// mean, var, stddev, logsumexp, norm, and the finer points of gradients of reductions.

#include <cmath>
#include <limits>
#include <vector>

#include "autograd/grad.h"
#include "autograd/gradient_check.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// Rows of a matrix put through `fold`.
Tensor rows_oracle(const Tensor& x, double (*fold)(const std::vector<double>&)) {
  const Tensor out = Tensor::zeros(DType::kFloat64, {x.dim(0)});
  for (int64_t i = 0; i < x.dim(0); ++i) {
    out.data<double>()[i] = fold(x.select(0, i).to_vector<double>());
  }
  return out;
}

double mean_oracle(const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}
template <int kDdof>
double var_oracle(const std::vector<double>& v) {
  const double mean = mean_oracle(v);
  double sum = 0;
  for (double x : v) sum += (x - mean) * (x - mean);
  return sum / static_cast<double>(static_cast<int>(v.size()) - kDdof);
}
double logsumexp_oracle(const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += std::exp(x);
  return std::log(sum);
}
template <int kOrd>
double norm_oracle(const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += std::pow(std::abs(x), kOrd);
  return std::pow(sum, 1.0 / kOrd);
}

TEST(Statistics, MatchTheirDefinitionsWithAllDerivatives) {
  struct Row {
    const char* name;
    Variable (*build)(const Variables& v);
    double (*fold)(const std::vector<double>&);
  };
  const Row rows[] = {
      {"mean", [](const Variables& v) { return mean(v[0], 1); }, mean_oracle},
      {"var", [](const Variables& v) { return var(v[0], 1); }, var_oracle<0>},
      {"var ddof 1", [](const Variables& v) { return var(v[0], 1, false, 1); }, var_oracle<1>},
      {"stddev", [](const Variables& v) { return stddev(v[0], 1); },
       [](const std::vector<double>& v) { return std::sqrt(var_oracle<0>(v)); }},
      {"logsumexp", [](const Variables& v) { return logsumexp(v[0], 1); }, logsumexp_oracle},
      {"norm 1", [](const Variables& v) { return norm(v[0], 1, 1); }, norm_oracle<1>},
      {"norm 2", [](const Variables& v) { return norm(v[0], 2, 1); }, norm_oracle<2>},
      {"norm 3", [](const Variables& v) { return norm(v[0], 3, 1); }, norm_oracle<3>},
      {"norm inf",
       [](const Variables& v) { return norm(v[0], std::numeric_limits<double>::infinity(), 1); },
       [](const std::vector<double>& v) {
         double most = 0;
         for (double x : v) most = std::max(most, std::abs(x));
         return most;
       }},
  };
  for (const Row& row : rows) {
    run_op_case(
        {.name = row.name,
         .inputs = {distinct_tensor({3, 5}, 0.13)},
         .build = row.build,
         .oracle = [&](const std::vector<Tensor>& x) { return rows_oracle(x[0], row.fold); },
         .scale = 4});
  }
}

TEST(Statistics, KeepdimsAndSeveralAxes) {
  const Variable x = tensor(DType::kFloat64, {2, "n", 4}, "x");
  EXPECT_EQ(mean(x, {0, 2}, true).type().str(), "float64 (1, n, 1)");
  EXPECT_EQ(var(x, {0, 2}).type().str(), "float64 (n,)");
  EXPECT_EQ(logsumexp(x, 1).type().str(), "float64 (2, 4)");
  EXPECT_EQ(logsumexp(x, 1, true).type().str(), "float64 (2, 1, 4)");
  EXPECT_EQ(norm(x).type().str(), "float64 ()");
  const Tensor value = random_tensor({2, 3, 4});
  double sum = 0;
  for (double v : value.to_vector<double>()) sum += v;
  EXPECT_NEAR(eval(mean(x), {{x, value}}).item<double>(), sum / 24, 1e-15);
}

TEST(Mean, OfIntegersIsFloatX) {
  const Tensor got = eval(mean(Tensor::of<int32_t>({1, 2, 4})));
  EXPECT_EQ(got.dtype(), DType::kFloat32);
  EXPECT_FLOAT_EQ(got.item<float>(), 7.0f / 3);
  EXPECT_FLOAT_EQ(eval(mean(Tensor::of<bool>({true, false, true, true}))).item<float>(), 0.75f);
  // Summed as integers: float32 would lose the low digits.
  EXPECT_EQ(eval(mean(Tensor::of<int64_t>({16777217, -16777216}))).item<double>(), 0.5);
}

TEST(Mean, TwoByteFloatsDoNotOverflow) {
  const Tensor got = eval(mean(Tensor::full(DType::kFloat16, {100}, 60000)));
  EXPECT_EQ(got.dtype(), DType::kFloat16);
  EXPECT_NEAR(got.item<double>(), 60000, 32);
  EXPECT_EQ(eval(var(Tensor::of<double>({-300, 300}).cast(DType::kFloat16))).dtype(),
            DType::kFloat16);
}

TEST(Mean, OfNothingIsNan) {
  EXPECT_TRUE(std::isnan(eval(mean(Tensor::zeros(DType::kFloat32, {0}))).item<double>()));
}

TEST(Logsumexp, NeitherOverflowsNorInventsNan) {
  const Tensor x = Tensor::of<double>(
      {{1e4, 1e4}, {-1e4, -1e4}, {-kInf, -kInf}, {kInf, 0}, {kInf, -kInf}, {-kInf, 3}, {kNan, 0}});
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const std::vector<double> got = eval(logsumexp(x.cast(dtype), 1)).to_vector<double>();
    EXPECT_NEAR(got[0], 1e4 + std::log(2), 1e-3);
    EXPECT_NEAR(got[1], -1e4 + std::log(2), 1e-3);
    EXPECT_EQ(got[2], -kInf);
    EXPECT_EQ(got[3], kInf);
    EXPECT_EQ(got[4], kInf);
    EXPECT_EQ(got[5], 3);
    EXPECT_TRUE(std::isnan(got[6]));
  }
}

TEST(Logsumexp, OfNothingIsAnErrorThatNamesIt) {
  const Variable x = dmatrix("x");
  const Tensor nothing = Tensor::zeros(DType::kFloat64, {3, 0});
  expect_error<ShapeError>(
      [&] {
        eval(logsumexp(x, 1), {{x, nothing}});
      },
      {"max: zero-size reduction has no identity", "(logsumexp)"});
}

TEST(Norm, ZeroOrderCountsAndZeroVectorHasGradientZero) {
  EXPECT_EQ(eval(norm(Tensor::of<double>({0, 3, 0, -1}), 0)).item<double>(), 2);
  EXPECT_EQ(eval(norm(Tensor::of<double>({-3, 2}), -kInf)).item<double>(), 2);
  const Variable x = dvector("x");
  const Tensor zeros = Tensor::zeros(DType::kFloat64, {3});
  EXPECT_EQ(eval(grad(norm(x), x), {{x, zeros}}).to_vector<double>(), std::vector<double>(3, 0.0));
}

TEST(Max, TheFirstInRowMajorOrderTakesTheWholeGradient) {
  const Variable x = dmatrix("x");
  const Tensor value = Tensor::of<double>({{1, 7, 7}, {7, 2, 7}});
  const Tensor all = eval(grad(max(x), x), {{x, value}});
  EXPECT_EQ(all.to_vector<int>(), (std::vector<int>{0, 1, 0, 0, 0, 0}));
  const Tensor columns = eval(grad(sum(max(x, 0)), x), {{x, value}});
  EXPECT_EQ(columns.to_vector<int>(), (std::vector<int>{0, 1, 1, 1, 0, 0}));
  const Tensor least = eval(grad(sum(min(x, 1, true)), x), {{x, value}});
  EXPECT_EQ(least.to_vector<int>(), (std::vector<int>{1, 0, 0, 0, 1, 0}));
}

TEST(Max, NanTakesTheGradient) {
  const Variable x = dvector("x");
  const Tensor value = Tensor::of<double>({1, kNan, 3, kNan});
  EXPECT_EQ(eval(grad(max(x), x), {{x, value}}).to_vector<int>(), (std::vector<int>{0, 1, 0, 0}));
}

TEST(Max, GradientOverSeveralAxes) {
  run_op_case({.name = "max over (0, 2)",
               .inputs = {distinct_tensor({3, 4, 5}, 0.05)},
               .build = [](const Variables& v) {
                 return sqr(max(v[0], {0, 2}));
               }});
}

TEST(Prod, GradientsAreRightWithZeros) {
  const Variable x = dmatrix("x");
  const Tensor value = Tensor::of<double>({{2, 3, 5}, {2, 0, 5}, {0, 3, 0}});
  const Tensor got = eval(grad(sum(prod(x, 1)), x), {{x, value}});
  EXPECT_EQ(got.to_vector<int>(), (std::vector<int>{15, 10, 6, 0, 10, 0, 0, 0, 0}));
  const GradientCheck check =
      gradient_check({x}, prod(x, 1), {value}, {.directions = 3, .second_order = true});
  EXPECT_TRUE(check.ok) << check.report;
}

TEST(Prod, SecondDerivativesAreRightWithAnyNumberOfZeros) {
  const Tensor value = random_tensor({5, 4}, 0.5, 1.5);
  for (int64_t row = 0; row < 5; ++row) {
    for (int64_t j = 0; j < row; ++j) set_element(value, {row, (j + row) % 4}, 0);
  }
  run_op_case({.name = "prod along rows", .inputs = {value}, .build = [](const Variables& v) {
                 return prod(v[0], 1);
               }});
  run_op_case({.name = "prod of all",
               .inputs = {Tensor::of<double>({{2, 0}, {-3, 0.5}})},
               .build = [](const Variables& v) { return prod(v[0]); }});
}

TEST(Prod, ThirdAndFourthDerivativesAreRightWithAnyNumberOfZeros) {
  for (int64_t zeros = 0; zeros <= 5; ++zeros) {
    const Tensor value = random_tensor({2, 5}, 0.5, 1.5);
    for (int64_t j = 0; j < zeros; ++j) set_element(value, {1, (2 * j) % 5}, 0);
    const auto check = [&](Axes axes) {
      const Variable x = dmatrix("x");
      const Variable first = grad(sum(prod(x, axes)), x);
      const Variable second = grad(sum(first * constant(random_tensor({2, 5}, -1, 1, 3))), x);
      // The square keeps derivatives off 0, which differences miss by rounding.
      const GradientCheck result =
          gradient_check({x}, second + sqr(x), {value}, {.second_order = true});
      EXPECT_TRUE(result.ok) << zeros << " zeros\n" << result.report;
    };
    check(1);
    check({0, 1});
  }
}

}  // namespace
}  // namespace bitale
