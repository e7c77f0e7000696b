#include "autograd/jacobian.h"

#include "autograd/hessian.h"
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

TEST(Jacobian, OfAProductWithAMatrixIsTheMatrix) {
  const Variable x = dvector("x"), a = dmatrix("a");
  const Tensor av = random_tensor({4, 3});
  const Variable j = jacobian(dot(a, x), x);
  EXPECT_EQ(j.rank(), 2);
  EXPECT_TRUE(close_to(eval(j, {{x, random_tensor({3})}, {a, av}}), av));
}

TEST(Jacobian, OfElementwiseIsDiagonal) {
  const Variable x = dvector("x");
  const Tensor xv = random_tensor({3});
  Tensor expected = Tensor::zeros(DType::kFloat64, {3, 3});
  for (int64_t i = 0; i < 3; ++i) expected.at<double>({i, i}) = 2 * xv.at<double>({i});
  EXPECT_TRUE(close_to(eval(jacobian(sqr(x), x), {{x, xv}}), expected));
}

TEST(Jacobian, HasTheShapeOfExpressionThenWrt) {
  const Variable x = dmatrix("x"), w = dmatrix("w");
  const Variables js = jacobian(dot(x, w), {x, w});
  const Function f = function({x, w}, js);
  const Results r = f(random_tensor({2, 3}), random_tensor({3, 4}));
  EXPECT_EQ(r[0].shape(), (Dims{2, 4, 2, 3}));
  EXPECT_EQ(r[1].shape(), (Dims{2, 4, 3, 4}));
  // d(x w)[i, j] / dx[k, l] = (i == k) w[l, j]
  const Tensor xv = random_tensor({2, 3}), wv = random_tensor({3, 4});
  for_each_index({2, 4, 2, 3}, [&](const Dims& i) {
    EXPECT_NEAR(element(r[0], i), i[0] == i[2] ? element(wv, {i[3], i[1]}) : 0.0, 1e-12);
  });
}

TEST(Jacobian, OfAScalarIsItsGradient) {
  const Variable x = dvector("x");
  const Tensor xv = random_tensor({3});
  EXPECT_TRUE(close_to(eval(jacobian(sum(sqr(x)), x), {{x, xv}}),
                       map_elements(xv, [](double v) { return 2 * v; })));
}

TEST(Jacobian, OfNoElementsIsEmpty) {
  const Variable x = dvector("x");
  const Tensor j = eval(jacobian(sqr(x), x), {{x, Tensor::zeros(DType::kFloat64, {0})}});
  EXPECT_EQ(j.shape(), (Dims{0, 0}));
}

TEST(Jacobian, RefusesDisconnectedWrt) {
  const Variable x = dvector("x"), w = dvector("w");
  expect_error<GradientError>([&] { jacobian(sqr(x), w); },
                              {"jacobian: no gradient reaches wrt 0, w"});
}

TEST(Hessian, OfAQuadraticFormIsTheSymmetricMatrix) {
  const Variable x = dvector("x"), a = dmatrix("a");
  const Tensor av = random_tensor({3, 3});
  Tensor expected = Tensor::zeros(DType::kFloat64, {3, 3});
  for_each_index({3, 3}, [&](const Dims& i) {
    set_element(expected, i, element(av, i) + element(av, {i[1], i[0]}));
  });
  EXPECT_TRUE(
      close_to(eval(hessian(dot(x, dot(a, x)), x), {{x, random_tensor({3})}, {a, av}}), expected));
}

TEST(Hessian, OfACubicSum) {
  const Variable x = dvector("x");
  const Tensor xv = random_tensor({4});
  Tensor expected = Tensor::zeros(DType::kFloat64, {4, 4});
  for (int64_t i = 0; i < 4; ++i) expected.at<double>({i, i}) = 6 * xv.at<double>({i});
  EXPECT_TRUE(close_to(eval(hessian(sum(x * x * x), x), {{x, xv}}), expected, 10.0));
}

TEST(Hessian, OfALinearCostIsZero) {
  const Variable x = dvector("x");
  EXPECT_TRUE(equal_to(eval(hessian(sum(2.0 * x), x), {{x, random_tensor({2})}}),
                       Tensor::zeros(DType::kFloat64, {2, 2})));
}

}  // namespace
}  // namespace bitale
