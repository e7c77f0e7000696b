// What a call of a function takes: arguments of any layout, numbers, stand-ins of other shapes.

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "gtest/gtest.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/random/random_streams.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/dimshuffle.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

Tensor integers(Dims shape) {
  return Tensor::arange(DType::kFloat64, element_count(shape)).reshape(shape);
}

// --- Layouts ------------------------------------------------------------------------------------

TEST(Layouts, OfTwoArgumentsAreToldApart) {
  const Variable x = dmatrix("x"), y = dmatrix("y");
  const Function f = function({x, y}, x + 10.0 * y);
  const Tensor a = integers({4, 4}), b = integers({4, 4}).transpose();
  const Tensor wide = integers({4, 8}).slice(1, 0, 8, 2),
               back = integers({4, 4}).slice(0, {}, {}, -1);
  for (const Tensor& left : {a, b, wide, back}) {
    for (const Tensor& right : {a, b, wide, back}) {
      const Tensor expected = f(left.copy(), right.copy());
      EXPECT_TRUE(equal_to(f(left, right), expected));
    }
  }
}

TEST(Layouts, OfVectorsAreToldApart) {
  const Variable x = dvector("x"), y = dvector("y");
  const Function f = function({x, y}, x + 100.0 * y);
  const Tensor v = Tensor::of<double>({1, 2, 3}), thirds = integers({9}).slice(0, 0, 9, 3);
  EXPECT_TRUE(equal_to(f(thirds, v), Tensor::of<double>({100, 203, 306})));
  EXPECT_TRUE(equal_to(f(v, thirds), Tensor::of<double>({1, 302, 603})));
}

// --- Numbers ------------------------------------------------------------------------------------

TEST(NumberArguments, KeepTheirValueOrAreRefused) {
  const auto f = [](DType dtype) {
    const Variable x = tensor(dtype, {}, "x");
    return function({x}, x + 0);
  };
  EXPECT_EQ(f(DType::kInt8)(uint8_t{100}).item<int>(), 100);
  EXPECT_THROW(f(DType::kInt8)(uint8_t{200}), TypeError);
  EXPECT_THROW(f(DType::kUint32)(-1), TypeError);
  EXPECT_THROW(f(DType::kUint64)(-1), TypeError);
  EXPECT_THROW(f(DType::kInt64)(std::numeric_limits<uint64_t>::max()), TypeError);
  EXPECT_EQ(f(DType::kUint64)(std::numeric_limits<uint64_t>::max()).item<uint64_t>(),
            std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(f(DType::kInt32)(3.0).item<int>(), 3);
  for (const double number : {0.5, 1e30, -1e30, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW(f(DType::kInt32)(number), TypeError) << number;
    EXPECT_THROW(f(DType::kUint64)(number), TypeError) << number;
  }
}

TEST(NumberArguments, MayBeOfAnyIntegerTypeOfTheLanguage) {
  const Variable x = lscalar("x");
  const Function f = function({x}, x + 0);
  EXPECT_EQ(f(5LL).item<int64_t>(), 5);
  EXPECT_EQ(f(5ULL).item<int64_t>(), 5);
  EXPECT_EQ(f('a').item<int64_t>(), 'a');
}

// --- Values that the caller keeps ---------------------------------------------------------------

TEST(Constants, KeepTheValueThatTheyWereMadeOf) {
  Tensor value = Tensor::of<double>({1});
  const Variable x = dvector("x"), c = constant(value);
  const Function f = function({x}, x + c + value);
  value.data<double>()[0] = 7;
  EXPECT_TRUE(equal_to(eval(c), Tensor::of<double>({1})));
  EXPECT_TRUE(equal_to(f(Tensor::of<double>({0})), Tensor::of<double>({2})));
}

TEST(Defaults, KeepTheValueThatTheyWereMadeOf) {
  Tensor value = Tensor::of<double>({1});
  const Variable x = dvector("x");
  const Function f = function({In(x, {.default_value = value})}, x * 2.0);
  value.data<double>()[0] = 7;
  EXPECT_TRUE(equal_to(f(), Tensor::of<double>({2})));
}

// --- Givens of fewer fixed dims -----------------------------------------------------------------

TEST(Givens, HaveTheFixedLengthsOfWhatTheyReplace) {
  const Variable w = shared(Tensor::of<double>({1, 2, 3}), "w"), q = dvector("q");
  const Function f = function({q}, mean(w), {.givens = {{w, q}}});
  EXPECT_EQ(f(Tensor::of<double>({1, 2, 6})).item<double>(), 3.0);
  expect_error<ShapeError>([&] { f(integers({6})); },
                           {"function: what is given for w float64 (3,) has length 6 along axis 0",
                            "variable: w, made at", "given: q, made at", "calls_test.cc:"});
  EXPECT_EQ(f(Tensor::of<double>({1, 2, 6})).item<double>(), 3.0);
}

TEST(Givens, OfAPartialBatchAreRefusedWhereTheBatchIsFixed) {
  const Variable x = tensor(DType::kFloat64, {4, 2}, "x"), i = lscalar("i");
  const Variable set = shared(Tensor::ones(DType::kFloat64, {10, 2}), "set");
  const Function f = function({i}, mean(x), {.givens = {{x, set[slice(i * 4, (i + 1) * 4)]}}});
  EXPECT_EQ(f(0).item<double>(), 1.0);
  EXPECT_EQ(f(1).item<double>(), 1.0);
  EXPECT_THROW(f(2), ShapeError);
  EXPECT_EQ(f(1).item<double>(), 1.0);
}

TEST(Givens, OfARowAreRows) {
  const Variable r = drow("r"), z = dmatrix("z");
  const Function f = function({z}, squeeze(r), {.givens = {{r, z}}});
  EXPECT_TRUE(equal_to(f(integers({1, 3})), integers({3})));
  EXPECT_THROW(f(integers({3, 2})), ShapeError);
}

TEST(Givens, ThatNothingUsesMayHaveAnyLength) {
  const Variable w = shared(Tensor::of<double>({1, 2, 3}), "w"), q = dvector("q");
  const Function f = function({q}, q * 2.0, {.givens = {{w, q}}});
  EXPECT_TRUE(equal_to(f(Tensor::of<double>({1})), Tensor::of<double>({2})));
}

// --- Sizes beyond any memory --------------------------------------------------------------------

TEST(Sizes, BeyondAnyMemoryAreErrorsAndNoOverflow) {
  const Variable i = lscalar("i"), x = ivector("x");
  const auto fails = [&](const Variable& y, int64_t length) {
    EXPECT_THROW(function({i}, y)(length), OutOfMemoryError) << debugprint(y);
  };
  fails(zeros({i, i}), int64_t{1} << 32);
  fails(zeros({i, 2}, DType::kFloat64), int64_t{1} << 61);
  fails(arange(0, i), (int64_t{1} << 61) + 1);
  fails(sum(arange(0, i)), int64_t{1} << 61);
  RandomStreams streams(1);
  fails(streams.uniform({i, i}), int64_t{1} << 32);
  expect_error<OutOfMemoryError>(
      [&] {
        function({i}, zeros({i, i}))(int64_t{1} << 40);
      },
      {"float32 (1099511627776, 1099511627776) is too large", "made at: ", "calls_test.cc:"});
}

// --- Variables that were never made -------------------------------------------------------------

TEST(UndefinedVariables, AreErrorsInEveryBuilder) {
  const Variable none, x = dmatrix("x");
  EXPECT_THROW(none[0], TypeError);
  EXPECT_THROW(concatenate({x, none}), TypeError);
  EXPECT_THROW(stack({none, none}), TypeError);
  EXPECT_THROW(set_subtensor(none, 2.0), TypeError);
  EXPECT_THROW(set_subtensor(x, {0}, none), TypeError);
  EXPECT_THROW(transpose(none), TypeError);
  EXPECT_THROW(full_like(none, 1.0), TypeError);
  EXPECT_THROW(where(none, x, x), TypeError);
  EXPECT_THROW(where(x, none, x), TypeError);
  EXPECT_THROW(norm(none), TypeError);
  EXPECT_THROW(debugprint(none), TypeError);
  EXPECT_THROW(dot_graph(none), TypeError);
  EXPECT_THROW(none.named("x"), TypeError);
  EXPECT_THROW(none.type(), TypeError);
}

// --- Programs and copies ------------------------------------------------------------------------

TEST(Programs, ThatAreDroppedAreToldOfOnce) {
  const Variable x = dvector("x");
  const Function f = function({x}, x * 2.0, {.name = "doubled", .cache_limit = 1});
  ::testing::internal::CaptureStderr();
  for (int64_t n = 1; n < 9; ++n) f(integers({n}));
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("note: function doubled, compiled at "), 0u) << text;
  EXPECT_NE(text.find("calls_test.cc:"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
}

TEST(Copies, KeepTheOptionsOfOutputs) {
  const Variable x = dvector("x"), w = shared(Tensor::of<double>({2}), "w");
  const Function f = function({x}, Out(x * w, {.borrow = true}));
  const Function copy = f.copy();
  const Tensor first = copy(Tensor::of<double>({1})), second = copy(Tensor::of<double>({3}));
  EXPECT_EQ(first.raw_data(), second.raw_data());
}

TEST(Copies, RefuseASwapOfWhatIsNotUsed) {
  const Variable x = dvector("x"), w = shared(Tensor::of<double>({2}), "w");
  const Variable other = shared(Tensor::of<double>({2}), "other");
  const Function f = function({x}, x * w);
  expect_error<TypeError>([&] { f.copy({{other, w}}); }, {"copy: the function does not use other"});
}

TEST(Copies, KeepTheChecksOfGivens) {
  const Variable x = tensor(DType::kFloat64, {3}, "x"), q = dvector("q");
  const Variable w = shared(Tensor::of<double>({2, 2, 2}), "w"),
                 v = shared(Tensor::of<double>({4, 4, 4}), "v");
  const Function f = function({q}, mean(x * w), {.givens = {{x, q * w}}});
  const Function copy = f.copy({{w, v}});
  EXPECT_EQ(copy(Tensor::of<double>({1, 1, 1})).item<double>(), 16.0);
  EXPECT_THROW(copy(Tensor::of<double>({1, 1})), ShapeError);
}

}  // namespace
}  // namespace bitale
