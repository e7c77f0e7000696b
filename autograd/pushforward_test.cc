#include "autograd/pushforward.h"

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

double inner(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for_each_index(a.shape(), [&](const Dims& i) { sum += element(a, i) * element(b, i); });
  return sum;
}

struct Net {
  Variable x = dmatrix("x"), w = dmatrix("w");
  Variable out = tanh(dot(x, w)) * sum(w);
  Tensor x_value = random_tensor({4, 3}, -1, 1, 1), w_value = random_tensor({3, 2}, -1, 1, 2);
};

TEST(Rop, OfAProductIsTheProductRule) {
  const Variable x = dscalar("x"), y = dscalar("y"), dx = dscalar("dx"), dy = dscalar("dy");
  const Variable moved = rop(Variables{x * y}, {x, y}, {dx, dy})[0];
  EXPECT_DOUBLE_EQ(
      eval(moved, {{x, Tensor(2.0)}, {y, Tensor(3.0)}, {dx, Tensor(10.0)}, {dy, Tensor(100.0)}})
          .item<double>(),
      230.0);
}

TEST(Rop, IsTheAdjointOfLop) {
  const Net net;
  const Variable t = dmatrix("t"), s = dmatrix("s"), g = dmatrix("g");
  const Variable moved = rop(Variables{net.out}, {net.x, net.w}, {t, s})[0];
  const Variables pulled = lop(Variables{net.out}, {net.x, net.w}, {g});
  const Tensor tv = random_tensor({4, 3}, -1, 1, 3), sv = random_tensor({3, 2}, -1, 1, 4),
               gv = random_tensor({4, 2}, -1, 1, 5);
  const Function f = function({net.x, net.w, t, s, g}, Variables{moved, pulled[0], pulled[1]});
  const Results r = f(net.x_value, net.w_value, tv, sv, gv);
  EXPECT_NEAR(inner(r[0], gv), inner(r[1], tv) + inner(r[2], sv), 1e-12);
}

TEST(Rop, CountsWrtAsIndependent) {
  const Variable x = dscalar("x");
  const Variable y = sqr(x);
  const Variable one = dscalar("one");
  // y stands still although x moves.
  const Variable moved = rop(Variables{y * x}, {x, y}, {one, 0.0 * one})[0];
  EXPECT_DOUBLE_EQ(eval(moved, {{x, Tensor(3.0)}, {one, Tensor(1.0)}}).item<double>(), 9.0);
}

TEST(Rop, DisconnectedOutputsAreRefusedOrZero) {
  const Variable x = dscalar("x"), y = dscalar("y"), t = dscalar("t");
  expect_error<GradientError>([&] { rop(sqr(y), x, t); },
                              {"rop: output 0, sqr.0, does not move with any wrt"});
  const Variable zero = rop(sqr(y), x, t, {.disconnected_outputs = Disconnected::kIgnore});
  EXPECT_EQ(eval(zero, {{y, Tensor(1.0)}}).item<double>(), 0.0);
}

TEST(Rop, TangentsMustFit) {
  const Variable x = dvector("x"), t = dscalar("t");
  expect_error<GradientError>([&] { rop(sqr(x), x, t); },
                              {"rop: tangent 0: float64 () does not fit x, which is"});
  expect_error<GradientError>([&] { rop(Variables{sqr(x)}, {x}, {}); },
                              {"rop: 0 tangents for 1 variables"});
}

TEST(Lop, WeightsTheOutputs) {
  const Variable x = dvector("x"), g = dvector("g");
  const Variable pulled = lop(sqr(x), x, g);
  EXPECT_TRUE(
      close_to(eval(pulled, {{x, Tensor::of<double>({1, 2})}, {g, Tensor::of<double>({10, 100})}}),
               Tensor::of<double>({20, 400})));
}

TEST(Lop, SaysWhichWrtIsDisconnected) {
  const Variable x = dvector("x"), w = dvector("w"), g = dvector("g");
  expect_error<GradientError>(
      [&] {
        lop(Variables{sqr(x)}, {x, w}, {g});
      },
      {"lop: no gradient reaches wrt 1, w", "why: there is no path"});
}

TEST(HessianVectorProduct, OfAQuadraticFormIsItsMatrix) {
  const Variable x = dvector("x"), a = dmatrix("a"), v = dvector("v");
  const Variable cost = dot(x, dot(a, x));
  const Variable product = hessian_vector_product(cost, x, v);
  const Tensor av = random_tensor({3, 3}, -1, 1, 1), vv = random_tensor({3}, -1, 1, 2);
  Tensor expected = Tensor::zeros(DType::kFloat64, {3});
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      expected.at<double>({i}) +=
          (av.at<double>({i, j}) + av.at<double>({j, i})) * vv.at<double>({j});
    }
  }
  EXPECT_TRUE(
      close_to(eval(product, {{x, random_tensor({3}, -1, 1, 3)}, {a, av}, {v, vv}}), expected));
}

TEST(HessianVectorProduct, AgreesWithReverseOverReverse) {
  const Net net;
  const Variable cost = sum(sqr(net.out));
  const Variable v = dmatrix("v"), u = dmatrix("u");
  const Variables forward = hessian_vector_product(cost, {net.x, net.w}, {v, u});
  const Variables g = grad(cost, Variables{net.x, net.w});
  const Variables reverse = grad(sum(g[0] * v) + sum(g[1] * u), Variables{net.x, net.w});
  const Function f =
      function({net.x, net.w, v, u}, Variables{forward[0], forward[1], reverse[0], reverse[1]});
  const Results r =
      f(net.x_value, net.w_value, random_tensor({4, 3}, -1, 1, 6), random_tensor({3, 2}, -1, 1, 7));
  EXPECT_TRUE(close_to(r[0], r[2], 10.0));
  EXPECT_TRUE(close_to(r[1], r[3], 10.0));
}

TEST(HessianVectorProduct, OfALinearCostIsZero) {
  const Variable x = dvector("x"), v = dvector("v");
  const Tensor one = Tensor::of<double>({1, 2});
  EXPECT_TRUE(equal_to(eval(hessian_vector_product(sum(3.0 * x), x, v), {{x, one}, {v, one}}),
                       Tensor::zeros(DType::kFloat64, {2})));
}

}  // namespace
}  // namespace bitale
