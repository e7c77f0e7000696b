// The costs of the tutorial's convolutional_mlp, minibatch by minibatch.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/options.h"
#include "core/graph/shared.h"
#include "models/networks/networks.h"
#include "models/training/data_set.h"
#include "tests/golden/costs.h"

namespace bitale {
namespace {

// Trains as many minibatches as the file has and compares each cost.
void expect_golden(DType float_x, int64_t batch_size, const std::string& name, size_t iterations,
                   double tolerance) {
  const std::vector<double> golden = read_costs("tests/golden/" + name);
  ASSERT_GE(golden.size(), iterations);
  options().float_x = float_x;
  const absl::StatusOr<DataSets> data = load_data("", "");
  ASSERT_TRUE(data.ok()) << data.status().message();
  const Network network = convolutional_network(*data, {.batch_size = batch_size});
  for (size_t i = 0; i < iterations; ++i) {
    const int64_t batch = static_cast<int64_t>(i) % network.task.train_batches;
    ASSERT_NEAR(network.task.train(batch).item<double>(), golden[i], tolerance)
        << "iteration " << i;
  }
  options().float_x = DType::kFloat32;
}

TEST(ConvolutionalMlp, CostsInFloat64AreThoseOfBatch20) {
  expect_golden(DType::kFloat64, 20, "convolutional_mlp_batch20.csv", 1000, 1e-9);
}

TEST(ConvolutionalMlp, CostsInFloat64AreThoseOfBatch500) {
  expect_golden(DType::kFloat64, 500, "convolutional_mlp_batch500.csv", 200, 1e-9);
}

TEST(ConvolutionalMlp, CostsInFloat32AreCloseOverTwoHundredIterations) {
  expect_golden(DType::kFloat32, 500, "convolutional_mlp_batch500.csv", 200, 1e-3);
}

TEST(ConvolutionalMlp, FirstCostsInBothFloatsAreThoseOfBatch20) {
  expect_golden(DType::kFloat64, 20, "convolutional_mlp_batch20.csv", 20, 1e-9);
  expect_golden(DType::kFloat32, 20, "convolutional_mlp_batch20.csv", 20, 1e-4);
}

TEST(ConvolutionalMlp, HasTheParametersOfTheTutorial) {
  options().float_x = DType::kFloat32;
  const absl::StatusOr<DataSets> data = load_data("", "");
  ASSERT_TRUE(data.ok()) << data.status().message();
  const Network network = convolutional_network(*data, {.batch_size = 500});
  int64_t summarised = 0, held = 0;
  for (const LayerSummary& layer : network.layers) summarised += layer.parameters;
  for (const NamedParameter& parameter : network.task.parameters) {
    held += get_value(parameter.variable).size();
  }
  EXPECT_EQ(summarised, 431080);
  EXPECT_EQ(held, 431080);
  EXPECT_EQ(network.task.train_batches, 100);
  EXPECT_EQ(network.task.valid_batches, 20);
  EXPECT_EQ(network.task.test_batches, 20);
}

}  // namespace
}  // namespace bitale
