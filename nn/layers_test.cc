#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "nn/hidden_layer.h"
#include "nn/initializers.h"
#include "nn/lenet_conv_pool_layer.h"
#include "nn/regularizers.h"
#include "nn/sgd.h"
#include "ops/elementwise/operators.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

template <typename Build>
std::string first_line_of(Build build) {
  try {
    build();
  } catch (const Error& error) {
    const std::string text = error.what();
    return text.substr(0, text.find('\n'));
  }
  return "no error";
}

double largest_magnitude(const Variable& weights) {
  double largest = 0;
  for (double weight : get_value(weights).to_vector<double>()) {
    largest = std::max(largest, std::abs(weight));
  }
  return largest;
}

TEST(Initializers, BoundsFollowTheRules) {
  EXPECT_DOUBLE_EQ(uniform_bound(InitRule::kGlorotUniform, 784, 500), std::sqrt(6.0 / 1284));
  EXPECT_DOUBLE_EQ(uniform_bound(InitRule::kFanInUniform, 243, 7), std::sqrt(3.0 / 243));
  EXPECT_DOUBLE_EQ(uniform_bound(InitRule::kGlorotUniform, 9, 0), std::sqrt(6.0 / 9));
  EXPECT_DOUBLE_EQ(uniform_bound(InitRule::kFanInUniform, 3, -1), 1);
  EXPECT_THROW(uniform_bound(InitRule::kGlorotUniform, 0, 5), GraphError);
  EXPECT_THROW(uniform_bound(InitRule::kGlorotUniform, 5, -1), GraphError);
}

TEST(Initializers, WeightsAreNumpysDraws) {
  RandomState rng(1234), again(1234);
  const Tensor weights =
      uniform_weights(rng, InitRule::kGlorotUniform, 4, 2, {4, 2}, DType::kFloat64);
  EXPECT_TRUE(same_bits(weights, again.uniform(-1, 1, {4, 2})));
  // numpy.random.RandomState(1234).random_sample(2) is 0.1915194503788923, 0.6221087710398319.
  EXPECT_NEAR(weights.at<double>({0, 0}), 2 * 0.1915194503788923 - 1, 1e-15);
  EXPECT_NEAR(weights.at<double>({0, 1}), 2 * 0.6221087710398319 - 1, 1e-15);
}

TEST(HiddenLayer, IsTheActivationOfAnAffineMap) {
  RandomState rng(3);
  Variable x = dmatrix("x");
  HiddenLayer layer(rng, x, {.n_in = 3, .n_out = 2});
  set_value(layer.b(), Tensor::of<double>({0.25, -0.5}));
  const Tensor value = rng.rand({4, 3}), w = get_value(layer.W());
  const Tensor out = function({x}, layer.output())(value);
  ASSERT_EQ(out.shape(), (Dims{4, 2}));
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 2; ++j) {
      double sum = j == 0 ? 0.25 : -0.5;
      for (int64_t k = 0; k < 3; ++k) sum += value.at<double>({i, k}) * w.at<double>({k, j});
      EXPECT_NEAR(out.at<double>({i, j}), std::tanh(sum), 1e-14);
    }
  }
}

TEST(HiddenLayer, GainMultipliesAndNullActivationIsLinear) {
  RandomState rng(3), again(3);
  Variable x = dmatrix("x");
  HiddenLayer plain(rng, x, {.n_in = 3, .n_out = 2});
  HiddenLayer wide(again, x, {.n_in = 3, .n_out = 2, .activation = nullptr, .gain = 4});
  const std::vector<double> a = get_value(plain.W()).to_vector<double>();
  const std::vector<double> b = get_value(wide.W()).to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_DOUBLE_EQ(b[i], 4 * a[i]);
  const Tensor out = function({x}, wide.output())(Tensor::full(DType::kFloat64, {1, 3}, 100));
  EXPECT_NEAR(out.at<double>({0, 0}), 100 * (b[0] + b[2] + b[4]), 1e-10);
}

TEST(HiddenLayer, DrawsWithinTheBoundsOfItsInitRule) {
  RandomState rng(3);
  Variable x = dmatrix("x");
  HiddenLayer by_default(rng, x, {.n_in = 12, .n_out = 100});
  HiddenLayer by_fan_in(rng, x, {.n_in = 12, .n_out = 100, .init = InitRule::kFanInUniform});
  const double glorot = std::sqrt(6.0 / 112), fan_in = std::sqrt(3.0 / 12);
  EXPECT_LE(largest_magnitude(by_default.W()), glorot);
  EXPECT_LE(largest_magnitude(by_fan_in.W()), fan_in);
  EXPECT_GT(largest_magnitude(by_fan_in.W()), glorot);
}

TEST(HiddenLayer, TakesGivenWeights) {
  RandomState rng(3);
  Variable x = dmatrix("x");
  Variable w = shared(Tensor::ones(DType::kFloat64, {3, 2}), "w");
  HiddenLayer layer(rng, x, {.n_in = 3, .n_out = 2, .W = w});
  EXPECT_TRUE(layer.W() == w);
  Variable narrow = shared(Tensor::ones(DType::kFloat32, {3, 2}), "w");
  EXPECT_THROW(HiddenLayer(rng, x, {.n_in = 3, .n_out = 2, .W = narrow}), TypeError);
  EXPECT_THROW(HiddenLayer(rng, x, {.n_in = 4, .n_out = 2, .W = w}), TypeError);
}

TEST(HiddenLayer, RefusesWhatDoesNotFit) {
  RandomState rng(3);
  Variable x = dmatrix("x");
  Variable fixed = tensor(DType::kFloat64, {"batch", 784}, "fixed");
  EXPECT_EQ(first_line_of([&] { HiddenLayer(rng, x, {.n_in = 0, .n_out = 2}); }),
            "HiddenLayer: n_in must be positive, not 0");
  EXPECT_EQ(first_line_of([&] { HiddenLayer(rng, fixed, {.n_in = 100, .n_out = 2}); }),
            "HiddenLayer: n_in is 100, but axis 1 of the input has length 784");
  EXPECT_EQ(first_line_of([&] { HiddenLayer(rng, dvector("v"), {.n_in = 3, .n_out = 2}); }),
            "HiddenLayer: the input must have rank 2, not 1");
  EXPECT_EQ(first_line_of([&] { HiddenLayer(rng, imatrix("m"), {.n_in = 3, .n_out = 2}); }),
            "HiddenLayer: the input must be of a floating dtype, not int32");
}

TEST(LeNetConvPoolLayer, ShapesAndWeightsAreTheTutorials) {
  RandomState rng(23455), again(23455);
  Variable x = tensor(DType::kFloat32, {2, 1, 28, 28}, "x");
  LeNetConvPoolLayer layer(rng, x, {.filter_shape = {20, 1, 5, 5}, .image_shape = {2, 1, 28, 28}});
  EXPECT_EQ(layer.output_shape(), (std::array<int64_t, 4>{2, 20, 12, 12}));
  // fan_in 25, fan_out 20 * 25 / 4.
  const double bound = std::sqrt(6.0 / (25 + 125));
  EXPECT_TRUE(same_bits(get_value(layer.W()),
                        again.uniform(-bound, bound, {20, 1, 5, 5}).cast(DType::kFloat32)));
  EXPECT_TRUE(same_bits(get_value(layer.b()), Tensor::zeros(DType::kFloat32, {20})));
  const Tensor out = function({x}, layer.output())(Tensor::ones(DType::kFloat32, {2, 1, 28, 28}));
  EXPECT_EQ(out.shape(), (Dims{2, 20, 12, 12}));
}

TEST(LeNetConvPoolLayer, DrawsWithinTheBoundsOfItsInitRule) {
  RandomState rng(3);
  Variable x = dtensor4("x");
  LeNetConvPoolLayer by_default(rng, x,
                                {.filter_shape = {20, 2, 5, 5}, .image_shape = {-1, 2, 28, 28}});
  LeNetConvPoolLayer by_fan_in(rng, x,
                               {.filter_shape = {20, 2, 5, 5},
                                .image_shape = {-1, 2, 28, 28},
                                .init = InitRule::kFanInUniform});
  // fan_in 2 * 25, fan_out 20 * 25 / 4.
  const double glorot = std::sqrt(6.0 / (50 + 125)), fan_in = std::sqrt(3.0 / 50);
  EXPECT_LE(largest_magnitude(by_default.W()), glorot);
  EXPECT_LE(largest_magnitude(by_fan_in.W()), fan_in);
  EXPECT_GT(largest_magnitude(by_fan_in.W()), glorot);
}

TEST(LeNetConvPoolLayer, AnyBatchSize) {
  RandomState rng(1);
  Variable x = dtensor4("x");
  LeNetConvPoolLayer layer(rng, x, {.filter_shape = {3, 2, 3, 3}, .image_shape = {-1, 2, 8, 8}});
  Function f = function({x}, layer.output());
  for (int64_t batch : {1, 5}) {
    const Tensor out = f(Tensor::ones(DType::kFloat64, {batch, 2, 8, 8}));
    EXPECT_EQ(out.shape(), (Dims{batch, 3, 3, 3}));
  }
}

TEST(LeNetConvPoolLayer, PoolsLargerThanTheFilters) {
  RandomState rng(1), again(1);
  Variable x = ftensor4("x");
  LeNetConvPoolLayer layer(
      rng, x, {.filter_shape = {1, 1, 3, 3}, .image_shape = {-1, 1, 6, 6}, .pool_size = {4, 4}});
  // fan_in 9, fan_out 9 / 16.
  const double bound = std::sqrt(6.0 / 9);
  EXPECT_TRUE(same_bits(get_value(layer.W()),
                        again.uniform(-bound, bound, {1, 1, 3, 3}).cast(DType::kFloat32)));
}

TEST(LeNetConvPoolLayer, ImageShapeHoldsAtEveryCall) {
  RandomState rng(1);
  Variable x = ftensor4("x");
  LeNetConvPoolLayer layer(rng, x, {.filter_shape = {3, 1, 3, 3}, .image_shape = {2, 1, 6, 6}});
  EXPECT_EQ(layer.output().type().dims, (SymbolicDims{2, 3, 2, 2}));
  Function f = function({x}, layer.output());
  EXPECT_EQ(f(Tensor::ones(DType::kFloat32, {2, 1, 6, 6})).only().shape(), (Dims{2, 3, 2, 2}));
  EXPECT_THROW(f(Tensor::ones(DType::kFloat32, {2, 1, 8, 8})), ShapeError);
  EXPECT_THROW(f(Tensor::ones(DType::kFloat32, {3, 1, 6, 6})), ShapeError);
}

TEST(LeNetConvPoolLayer, RefusesWhatDoesNotFit) {
  RandomState rng(1);
  Variable x = dtensor4("x");
  auto build = [&](const LeNetConvPoolLayerOptions& options) {
    return first_line_of([&] { LeNetConvPoolLayer(rng, x, options); });
  };
  EXPECT_EQ(build({.filter_shape = {3, 1, 3, 3}, .image_shape = {-1, 2, 8, 8}}),
            "LeNetConvPoolLayer: image_shape has 2 channels, filter_shape expects 1");
  EXPECT_EQ(build({.filter_shape = {3, 2, 0, 3}, .image_shape = {-1, 2, 8, 8}}),
            "LeNetConvPoolLayer: filter_shape[2] must be positive, not 0");
  EXPECT_EQ(build({.filter_shape = {3, 2, 8, 8}, .image_shape = {-1, 2, 8, 8}}),
            "LeNetConvPoolLayer: an image of 8x8 is too small for filters of 8x8 and pooling by "
            "2x2");
  EXPECT_EQ(build({.filter_shape = {3, 2, 3, 3}, .image_shape = {0, 2, 8, 8}}),
            "LeNetConvPoolLayer: image_shape[0] must be positive, not 0");
}

TEST(Regularizers, SumOverAllWeights) {
  Variable a = shared(Tensor::of<double>({-1, 2}), "a");
  Variable b = shared(Tensor::of<double>({3, -4}), "b");
  EXPECT_EQ(eval(l1_norm({a, b})).item<double>(), 10);
  EXPECT_EQ(eval(l2_norm_squared({a, b})).item<double>(), 30);
  EXPECT_EQ(first_line_of([] { l1_norm({}); }), "l1_norm: no weights are given");
}

TEST(Sgd, StepsAgainstTheGradient) {
  Variable w = shared(Tensor::of<double>({1, -2}), "w");
  Variable cost = sum(w * w);
  function({}, cost, {.updates = sgd(cost, {w}, 0.25)})();
  EXPECT_TRUE(same_bits(get_value(w), Tensor::of<double>({0.5, -1})));
}

}  // namespace
}  // namespace bitale
