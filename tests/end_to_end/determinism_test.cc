// Training, and adding up at repeated indices, give the same bits whatever the number of threads:
// work is split by shapes alone, and partial sums are added in one order.

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "gtest/gtest.h"
#include "models/networks/networks.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/index.h"
#include "tests/support/op_test.h"

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

// Increments of a few places, many at each; enough in front of and behind them to split the work.
class RepeatedIndices : public testing::TestWithParam<DType> {
 protected:
  static constexpr int64_t kPlaces = 7;
  static constexpr int64_t kEntries = 1000;

  void TearDown() override { options().threads = 0; }

  // `places` of (outer, kPlaces, inner) increased by values of (outer, kEntries, inner).
  static Tensor increased(const Tensor& values, const Tensor& places, int threads) {
    options().threads = threads;
    const Variable zeros = constant(Tensor::zeros(values.dtype(), {kOuter, kPlaces, kInner}));
    const Variable v = tensor(values.dtype(), {{}, {}, {}}, "v"), i = lvector("i");
    return eval(advanced_inc_subtensor(zeros, v, {i}, 1), {{v, values}, {i, places}});
  }
  static Tensor random_values() {
    return random_tensor({kOuter, kEntries, kInner}).cast(GetParam());
  }

 private:
  static constexpr int64_t kOuter = 12;
  static constexpr int64_t kInner = 33;
};

TEST_P(RepeatedIndices, AddUpToTheSameBitsOnAnyNumberOfThreads) {
  const Tensor values = random_values(), places = random_integers({kEntries}, 0, kPlaces);
  const Tensor alone = increased(values, places, 1);
  for (const int threads : {2, 3, 4}) {
    EXPECT_TRUE(same_bits(increased(values, places, threads), alone)) << threads << " threads";
  }
}

// Otherwise the test above could not fail.
TEST_P(RepeatedIndices, AddUpToOtherBitsInAnotherOrder) {
  const Tensor values = random_values(), places = Tensor::zeros(DType::kInt64, {kEntries});
  const Tensor backwards = eval(constant(values)[{slice(), slice(none, none, -1)}]);
  EXPECT_FALSE(same_bits(increased(backwards, places, 1), increased(values, places, 1)));
}

INSTANTIATE_TEST_SUITE_P(DTypes, RepeatedIndices, testing::Values(DType::kFloat32, DType::kFloat64),
                         [](const auto& info) { return std::string(name_of(info.param)); });

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
