#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

TEST(Arange, CountsAsNumpy) {
  EXPECT_TRUE(equal_to(eval(arange(4)), Tensor::of<int64_t>({0, 1, 2, 3})));
  EXPECT_TRUE(equal_to(eval(arange(2, 9, 3)), Tensor::of<int64_t>({2, 5, 8})));
  EXPECT_TRUE(equal_to(eval(arange(2, 8, 3)), Tensor::of<int64_t>({2, 5})));
  EXPECT_TRUE(equal_to(eval(arange(5, 0, -2)), Tensor::of<int64_t>({5, 3, 1})));
  EXPECT_TRUE(equal_to(eval(arange(5, 1, -2)), Tensor::of<int64_t>({5, 3})));
  EXPECT_TRUE(equal_to(eval(arange(3, 3)), Tensor::empty(DType::kInt64, {0})));
  EXPECT_TRUE(equal_to(eval(arange(3, 1)), Tensor::empty(DType::kInt64, {0})));
  EXPECT_TRUE(equal_to(eval(arange(0, 3, 1, DType::kFloat16)),
                       Tensor::of<float>({0, 1, 2}).cast(DType::kFloat16)));
}

TEST(Arange, TakesIntegersFromTheGraph) {
  const Variable start = lscalar("start");
  const Variable stop = iscalar("stop");
  const Variable step = lscalar("step");
  const Function f = function({start, stop, step}, arange(start, stop, step));
  for (int64_t a = -3; a <= 3; ++a) {
    for (int64_t b = -3; b <= 3; ++b) {
      for (const int64_t s : {1, 2, 3, -1, -2}) {
        std::vector<int64_t> expected;
        for (int64_t i = a; s > 0 ? i < b : i > b; i += s) expected.push_back(i);
        EXPECT_TRUE(equal_to(f(a, static_cast<int32_t>(b), s).only(),
                             Tensor::from(expected, {static_cast<int64_t>(expected.size())})))
            << a << " " << b << " " << s;
      }
    }
  }
  expect_error<ShapeError>([&] { f(int64_t{0}, int32_t{3}, int64_t{0}); },
                           {"arange: the step is 0"},
                           SourceSite::current(__builtin_FILE(), __builtin_LINE() - 14));
  expect_error<ShapeError>([&] { arange(0, 3, 0); }, {"arange: the step is 0"});
  expect_error<TypeError>([&] { arange(dscalar("n")); },
                          {"arange: stop must be an integer scalar, not float64 ()"});
}

TEST(Arange, KeepsTheNameOfALength) {
  const Variable y = tensor(DType::kInt32, {"batch"}, "y");
  EXPECT_EQ(arange(shape(y, 0)).type().str(), "int64 (batch,)");
  EXPECT_EQ(arange(2, 9, 3).type().str(), "int64 (3,)");
}

TEST(Fill, MakesZerosOnesAndOthers) {
  EXPECT_TRUE(equal_to(eval(zeros({2, 3}, DType::kInt8)), Tensor::zeros(DType::kInt8, {2, 3})));
  EXPECT_TRUE(equal_to(eval(ones({0, 3}, DType::kFloat64)), Tensor::ones(DType::kFloat64, {0, 3})));
  EXPECT_TRUE(equal_to(eval(ones({}, DType::kFloat64)), Tensor::ones(DType::kFloat64, {})));
  EXPECT_TRUE(
      equal_to(eval(full({2}, 1.5, DType::kBFloat16)), Tensor::full(DType::kBFloat16, {2}, 1.5)));
  const Variable n = lscalar("n");
  const Function f = function({n}, full({n, 2}, 7, DType::kInt32));
  EXPECT_TRUE(equal_to(f(int64_t{3}).only(), Tensor::full(DType::kInt32, {3, 2}, 7)));
  EXPECT_TRUE(equal_to(f(int64_t{0}).only(), Tensor::full(DType::kInt32, {0, 2}, 7)));
  expect_error<ShapeError>([&] { f(int64_t{-1}); }, {"the length of axis 0 is negative: -1"},
                           SourceSite::current(__builtin_FILE(), __builtin_LINE() - 4));
  expect_error<ShapeError>(
      [&] {
        zeros({2, -1});
      },
      {"zeros: the length of axis 1 is negative: -1"});
}

TEST(FillLike, TakesDimsAndDTypeOnly) {
  const Variable x = tensor(DType::kFloat16, {"batch", 3}, "x");
  EXPECT_EQ(zeros_like(x).type().str(), "float16 (batch, 3)");
  const Tensor value = Tensor::full(DType::kFloat16, {2, 3}, 9);
  EXPECT_TRUE(equal_to(eval(zeros_like(x), {{x, value}}), Tensor::zeros(DType::kFloat16, {2, 3})));
  EXPECT_TRUE(equal_to(eval(ones_like(x), {{x, value}}), Tensor::ones(DType::kFloat16, {2, 3})));
  EXPECT_TRUE(
      equal_to(eval(full_like(x, 0.5), {{x, value}}), Tensor::full(DType::kFloat16, {2, 3}, 0.5)));
  expect_error<TypeError>([&] { full_like(x, dscalar("v")); },
                          {"full_like: a value of dtype float64 for a tensor of float16"});
}

TEST(Alloc, BroadcastsAndSumsGradients) {
  run_op_case({.name = "a row into a block",
               .inputs = {random_tensor({3})},
               .build =
                   [](const Variables& v) {
                     return alloc(v[0], {2, 4, 3});
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = Tensor::zeros(DType::kFloat64, {2, 4, 3});
                     for_each_index({2, 4, 3}, [&](const Dims& at) {
                       set_element(result, at, element(x[0], {at[2]}));
                     });
                     return result;
                   }});
}

TEST(Shape, GivesLengths) {
  const Variable x = tensor(DType::kFloat32, {Dim(), 3, Dim()}, "x");
  const Tensor value = Tensor::zeros(DType::kFloat32, {2, 3, 0});
  const Results results = function({x}, {shape(x), shape(x, 0), shape(x, -1), shape(x, 1)})(value);
  EXPECT_TRUE(equal_to(results[0], Tensor::of<int64_t>({2, 3, 0})));
  EXPECT_TRUE(equal_to(results[1], Tensor(int64_t{2})));
  EXPECT_TRUE(equal_to(results[2], Tensor(int64_t{0})));
  EXPECT_TRUE(equal_to(results[3], Tensor(int64_t{3})));
  EXPECT_TRUE(shape(x, 1).is_constant());
  expect_error<ShapeError>([&] { shape(x, 3); }, {"shape: axis 3 is out of range for 3 axes"});
}

TEST(MakeVector, CollectsScalars) {
  const Variable n = lscalar("n");
  EXPECT_TRUE(equal_to(eval(make_vector({n, 5, n * 2}), {{n, Tensor(int64_t{3})}}),
                       Tensor::of<int64_t>({3, 5, 6})));
}

TEST(Eye, HasOnesOnOneDiagonal) {
  for (const int64_t diagonal : {-3, -1, 0, 1, 2, 5}) {
    Tensor expected = Tensor::zeros(DType::kFloat64, {3, 4});
    for_each_index({3, 4}, [&](const Dims& at) {
      set_element(expected, at, at[1] - at[0] == diagonal ? 1.0 : 0.0);
    });
    EXPECT_TRUE(equal_to(eval(eye(3, 4, diagonal, DType::kFloat64)), expected)) << diagonal;
  }
  EXPECT_EQ(eval(eye(2)).shape(), Dims({2, 2}));
  EXPECT_EQ(eval(eye(0)).shape(), Dims({0, 0}));
}

TEST(OneHot, MarksTheLabel) {
  const Variable y = constant(Tensor::of<int8_t>({{1, 0}, {2, 7}}));
  Tensor expected = Tensor::zeros(DType::kFloat64, {2, 2, 3});
  set_element(expected, {0, 0, 1}, 1);
  set_element(expected, {0, 1, 0}, 1);
  set_element(expected, {1, 0, 2}, 1);
  EXPECT_TRUE(equal_to(eval(one_hot(y, 3, DType::kFloat64)), expected));
  expect_error<TypeError>([&] { one_hot(dvector("y"), 3); },
                          {"one_hot: labels must be integers, not float64 (?,)"});
}

}  // namespace
}  // namespace bitale
