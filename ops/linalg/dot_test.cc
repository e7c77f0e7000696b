#include "ops/linalg/dot.h"

#include <cmath>
#include <limits>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/gemm.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// sum_k a[..., k] * b[..., k, ...], the only axis of a vector being its k.
Tensor naive_dot(const Tensor& a, const Tensor& b) {
  const size_t a_rank = a.shape().size();
  const size_t b_rank = b.shape().size();
  const size_t b_inner = b_rank == 1 ? 0 : b_rank - 2;
  Dims shape(a.shape().begin(), a.shape().end() - 1);
  for (size_t axis = 0; axis < b_rank; ++axis) {
    if (axis != b_inner) shape.push_back(b.shape()[axis]);
  }
  Tensor out = Tensor::zeros(DType::kFloat64, shape);
  for_each_index(shape, [&](const Dims& index) {
    double sum = 0;
    for (int64_t k = 0; k < a.shape().back(); ++k) {
      Dims i(index.begin(), index.begin() + static_cast<int64_t>(a_rank) - 1);
      i.push_back(k);
      Dims j(index.begin() + static_cast<int64_t>(a_rank) - 1, index.end());
      j.insert(j.begin() + static_cast<int64_t>(b_inner), k);
      sum += element(a, i) * element(b, j);
    }
    set_element(out, index, sum);
  });
  return out;
}

void expect_dot(const Dims& a, const Dims& b) {
  run_op_case({.name = to_string(a) + " dot " + to_string(b),
               .inputs = {random_tensor(a, -1, 1, 1), random_tensor(b, -1, 1, 2)},
               .build = [](const Variables& v) { return dot(v[0], v[1]); },
               .oracle = [](const std::vector<Tensor>& x) { return naive_dot(x[0], x[1]); }});
}

TEST(Dot, SumsTheLastAxisWithTheFirst) {
  expect_dot({5}, {5});
  expect_dot({3, 5}, {5});
  expect_dot({5}, {5, 4});
  expect_dot({3, 5}, {5, 4});
  expect_dot({1, 5}, {5, 1});
  expect_dot({7, 1}, {1, 6});
  expect_dot({37, 41}, {41, 23});
}

TEST(Dot, HigherRanksSumTheAxisBeforeTheLast) {
  expect_dot({2, 3, 5}, {5, 4});
  expect_dot({3, 5}, {2, 5, 4});
  expect_dot({2, 3, 5}, {6, 5, 4});
  expect_dot({2, 3, 5}, {5});
  expect_dot({5}, {2, 5, 4});
}

TEST(Dot, AScalarMultipliesElementwise) {
  const auto times = [](const std::vector<Tensor>& x) {
    return map_elements(x[1], [&](double value) { return value * x[0].item<double>(); });
  };
  run_op_case({.name = "scalar",
               .inputs = {random_tensor({}), random_tensor({3, 4})},
               .build = [](const Variables& v) { return dot(v[0], v[1]); },
               .oracle = times});
  run_op_case({.name = "number",
               .inputs = {random_tensor({3, 4})},
               .build = [](const Variables& v) { return dot(v[0], 2.5); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     return map_elements(x[0], [](double value) { return value * 2.5; });
                   }});
}

TEST(Dot, EmptyOperandsGiveZeros) {
  for (const auto& [a, b] : std::vector<std::pair<Dims, Dims>>{
           {{0}, {0}}, {{3, 0}, {0, 4}}, {{0, 5}, {5, 4}}, {{3, 5}, {5, 0}}, {{3, 0}, {0}}}) {
    run_op_case({.name = to_string(a) + to_string(b),
                 .inputs = {Tensor::zeros(DType::kFloat64, a), Tensor::zeros(DType::kFloat64, b)},
                 .build = [](const Variables& v) { return dot(v[0], v[1]); },
                 .oracle = [](const std::vector<Tensor>& x) { return naive_dot(x[0], x[1]); },
                 .gradient = false,
                 .second_order = false,
                 .pushforward = false});
  }
}

TEST(Dot, IntegersAreExactAndWrap) {
  const Variable a = tensor(DType::kInt8, {Dim(), Dim()}, "a");
  const Variable b = tensor(DType::kInt8, {Dim(), Dim()}, "b");
  auto f = function({a, b}, dot(a, b));
  const Tensor out = f(Tensor::of<int8_t>({{100, 1}, {2, 3}}), Tensor::of<int8_t>({{3}, {5}}));
  EXPECT_TRUE(same_bits(out, Tensor::of<int8_t>({{static_cast<int8_t>(305)}, {21}})));
}

TEST(Dot, IntegerWithFloatIsFloat) {
  EXPECT_EQ(dot(imatrix(), fmatrix()).dtype(), DType::kFloat32);
  EXPECT_EQ(dot(fmatrix(), dmatrix()).dtype(), DType::kFloat64);
}

TEST(Dot, ZeroTimesNaNIsNaN) {
  const Variable a = fmatrix("a"), b = fmatrix("b");
  auto f = function({a, b}, dot(a, b));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor out =
      f(Tensor::of<float>({{0, 0}, {1, 0}}), Tensor::of<float>({{1, nan}, {inf, 1}}));
  EXPECT_TRUE(std::isnan(out.at<float>({0, 0})));
  EXPECT_TRUE(std::isnan(out.at<float>({0, 1})));
  EXPECT_TRUE(std::isnan(out.at<float>({1, 0})));
  EXPECT_TRUE(std::isnan(out.at<float>({1, 1})));
}

TEST(Dot, KeepsDims) {
  const Variable x = tensor(DType::kFloat32, {"batch", 784}, "x");
  const Variable w = tensor(DType::kFloat32, {784, 500}, "w");
  EXPECT_EQ(dot(x, w).type(), (TensorType{DType::kFloat32, {"batch", 500}}));
}

TEST(Dot, NamesTheDimsThatDiffer) {
  const Variable x = tensor(DType::kFloat32, {"batch", 784}, "x");
  const Variable w = tensor(DType::kFloat32, {500, 10}, "w");
  expect_error<ShapeError>([&] { dot(x, w); }, {"dot: inner dims differ: 784 and 500",
                                                "operand 0: x float32 (batch, 784)",
                                                "operand 1: w float32 (500, 10)", "hint: "});
}

TEST(Dot, RefusesDifferingDimsAtTheCall) {
  const Variable x = fmatrix("x"), w = fmatrix("w");
  auto f = function({x, w}, dot(x, w));
  EXPECT_THROW(f(Tensor::ones(DType::kFloat32, {2, 3}), Tensor::ones(DType::kFloat32, {4, 5})),
               ShapeError);
}

// alpha * product + beta * c, where c may be one number.
Tensor scaled_sum(const std::vector<Tensor>& x, const Tensor& product) {
  Tensor out = Tensor::zeros(DType::kFloat64, product.shape());
  for_each_index(out.shape(), [&](const Dims& i) {
    const double c = x[0].shape().empty() ? x[0].item<double>() : element(x[0], i);
    set_element(out, i, x[3].item<double>() * element(product, i) + x[4].item<double>() * c);
  });
  return out;
}

void expect_gemm(const Dims& c, const Dims& a, const Dims& b) {
  run_op_case(
      {.name = "gemm of " + to_string(a) + " and " + to_string(b),
       .inputs = {random_tensor(c, -1, 1, 1), random_tensor(a, -1, 1, 2),
                  random_tensor(b, -1, 1, 3), random_tensor({}, 1, 2, 4),
                  random_tensor({}, 1, 2, 5)},
       .build = [](const Variables& v) { return gemm(v[0], v[1], v[2], v[3], v[4]); },
       .oracle =
           [](const std::vector<Tensor>& x) { return scaled_sum(x, naive_dot(x[1], x[2])); }});
}

TEST(Gemm, IsTheFormulaItStandsFor) {
  expect_gemm({3, 4}, {3, 5}, {5, 4});
  expect_gemm({3}, {3, 5}, {5});
  expect_gemm({4}, {5}, {5, 4});
  expect_gemm({}, {3, 5}, {5, 4});
}

TEST(Gemm, AddsAllOfTheAddendWhateverTheFactor) {
  const Variable a = dmatrix("a"), b = dmatrix("b"), c = dmatrix("c"),
                 beta = tensor(DType::kFloat64, {}, "beta");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor sum = eval(gemm(c, a, b, 1, beta), {{a, Tensor::of<double>({{1, 2}})},
                                                   {b, Tensor::of<double>({{3, 4}, {5, 6}})},
                                                   {c, Tensor::of<double>({{nan, 7}})},
                                                   {beta, Tensor(0.0)}});
  EXPECT_TRUE(std::isnan(element(sum, {0, 0})));
  EXPECT_EQ(element(sum, {0, 1}), 16);
}

TEST(Gemm, OfASumOverNothingIsTheAddend) {
  const Variable a = dmatrix("a"), b = dmatrix("b");
  const Tensor sum = eval(gemm(3, a, b, 1, 2), {{a, Tensor::ones(DType::kFloat64, {2, 0})},
                                                {b, Tensor::ones(DType::kFloat64, {0, 1})}});
  EXPECT_EQ(element(sum, {1, 0}), 6);
}

TEST(Gemm, NamesTheRanksThatDiffer) {
  const Variable a = dmatrix("a"), v = dvector("v");
  expect_error<ShapeError>([&] { gemm(a, a, v, 1, 1); }, {"gemm: c has rank 2 and the product 1"});
}

TEST(Gemm, NamesTheDimsThatDiffer) {
  const Variable c = tensor(DType::kFloat32, {3, 4}, "c");
  const Variable a = tensor(DType::kFloat32, {3, 5}, "a");
  const Variable b = tensor(DType::kFloat32, {6, 4}, "b");
  expect_error<ShapeError>([&] { gemm(c, a, b, 1, 1); }, {"gemm: inner dims differ: 5 and 6"});
}

// The product may be written over the addend only where both lie in memory alike.
TEST(Gemm, LeavesATransposedAddendWhole) {
  const Variable a = dmatrix("a"), b = dmatrix("b"), p = dmatrix("p"), q = dmatrix("q");
  const Variable y = tanh((transpose(dot(a, b)) + dot(p, q)) * 0.01);
  const std::vector<std::pair<Variable, Tensor>> values = {
      {a, Tensor::of<double>({{1, 2}, {3, 4}, {5, 6}})},
      {b, Tensor::of<double>({{1, 0}, {2, 1}})},
      {p, Tensor::of<double>({{1, 1}, {1, 2}})},
      {q, Tensor::of<double>({{1, 2, 3}, {4, 5, 6}})}};
  EXPECT_TRUE(all_close(eval(y, values), eval(y, values, kFastCompile), 1e-14, 0));
}

TEST(Gemm, OfAGramMatrixGivesItsGradient) {
  const Tensor w = Tensor::of<double>({{1, 2, 3}, {4, 5, 7}});
  const auto step = [&](Mode mode) {
    const Variable W = shared(w, "W");
    const Variable cost = sum(sqr(dot(W, transpose(W))));
    function({}, Outs(Variables()), {.updates = {{W, W - 0.001 * grad(cost, W)}}, .mode = mode})();
    return get_value(W);
  };
  EXPECT_TRUE(all_close(step(kFastRun), step(kFastCompile), 1e-13, 0));
}

}  // namespace
}  // namespace bitale
