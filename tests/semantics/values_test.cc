// Values and derivatives at the edges: ends of integer ranges, NaN and infinities, kinks, nothing.

#include <cmath>
#include <limits>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "gtest/gtest.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/random/random_streams.h"
#include "ops/reduction/reduction.h"
#include "ops/softmax/softmax.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The value in both modes, which must be the same.
Tensor value(const Variable& y, const std::vector<std::pair<Variable, Tensor>>& at = {}) {
  const Tensor plain = eval(y, at, kFastCompile);
  EXPECT_TRUE(close_to(eval(y, at, kFastRun), plain)) << "FAST_RUN against FAST_COMPILE";
  return plain;
}

// --- Integers
// -------------------------------------------------------------------------------------

TEST(IntegerDivision, RestoresTheDividendForEverySignAndDtype) {
  const Tensor a = Tensor::of<int8_t>({127, 127, -127, -127, -128, 5, 0});
  const Tensor b = Tensor::of<int8_t>({10, -10, 10, -10, 127, 7, -3});
  for (DType dtype : {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64}) {
    const Variable x = constant(a.cast(dtype)), y = constant(b.cast(dtype));
    EXPECT_TRUE(equal_to(value(add(mul(int_div(x, y), y), mod(x, y))), a.cast(dtype)));
  }
}

TEST(IntegerDivision, ByZeroGivesZeroInEveryDtype) {
  for (DType dtype : kAllDTypes) {
    if (!is_integer(dtype)) continue;
    const Variable x = constant(Tensor::of<int64_t>({0, 1, 100}).cast(dtype));
    const Tensor zeros = Tensor::zeros(dtype, {3});
    EXPECT_TRUE(equal_to(value(int_div(x, constant(zeros))), zeros)) << name_of(dtype);
    EXPECT_TRUE(equal_to(value(mod(x, constant(zeros))), zeros)) << name_of(dtype);
  }
}

TEST(FloatDivision, FloorsAndKeepsTheDivisorsSignBesideInfinities) {
  const Variable x = constant(Tensor::of<double>({1, -1, 1, -1, 0, kInf}));
  const Variable y = constant(Tensor::of<double>({kInf, kInf, -kInf, -kInf, kInf, 2}));
  // numpy 1.24: np.floor_divide and np.mod of the same.
  EXPECT_TRUE(close_to(value(int_div(x, y)), Tensor::of<double>({0, -1, -1, 0, 0, kNan})));
  EXPECT_TRUE(close_to(value(mod(x, y)), Tensor::of<double>({1, kInf, -kInf, -1, 0, kNan})));
}

TEST(Sums, OfIntegersWrapInSixtyFourBits) {
  const int64_t largest = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(value(sum(Tensor::of<int64_t>({largest, 1}))).item<int64_t>(),
            std::numeric_limits<int64_t>::min());
  EXPECT_EQ(value(prod(Tensor::of<uint64_t>({uint64_t{1} << 63, 2}))).item<uint64_t>(), 0u);
}

// --- NaN and infinities: rules keep them
// ------------------------------------------------------------

TEST(NaN, SurvivesWhatWouldCancelFiniteNumbers) {
  const Variable x = dvector("x");
  const Tensor at = Tensor::of<double>({kNan, kInf, 2});
  EXPECT_TRUE(close_to(value(x * 0, {{x, at}}), Tensor::of<double>({kNan, kNan, 0})));
  EXPECT_TRUE(close_to(value(x - x, {{x, at}}), Tensor::of<double>({kNan, kNan, 0})));
  EXPECT_TRUE(close_to(value(x / x, {{x, at}}), Tensor::of<double>({kNan, kNan, 1})));
  EXPECT_TRUE(close_to(value(x / 0 * 0, {{x, at}}), Tensor::of<double>({kNan, kNan, kNan})));
}

TEST(NaN, HasNumpysExceptionsInPowers) {
  const Variable x = constant(Tensor::of<double>({kNan, 1, 0, kInf, -1}));
  const Variable y = constant(Tensor::of<double>({0, kNan, 0, 0, kInf}));
  EXPECT_TRUE(close_to(value(pow(x, y)), Tensor::of<double>({1, 1, 1, 1, 1})));
}

TEST(NaN, CountsAsTrue) {
  const Variable x = constant(Tensor::of<double>({kNan, 0, -0.0}));
  EXPECT_TRUE(equal_to(value(cast(x, DType::kBool)), Tensor::of<bool>({true, false, false})));
  EXPECT_TRUE(equal_to(value(where(x, 1, 2)), Tensor::of<int64_t>({1, 2, 2})));
}

TEST(NaN, OfOneRowStaysInIt) {
  const Tensor x = Tensor::of<double>({{1, kNan, 3}, {1, 2, 3}});
  EXPECT_TRUE(close_to(value(max(x, 1)), Tensor::of<double>({kNan, 3})));
  EXPECT_TRUE(close_to(value(min(x, 1)), Tensor::of<double>({kNan, 1})));
  EXPECT_TRUE(close_to(value(sum(x, 1)), Tensor::of<double>({kNan, 6})));
  EXPECT_TRUE(close_to(value(mean(x, 1)), Tensor::of<double>({kNan, 2})));
  EXPECT_TRUE(close_to(value(sum(softmax(constant(x)), 1)), Tensor::of<double>({kNan, 1})));
}

// --- Derivatives
// ------------------------------------------------------------------------------------

TEST(Ties, GiveMaximumAndMinimumHalfOfTheGradientEach) {
  const Variable a = dvector("a"), b = dvector("b");
  const Tensor left = Tensor::of<double>({1, 2, 3}), right = Tensor::of<double>({3, 2, 1});
  for (const auto& [y, expected] : {std::pair{maximum(a, b), Tensor::of<double>({0, 0.5, 1})},
                                    std::pair{minimum(a, b), Tensor::of<double>({1, 0.5, 0})}}) {
    const Variables g = grad(sum(y), {a, b});
    const std::vector<std::pair<Variable, Tensor>> at = {{a, left}, {b, right}};
    EXPECT_TRUE(close_to(value(g[0], at), expected));
    EXPECT_TRUE(close_to(value(g[0] + g[1], at), Tensor::ones(DType::kFloat64, {3})));
  }
}

TEST(Where, GivesTheBranchNotTakenGradientZeroWhateverFlowsBack) {
  const Variable x = dvector("x"), y = dvector("y");
  // log of 0 and of negative numbers is not taken; its derivative 1/0 is not multiplied by 0.
  const Variable safe = where(x > 0, x, 1);
  const Variable cost = sum(where(x > 0, log(safe), y));
  const Variables g = grad(cost, {x, y});
  const std::vector<std::pair<Variable, Tensor>> at = {{x, Tensor::of<double>({-1, 0, 4})},
                                                       {y, Tensor::of<double>({kNan, kInf, kNan})}};
  EXPECT_TRUE(close_to(value(g[0], at), Tensor::of<double>({0, 0, 0.25})));
  EXPECT_TRUE(close_to(value(g[1], at), Tensor::of<double>({1, 1, 0})));
  const Variable infinite = sum(where(x > 0, x, y) * constant(Tensor::of<double>({kInf, kNan, 2})));
  EXPECT_TRUE(close_to(value(grad(infinite, x), {at[0], {y, at[0].second}}),
                       Tensor::of<double>({0, 0, 2})));
}

TEST(Logsumexp, OfMinusInfinitiesAloneHasGradientZero) {
  const Variable x = dmatrix("x");
  const Tensor at = Tensor::of<double>({{-kInf, -kInf}, {-kInf, 3}, {1, 1}});
  EXPECT_TRUE(
      close_to(value(logsumexp(x, 1), {{x, at}}), Tensor::of<double>({-kInf, 3, 1 + std::log(2)})));
  EXPECT_TRUE(close_to(value(grad(sum(logsumexp(x, 1)), x), {{x, at}}),
                       Tensor::of<double>({{0, 0}, {0, 1}, {0.5, 0.5}})));
}

// --- Nothing
// ----------------------------------------------------------------------------------------

TEST(Empty, ReductionsGiveWhatNumpyGives) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const Tensor x = Tensor::zeros(dtype, {2, 0});
    const Tensor nan = Tensor::full(dtype, {2}, kNan);
    EXPECT_TRUE(equal_to(value(sum(x, 1)), Tensor::zeros(dtype, {2})));
    EXPECT_TRUE(equal_to(value(prod(x, 1)), Tensor::ones(dtype, {2})));
    EXPECT_TRUE(close_to(value(mean(x, 1)), nan));
    EXPECT_TRUE(close_to(value(var(x, 1)), nan));
    EXPECT_TRUE(close_to(value(stddev(x, 1)), nan));
    EXPECT_TRUE(equal_to(value(norm(x, 2, 1)), Tensor::zeros(dtype, {2})));
    EXPECT_EQ(value(mean(x, 0)).shape(), Dims({0}));
  }
}

TEST(Empty, TensorsHaveEmptyGradients) {
  const Variable x = dmatrix("x");
  const Tensor none = Tensor::zeros(DType::kFloat64, {2, 0});
  for (const Variable& cost : {sum(sqr(x)), prod(x), sum(softmax(x)), norm(x)}) {
    EXPECT_EQ(value(grad(cost, x), {{x, none}}).shape(), Dims({2, 0}));
  }
}

// --- Indices
// ----------------------------------------------------------------------------------------

TEST(Indices, OutOfRangeAreErrorsForReadingAndWriting) {
  const Variable x = dvector("x"), i = lscalar("i"), rows = lvector("rows");
  for (int64_t index : {3, -4, 1000}) {
    const Tensor scalar(index), vector = Tensor::of<int64_t>({0, index});
    const Tensor three = Tensor::zeros(DType::kFloat64, {3});
    for (const Variable& y : {x[i], set_subtensor(x, {i}, 1.0), inc_subtensor(x, {i}, 1.0)}) {
      EXPECT_THROW(eval(y, {{x, three}, {i, scalar}}), Error) << index;
    }
    for (const Variable& y : {take(x, rows), advanced_set_subtensor(x, 1.0, {rows}),
                              advanced_inc_subtensor(x, 1.0, {rows})}) {
      EXPECT_THROW(eval(y, {{x, three}, {rows, vector}}), ExecutionError) << index;
    }
  }
}

TEST(Indices, OutOfRangeInSlicesAreClippedAsInPython) {
  const Variable x = constant(Tensor::of<double>({0, 1, 2}));
  EXPECT_TRUE(equal_to(value(x[slice(1, 1000)]), Tensor::of<double>({1, 2})));
  EXPECT_TRUE(equal_to(value(x[slice(-1000, 2)]), Tensor::of<double>({0, 1})));
  EXPECT_EQ(value(x[slice(5, 9)]).shape(), Dims({0}));
}

TEST(Indices, WrittenTwiceKeepTheLastValueAndOnlyThatHasAGradient) {
  const Variable x = dvector("x"), values = dvector("values");
  const Variable y = advanced_set_subtensor(x, values, {constant(Tensor::of<int64_t>({1, 1, 1}))});
  const std::vector<std::pair<Variable, Tensor>> at = {{x, Tensor::of<double>({1, 2})},
                                                       {values, Tensor::of<double>({7, 8, 9})}};
  EXPECT_TRUE(equal_to(value(y, at), Tensor::of<double>({1, 9})));
  EXPECT_TRUE(close_to(value(grad(sum(y), values), at), Tensor::of<double>({0, 0, 1})));
  EXPECT_TRUE(close_to(value(grad(sum(y), x), at), Tensor::of<double>({1, 0})));
}

// --- Random draws
// -----------------------------------------------------------------------------------

TEST(Draws, OfEqualArgumentsAreNeverMerged) {
  RandomStreams streams(7);
  const Function f = function({}, {streams.uniform({100}) - streams.uniform({100}),
                                   streams.bernoulli({100}) - streams.bernoulli({100})});
  const Results results = f();
  for (const Tensor& difference : results) {
    EXPECT_FALSE(equal_to(difference, Tensor::zeros(difference.dtype(), {100})));
  }
}

TEST(Draws, OfTwoStreamsWithOneSeedAreTheSame) {
  RandomStreams a(7), b(7), c(8);
  const Tensor first = function({}, a.normal({5}))().only();
  EXPECT_TRUE(equal_to(function({}, b.normal({5}))().only(), first));
  EXPECT_FALSE(equal_to(function({}, c.normal({5}))().only(), first));
}

TEST(Draws, InADerivativeAreThoseOfTheCost) {
  RandomStreams streams(7);
  const Variable x = fvector("x");
  const Variable mask = streams.bernoulli({20});
  const Function f = function({x}, {sum(x * mask), grad(sum(x * mask), x)});
  const Results results = f(Tensor::ones(DType::kFloat32, {20}));
  float total = 0;
  for (float v : results[1].to_vector<float>()) total += v;
  EXPECT_EQ(results[0].item<float>(), total);
}

// --- Sums of other lengths ----------------------------------------------------------------------

TEST(Tensordot, RefusesSummedDimsThatDifferThoughTheirProductsAgree) {
  const Variable a = dtensor3("a"), b = dtensor3("b");
  const Function f = function({a, b}, tensordot(a, b, 2));
  EXPECT_EQ(
      Tensor(f(Tensor::ones(DType::kFloat64, {2, 4, 5}), Tensor::ones(DType::kFloat64, {4, 5, 3})))
          .shape(),
      (Dims{2, 3}));
  EXPECT_THROW(
      f(Tensor::ones(DType::kFloat64, {3, 4, 5}), Tensor::ones(DType::kFloat64, {5, 4, 3})),
      ShapeError);
}

TEST(Mean, OfLargeIntegersDoesNotWrap) {
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(value(mean(Tensor::of<int64_t>({kLargest, kLargest}))).item<double>(), 0x1p63);
}

TEST(Var, WithMoreDegreesOfFreedomThanElementsIsInfinite) {
  const Tensor x = Tensor::of<double>({1, 2, 4});
  EXPECT_EQ(value(var(x, Axes::all(), false, 3)).item<double>(), HUGE_VAL);
  EXPECT_EQ(value(var(x, Axes::all(), false, 9)).item<double>(), HUGE_VAL);
  const Variable v = dvector("v");
  const Function f = function({v}, var(v, Axes::all(), false, 9));
  EXPECT_EQ(f(x).item<double>(), HUGE_VAL);
  EXPECT_TRUE(std::isnan(f(Tensor::zeros(DType::kFloat64, {0})).item<double>()));
}

TEST(Full, HoldsTheNumberOrRefusesIt) {
  EXPECT_TRUE(equal_to(value(full({2}, 255, DType::kUint8)), Tensor::of<uint8_t>({255, 255})));
  EXPECT_TRUE(equal_to(value(full({2}, 3.0, DType::kInt32)), Tensor::of<int32_t>({3, 3})));
  EXPECT_TRUE(equal_to(value(full({1}, (int64_t{1} << 53) + 1, DType::kInt64)),
                       Tensor::of<int64_t>({(int64_t{1} << 53) + 1})));
  EXPECT_THROW(full({2}, 300, DType::kUint8), TypeError);
  EXPECT_THROW(full({2}, -1, DType::kUint8), TypeError);
  EXPECT_THROW(full({2}, 0.5, DType::kInt32), TypeError);
  EXPECT_THROW(full({2}, HUGE_VAL, DType::kInt32), TypeError);
  EXPECT_THROW(full({2}, dscalar("x"), DType::kFloat32), TypeError);
}

TEST(MaxPool, OfAnImageWithoutElementsIsRefusedWherePaddingWouldBeAllThereIs) {
  const Variable x = dmatrix("x");
  const Function f = function({x}, pool_2d(x, {3, 3}, {.pad = {2, 2}}));
  EXPECT_THROW(f(Tensor::zeros(DType::kFloat64, {0, 2})), ShapeError);
  EXPECT_EQ(f(Tensor::ones(DType::kFloat64, {1, 1})).only().at<double>({0, 0}), 1.0);
}

}  // namespace
}  // namespace bitale
