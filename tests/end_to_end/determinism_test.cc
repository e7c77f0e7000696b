// Training gives weights of the same bits whatever the number of threads: work is split by shapes
// alone, and partial sums are added in one order.

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/options.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "gtest/gtest.h"
#include "models/networks/networks.h"

namespace bitale {
namespace {

using Build = std::function<Network(const DataSets&, const Settings&)>;

SharedSet random_images(int64_t images) {
  Tensor pixels = Tensor::empty(float_x(), {images, 28 * 28});
  Tensor labels = Tensor::empty(DType::kInt32, {images});
  uint32_t state = 12345;
  const auto next = [&] { return (state = state * 1664525 + 1013904223) >> 8; };
  for (int64_t i = 0; i < pixels.size(); ++i) {
    pixels.data<float>()[i] = static_cast<float>(next() % 256) / 256;
  }
  for (int64_t i = 0; i < images; ++i)
    labels.data<int32_t>()[i] = static_cast<int32_t>(next() % 10);
  return {shared(pixels), shared(labels), images};
}

struct Outcome {
  std::vector<Tensor> weights;
  std::vector<float> costs;
};

Outcome train(const Build& build, int threads, int64_t batch, int steps) {
  options().threads = threads;
  constexpr int64_t kBatches = 3;
  const SharedSet set = random_images(kBatches * batch);
  Settings settings;
  settings.batch_size = batch;
  settings.learning_rate = 0.05;
  settings.L1_reg = 0.001;
  settings.L2_reg = 0.0001;
  const Network network = build({set, set, set, ""}, settings);
  Outcome outcome;
  for (int step = 0; step < steps; ++step) {
    outcome.costs.push_back(network.task.train(step % kBatches).item<float>());
  }
  for (const NamedParameter& parameter : network.task.parameters) {
    outcome.weights.push_back(get_value(parameter.variable));
  }
  return outcome;
}

struct Case {
  const char* name;
  Build build;
};

class Determinism : public testing::TestWithParam<Case> {
 protected:
  void TearDown() override { options().threads = 0; }

  static void expect_same_bits(int64_t batch, int steps) {
    const Outcome alone = train(GetParam().build, 1, batch, steps);
    EXPECT_NE(alone.costs.front(), alone.costs.back()) << "nothing was learnt";
    for (const int threads : {2, 3, 4}) {
      const Outcome together = train(GetParam().build, threads, batch, steps);
      EXPECT_EQ(together.costs, alone.costs) << threads << " threads";
      ASSERT_EQ(together.weights.size(), alone.weights.size());
      for (size_t i = 0; i < alone.weights.size(); ++i) {
        EXPECT_TRUE(same_bits(together.weights[i], alone.weights[i]))
            << threads << " threads, parameter " << i;
      }
    }
  }
};

TEST_P(Determinism, WeightsAfterManySmallStepsAreTheSameBitsOnAnyNumberOfThreads) {
  expect_same_bits(/*batch=*/20, /*steps=*/60);
}

TEST_P(Determinism, WeightsAfterLargeStepsAreTheSameBitsOnAnyNumberOfThreads) {
  expect_same_bits(/*batch=*/500, /*steps=*/3);
}

TEST_P(Determinism, WeightsAreTheSameBitsForABatchThatNothingDivides) {
  expect_same_bits(/*batch=*/37, /*steps=*/7);
}

INSTANTIATE_TEST_SUITE_P(Networks, Determinism,
                         testing::Values(Case{"convolutional_mlp", convolutional_network},
                                         Case{"mlp", multilayer_perceptron},
                                         Case{"logistic_sgd", softmax_regression}),
                         [](const auto& info) { return std::string(info.param.name); });

Network small_network() {
  Settings settings;
  settings.batch_size = 4;
  settings.n_hidden = 40;
  const SharedSet set = random_images(4);
  return multilayer_perceptron({set, set, set, ""}, settings);
}

// Every step sees the weights that some other step left behind, whoever makes it.
TEST(SharedState, StepsOfTwoThreadsGiveTheWeightsOfAsManyStepsOfOne) {
  constexpr int kSteps = 40;
  const Network alone = small_network(), together = small_network();
  for (int i = 0; i < 2 * kSteps; ++i) alone.task.train(0);
  const auto repeat = [](std::function<void()> call) {
    return std::thread([call = std::move(call)] {
      for (int i = 0; i < kSteps; ++i) call();
    });
  };
  std::thread threads[] = {
      repeat([&] { EXPECT_GT(together.task.train(0).item<float>(), 0); }),
      repeat([&] { EXPECT_GT(together.task.train(0).item<float>(), 0); }),
      repeat([&] { EXPECT_LE(together.task.validate(0).item<double>(), 1); }),
      repeat([&] { EXPECT_TRUE(get_value(together.first_weights).defined()); })};
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < alone.task.parameters.size(); ++i) {
    EXPECT_TRUE(same_bits(get_value(together.task.parameters[i].variable),
                          get_value(alone.task.parameters[i].variable)))
        << alone.task.parameters[i].name;
  }
}

}  // namespace
}  // namespace bitale
