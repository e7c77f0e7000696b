#include "nn/logistic_regression.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "nn/sgd.h"

namespace bitale {
namespace {

TEST(LogisticRegression, StartsWithEqualProbabilities) {
  Variable x = dmatrix("x"), y = ivector("y");
  LogisticRegression layer(x, {.n_in = 3, .n_out = 4});
  Function f = function({x, y}, {layer.p_y_given_x(), layer.negative_log_likelihood(y)});
  Results out = f(Tensor::ones(DType::kFloat64, {2, 3}), Tensor::of<int32_t>({0, 3}));
  for (double p : out[0].to_vector<double>()) EXPECT_DOUBLE_EQ(p, 0.25);
  EXPECT_NEAR(out[1].item<double>(), std::log(4.0), 1e-15);
}

TEST(LogisticRegression, LearnsASeparableProblem) {
  RandomState rng(7);
  const Tensor points = rng.uniform(-1, 1, {200, 2});
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < 200; ++i) {
    labels.push_back(points.at<double>({i, 0}) + 2 * points.at<double>({i, 1}) > 0 ? 1 : 0);
  }
  Variable x = dmatrix("x"), y = ivector("y");
  LogisticRegression layer(x, {.n_in = 2, .n_out = 2});
  Variable cost = layer.negative_log_likelihood(y);
  Function train = function({x, y}, cost, {.updates = sgd(cost, layer.params(), 1.0)});
  Function errors = function({x, y}, layer.errors(y));
  const Tensor targets = Tensor::from(labels, {200});
  const double first = train(points, targets).item<double>();
  double last = first;
  for (int i = 0; i < 200; ++i) last = train(points, targets).item<double>();
  EXPECT_LT(last, 0.3 * first);
  EXPECT_LT(errors(points, targets).item<double>(), 0.05);
}

TEST(LogisticRegression, RefusesFloatLabels) {
  Variable x = dmatrix("x"), y = dvector("y");
  LogisticRegression layer(x, {.n_in = 2, .n_out = 2});
  EXPECT_THROW(layer.errors(y), TypeError);
  EXPECT_THROW(layer.negative_log_likelihood(y), TypeError);
}

}  // namespace
}  // namespace bitale
