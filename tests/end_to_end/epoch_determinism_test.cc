// An epoch over real images gives the same bits of all weights, and of all that the optimizer keeps
// beside them, whatever the number of threads. Random images (determinism_test) lack what real ones
// have: long runs of zeros, saturated units, and gradients that shrink from step to step.

#include <string>
#include <vector>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "gtest/gtest.h"
#include "models/training/data_set.h"
#include "nn/adam.h"
#include "nn/data/mnist.h"
#include "nn/hidden_layer.h"
#include "nn/lenet_conv_pool_layer.h"
#include "nn/logistic_regression.h"
#include "nn/momentum.h"
#include "nn/regularizers.h"
#include "nn/sgd.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"
#include "ops/shape/reshape.h"

namespace bitale {
namespace {

constexpr int64_t kImages = 5000;
constexpr int64_t kBatch = 500;

// The first images of MNIST's training set, read once.
const LabelledImages& images() {
  static const LabelledImages part = [] {
    const Mnist mnist = load_mnist(find_mnist("").value(), DType::kFloat32).value();
    return LabelledImages{mnist.train.images.slice(0, 0, kImages).copy(),
                          mnist.train.labels.slice(0, 0, kImages).copy()};
  }();
  return part;
}

struct Model {
  Variable x = matrix("x");
  Variable y = ivector("y");
  Variable cost;
  Variables params;
};

void append(Variables& params, const Variables& more) {
  params.insert(params.end(), more.begin(), more.end());
}

Model lenet() {
  Model model;
  RandomState rng(23455);
  LeNetConvPoolLayer layer0(
      rng, reshape(model.x, {kBatch, 1, 28, 28}),
      {.filter_shape = {20, 1, 5, 5}, .image_shape = {kBatch, 1, 28, 28}, .pool_size = {2, 2}});
  LeNetConvPoolLayer layer1(
      rng, layer0.output(),
      {.filter_shape = {50, 20, 5, 5}, .image_shape = {kBatch, 20, 12, 12}, .pool_size = {2, 2}});
  HiddenLayer layer2(rng, flatten(layer1.output(), 2), {.n_in = 50 * 4 * 4, .n_out = 500});
  LogisticRegression layer3(layer2.output(), {.n_in = 500, .n_out = 10});
  model.cost = layer3.negative_log_likelihood(model.y);
  for (const Variables& params :
       {layer0.params(), layer1.params(), layer2.params(), layer3.params()}) {
    append(model.params, params);
  }
  return model;
}

Model mlp() {
  Model model;
  RandomState rng(1234);
  HiddenLayer hidden(rng, model.x, {.n_in = 28 * 28, .n_out = 500});
  LogisticRegression output(hidden.output(), {.n_in = 500, .n_out = 10});
  model.cost =
      output.negative_log_likelihood(model.y) + 0.0001 * l2_norm_squared({hidden.W(), output.W()});
  append(model.params, hidden.params());
  append(model.params, output.params());
  return model;
}

Updates with_sgd(const Model& model) { return sgd(model.cost, model.params, 0.1); }
Updates with_momentum(const Model& model) { return momentum(model.cost, model.params, 0.02); }
Updates with_adam(const Model& model) { return adam(model.cost, model.params, 0.001); }

struct Case {
  const char* name;
  Model (*build)();
  Updates (*optimizer)(const Model&);
  DType float_x;
};

struct Outcome {
  std::vector<double> costs;
  std::vector<Tensor> state;  // weights, and what the optimizer keeps
};

// One epoch of a new network.
Outcome train(const Case& of, int threads) {
  options().threads = threads;
  const Variable images_x = shared(images().images.cast(of.float_x));
  const Variable images_y = shared(images().labels);
  const Model model = of.build();
  const Updates updates = of.optimizer(model);
  const Variable index = lscalar("index");
  const Index batch = slice(index * kBatch, (index + 1) * kBatch);
  const Function step = function(
      {index}, model.cost,
      {.updates = updates, .givens = {{model.x, images_x[batch]}, {model.y, images_y[batch]}}});
  Outcome outcome;
  for (int64_t i = 0; i < kImages / kBatch; ++i) {
    outcome.costs.push_back(step(i).item<double>());
  }
  for (const auto& [variable, value] : updates) outcome.state.push_back(get_value(variable));
  return outcome;
}

class EpochDeterminism : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override { options().float_x = GetParam().float_x; }
  void TearDown() override {
    options().threads = 0;
    options().float_x = DType::kFloat32;
  }
};

TEST_P(EpochDeterminism, AllStateIsTheSameBitsOnAnyNumberOfThreads) {
  const Outcome alone = train(GetParam(), 1);
  EXPECT_LT(alone.costs.back(), 0.95 * alone.costs.front()) << "nothing was learnt";
  for (const int threads : {2, 3}) {
    const Outcome together = train(GetParam(), threads);
    EXPECT_EQ(together.costs, alone.costs) << threads << " threads";
    ASSERT_EQ(together.state.size(), alone.state.size());
    for (size_t i = 0; i < alone.state.size(); ++i) {
      EXPECT_TRUE(same_bits(together.state[i], alone.state[i]))
          << threads << " threads, update " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, EpochDeterminism,
                         testing::Values(Case{"lenet_sgd", lenet, with_sgd, DType::kFloat32},
                                         Case{"lenet_momentum", lenet, with_momentum,
                                              DType::kFloat32},
                                         Case{"lenet_adam", lenet, with_adam, DType::kFloat32},
                                         Case{"mlp_sgd", mlp, with_sgd, DType::kFloat32},
                                         Case{"mlp_momentum", mlp, with_momentum, DType::kFloat32},
                                         Case{"mlp_adam", mlp, with_adam, DType::kFloat32},
                                         Case{"mlp_adam_float64", mlp, with_adam, DType::kFloat64}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace bitale
