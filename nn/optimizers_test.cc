// Optimizers against plain loops over doubles, and what their steps are compiled to.

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "gmock/gmock.h"
#include "nn/adam.h"
#include "nn/hidden_layer.h"
#include "nn/lenet_conv_pool_layer.h"
#include "nn/logistic_regression.h"
#include "nn/momentum.h"
#include "nn/rmsprop.h"
#include "nn/sgd.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/reshape.h"

namespace bitale {
namespace {

using testing::ElementsAre;

constexpr int kSteps = 6;
constexpr double kRate = 0.05;

// A matrix and a vector, far enough from 0 for gradients of every size.
Variables parameters(DType dtype = DType::kFloat64) {
  const Tensor w = Tensor::of<double>({{1.5, -0.3, 0.02}, {-2, 0.7, 0.9}});
  return {shared(w.cast(dtype), "W"), shared(Tensor::of<double>({-1.1, 0.4}).cast(dtype), "b")};
}

// The sum of (w^2 - 1/2)^2 over all elements of all parameters, and its derivative.
Variable cost_of(const Variables& params) {
  Variable cost;
  for (const Variable& w : params) {
    const Variable term = sum(sqr(sqr(w) - 0.5));
    cost = cost.defined() ? cost + term : term;
  }
  return cost;
}
double slope_at(double w) { return 4 * w * (w * w - 0.5); }

// One element's new value in step t = 1, 2, ..., with two numbers of state that start at 0.
using PlainStep = std::function<double(double w, double g, int t, std::array<double, 2>& state)>;

std::vector<double> after_plain_steps(std::vector<double> elements, const PlainStep& step) {
  for (double& w : elements) {
    std::array<double, 2> state = {0, 0};
    for (int t = 1; t <= kSteps; ++t) w = step(w, slope_at(w), t, state);
  }
  return elements;
}

using Optimizer = std::function<Updates(const Variable& cost, const Variables& params)>;

void expect_steps_of(const PlainStep& step, const Optimizer& optimizer,
                     DType dtype = DType::kFloat64) {
  const Variables params = parameters(dtype);
  std::vector<std::vector<double>> expected;
  for (const Variable& w : params) {
    expected.push_back(after_plain_steps(get_value(w).to_vector<double>(), step));
  }
  const Variable cost = cost_of(params);
  const Function train = function({}, cost, {.updates = optimizer(cost, params)});
  for (int t = 0; t < kSteps; ++t) train();
  const double tolerance = dtype == DType::kFloat64 ? 1e-13 : 1e-5;
  for (size_t i = 0; i < params.size(); ++i) {
    EXPECT_EQ(get_value(params[i]).dtype(), dtype);
    const std::vector<double> got = get_value(params[i]).to_vector<double>();
    for (size_t k = 0; k < got.size(); ++k) {
      EXPECT_NEAR(got[k], expected[i][k], tolerance) << "parameter " << i << ", element " << k;
    }
  }
}

double plain_momentum(double w, double g, int, std::array<double, 2>& state) {
  state[0] = 0.8 * state[0] - kRate * g;
  return w + state[0];
}

double plain_nesterov(double w, double g, int, std::array<double, 2>& state) {
  state[0] = 0.8 * state[0] - kRate * g;
  return w + 0.8 * state[0] - kRate * g;
}

double plain_rmsprop(double w, double g, int, std::array<double, 2>& state) {
  state[0] = 0.7 * state[0] + 0.3 * g * g;
  return w - kRate * g / (std::sqrt(state[0]) + 1e-3);
}

double plain_adamw(double w, double g, int t, double weight_decay, std::array<double, 2>& state) {
  state[0] = 0.8 * state[0] + 0.2 * g;
  state[1] = 0.95 * state[1] + 0.05 * g * g;
  const double mean = state[0] / (1 - std::pow(0.8, t));
  const double mean_square = state[1] / (1 - std::pow(0.95, t));
  return w - kRate * mean / (std::sqrt(mean_square) + 1e-3) - kRate * weight_decay * w;
}

Updates with_momentum(const Variable& cost, const Variables& params) {
  return momentum(cost, params, kRate, {.momentum = 0.8});
}
Updates with_nesterov(const Variable& cost, const Variables& params) {
  return momentum(cost, params, kRate, {.momentum = 0.8, .nesterov = true});
}
Updates with_rmsprop(const Variable& cost, const Variables& params) {
  return rmsprop(cost, params, kRate, {.decay = 0.7, .epsilon = 1e-3});
}

TEST(Momentum, TakesTheStepsOfAPlainLoop) {
  expect_steps_of(plain_momentum, with_momentum);
  expect_steps_of(plain_nesterov, with_nesterov);
}

TEST(Momentum, OfZeroIsGradientDescent) {
  const auto descend = [](double w, double g, int, std::array<double, 2>&) {
    return w - kRate * g;
  };
  for (const bool nesterov : {false, true}) {
    expect_steps_of(descend, [nesterov](const Variable& cost, const Variables& params) {
      return momentum(cost, params, kRate, {.momentum = 0, .nesterov = nesterov});
    });
  }
}

TEST(Rmsprop, TakesTheStepsOfAPlainLoop) { expect_steps_of(plain_rmsprop, with_rmsprop); }

TEST(Adam, TakesTheStepsOfAPlainLoop) {
  for (const double weight_decay : {0.0, 0.1}) {
    expect_steps_of(
        [=](double w, double g, int t, std::array<double, 2>& state) {
          return plain_adamw(w, g, t, weight_decay, state);
        },
        [=](const Variable& cost, const Variables& params) {
          return adam(cost, params, kRate,
                      {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = weight_decay});
        });
  }
}

// With these defaults the first step is the rate, whatever the gradient's size.
TEST(Adam, FirstStepIsAsLongAsTheRate) {
  const Variable w = shared(Tensor::of<float>({1, -3}), "w");
  const Variable cost = sum(w * Tensor::of<float>({1e-3F, -200}));
  function({}, cost, {.updates = adam(cost, {w}, 0.01)})();
  const std::vector<double> got = get_value(w).to_vector<double>();
  EXPECT_NEAR(got[0], 1 - 0.01, 1e-6);
  EXPECT_NEAR(got[1], -3 + 0.01, 1e-6);
}

TEST(Optimizers, KeepTheDTypeOfParameters) {
  expect_steps_of(plain_momentum, with_momentum, DType::kFloat32);
  expect_steps_of(plain_rmsprop, with_rmsprop, DType::kFloat32);
  expect_steps_of([](double w, double g, int t,
                     std::array<double, 2>& state) { return plain_adamw(w, g, t, 0.1, state); },
                  [](const Variable& cost, const Variables& params) {
                    return adam(
                        cost, params, kRate,
                        {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 0.1});
                  },
                  DType::kFloat32);
}

TEST(Optimizers, TakeARateThatChanges) {
  const Variable rate = shared(Tensor(kRate), "rate");
  expect_steps_of(plain_momentum, [&](const Variable& cost, const Variables& params) {
    return momentum(cost, params, rate, {.momentum = 0.8});
  });
  expect_steps_of(plain_rmsprop, [&](const Variable& cost, const Variables& params) {
    return rmsprop(cost, params, rate, {.decay = 0.7, .epsilon = 1e-3});
  });
  const auto halved = [](double w, double g, int t, std::array<double, 2>& state) {
    const double step = plain_adamw(w, g, t, 0, state) - w;
    return w + step * std::pow(0.5, t - 1);
  };
  expect_steps_of(halved, [&](const Variable& cost, const Variables& params) {
    Updates updates = adam(cost, params, rate, {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3});
    updates.emplace_back(rate, rate * 0.5);
    return updates;
  });
}

TEST(Optimizers, NameTheirStateAfterParameters) {
  const auto names_of = [](const Updates& updates) {
    std::vector<std::string> names;
    for (const auto& update : updates) names.push_back(update.first.name());
    return names;
  };
  const Variables params = {parameters()[0], shared(Tensor::of<double>({1}))};
  const Variable cost = cost_of(params);
  EXPECT_THAT(names_of(momentum(cost, params, kRate)),
              ElementsAre("W.velocity", "W", "velocity", ""));
  EXPECT_THAT(names_of(rmsprop(cost, params, kRate)),
              ElementsAre("W.mean_square", "W", "mean_square", ""));
  EXPECT_THAT(names_of(adam(cost, params, kRate)),
              ElementsAre("adam.step", "W.mean", "W.mean_square", "W", "mean", "mean_square", ""));
}

TEST(Optimizers, StateHasTheDimsThatItsParameterLeavesFree) {
  const Variable w = shared(Tensor::ones(DType::kFloat32, {4, 3}), "w", {.dims = {{Dim("n"), 3}}});
  const Updates updates = momentum(sum(sqr(w)), {w}, kRate);
  EXPECT_EQ(updates[0].first.type(), w.type());
  EXPECT_EQ(get_value(updates[0].first).shape(), (Dims{4, 3}));
}

// --- What steps are compiled to
// -------------------------------------------------------------------

// The kernels that write shared variables in one training step of LeNet.
std::vector<std::string> updating_kernels(const Optimizer& optimizer) {
  constexpr int64_t kBatch = 3;
  RandomState rng(23455);
  const Variable x = tensor(DType::kFloat32, {kBatch, 28 * 28}, "x"), y = ivector("y");
  const LeNetConvPoolLayer layer0(
      rng, reshape(x, {kBatch, 1, 28, 28}),
      {.filter_shape = {20, 1, 5, 5}, .image_shape = {kBatch, 1, 28, 28}});
  const LeNetConvPoolLayer layer1(
      rng, layer0.output(), {.filter_shape = {50, 20, 5, 5}, .image_shape = {kBatch, 20, 12, 12}});
  const HiddenLayer layer2(rng, flatten(layer1.output(), 2), {.n_in = 800, .n_out = 500});
  const LogisticRegression layer3(layer2.output(), {.n_in = 500, .n_out = 10});
  Variables params;
  for (const Variables& own :
       {layer0.params(), layer1.params(), layer2.params(), layer3.params()}) {
    params.insert(params.end(), own.begin(), own.end());
  }
  const Variable cost = layer3.negative_log_likelihood(y);
  const Function train = function({x, y}, cost, {.updates = optimizer(cost, params)});
  train(Tensor::ones(DType::kFloat32, {kBatch, 28 * 28}), Tensor::of<int32_t>({1, 2, 3}));
  std::vector<std::string> kernels;
  const std::vector<std::string> lines = absl::StrSplit(train.program_dump(), '\n');
  for (const std::string& line : lines) {
    const size_t results_end = line.find(" = ");
    if (results_end == std::string::npos || line.find("shared") > results_end) continue;
    const size_t name = line.rfind('[') + 1;
    kernels.push_back(line.substr(name, line.find(']', name) - name));
  }
  std::ranges::sort(kernels);
  return kernels;
}

// Beside products that accumulate onto weights or velocities, the one weight that is large, and the
// step count.
TEST(Optimizers, StepSmallParametersOfLeNetInOneKernel) {
  const auto with_sgd = [](const Variable& cost, const Variables& params) {
    return sgd(cost, params, kRate);
  };
  const auto with_adam = [](const Variable& cost, const Variables& params) {
    return adam(cost, params, kRate);
  };
  EXPECT_THAT(updating_kernels(with_sgd),
              ElementsAre("elementwise_bundle_tiles", "gemm_blocked", "gemm_blocked"));
  EXPECT_THAT(
      updating_kernels(with_momentum),
      ElementsAre("elementwise_bundle_tiles", "elementwise_tiles", "gemm_blocked", "gemm_blocked"));
  EXPECT_THAT(updating_kernels(with_rmsprop),
              ElementsAre("elementwise_bundle_tiles", "fused_elementwise_tiles"));
  EXPECT_THAT(updating_kernels(with_adam),
              ElementsAre("elementwise_bundle_tiles", "fused_elementwise_tiles", "integers"));
}

}  // namespace
}  // namespace bitale
