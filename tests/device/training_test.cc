// Training on a device: the numbers of the CPU, and nothing but what must cross crosses.

#include <gtest/gtest.h>

#include <thread>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "nn/hidden_layer.h"
#include "nn/lenet_conv_pool_layer.h"
#include "nn/logistic_regression.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/index.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/reshape.h"
#include "tests/support/null_device.h"

namespace bitale {
namespace {

using Kind = DeviceEvent::Kind;

Tensor filled(DType dtype, const Dims& shape, int64_t period) {
  const Tensor steps = Tensor::arange(DType::kFloat64, element_count(shape));
  for (int64_t i = 0; i < steps.size(); ++i) {
    const int64_t phase = (i * 7) % period;
    steps.data<double>()[i] = static_cast<double>(phase) / static_cast<double>(period) - 0.4;
  }
  return steps.reshape(shape).cast(dtype);
}

// One step of gradient descent on weights of its own.
struct Linear {
  explicit Linear(const Mode& mode) {
    const Variable x = fmatrix("x");
    const Variable y = fmatrix("y");
    const Variable cost = mean(sqr(tanh(dot(x, w)) - y));
    step = function({x, y}, cost, {.updates = {{w, w - 0.5f * grad(cost, w)}}, .mode = mode});
  }
  Variable w = shared(filled(DType::kFloat32, {3, 2}, 5), "w");
  Function step;
};

TEST(DeviceTraining, ASmallNetworkHasTheCostsAndWeightsOfTheCpu) {
  NullDevice::get();
  Linear host(kFastRun);
  Linear device(kFastRun.on(kNullDevice));
  const Tensor x = filled(DType::kFloat32, {4, 3}, 11);
  const Tensor y = filled(DType::kFloat32, {4, 2}, 3);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(same_bits(host.step(x, y).only(), device.step(x, y).only())) << "step " << i;
  }
  EXPECT_TRUE(same_bits(get_value(host.w), get_value(device.w)));
}

TEST(DeviceTraining, FastCompileRunsOnTheDeviceToo) {
  NullDevice& null = NullDevice::get();
  Linear host(kFastCompile);
  Linear device(kFastCompile.on(kNullDevice));
  const Tensor x = filled(DType::kFloat32, {4, 3}, 11);
  const Tensor y = filled(DType::kFloat32, {4, 2}, 3);
  EXPECT_TRUE(same_bits(host.step(x, y).only(), device.step(x, y).only()));
  EXPECT_TRUE(same_bits(get_value(host.w), get_value(device.w)));
  EXPECT_GT(null.count(Kind::kLaunch), 0u);
}

TEST(DeviceTraining, SharedVariablesStayOnTheDevice) {
  NullDevice& null = NullDevice::get();
  Linear net(kFastRun.on(kNullDevice));
  const Tensor x = filled(DType::kFloat32, {4, 3}, 11);
  const Tensor y = filled(DType::kFloat32, {4, 2}, 3);
  net.step(x, y);
  const size_t uploads = null.memory_uploads();
  const size_t downloads = null.memory_downloads();
  const size_t allocations = null.allocations();
  const uint64_t conversions = net.w.container()->conversion_count();
  null.clear_log();
  for (int i = 0; i < 10; ++i) net.step(x, y);
  EXPECT_EQ(null.memory_uploads(), uploads);
  EXPECT_EQ(null.memory_downloads(), downloads);
  EXPECT_EQ(null.allocations(), allocations);
  EXPECT_EQ(net.w.container()->conversion_count(), conversions);
  EXPECT_EQ(null.count(Kind::kUpload), 20u) << "x and y, each time\n" << net.step.program_dump();
  EXPECT_EQ(null.count(Kind::kDownload), 10u) << "the cost";
  get_value(net.w);
  EXPECT_EQ(null.memory_downloads(), downloads + 1);
}

TEST(DeviceTraining, AValueThatTheHostSetsReachesTheDevice) {
  NullDevice::get();
  Linear host(kFastRun);
  Linear device(kFastRun.on(kNullDevice));
  const Tensor x = filled(DType::kFloat32, {4, 3}, 11);
  const Tensor y = filled(DType::kFloat32, {4, 2}, 3);
  for (Linear* net : {&host, &device}) {
    net->step(x, y);
    set_value(net->w, filled(DType::kFloat32, {3, 2}, 4));
    net->step(x, y);
  }
  EXPECT_TRUE(same_bits(get_value(host.w), get_value(device.w)));
}

TEST(DeviceTraining, UpdatesAreWrittenInPlace) {
  NullDevice& null = NullDevice::get();
  Variable w = shared(filled(DType::kFloat32, {64}, 5), "w");
  Function step =
      function({}, Variables{}, {.updates = {{w, tanh(w)}}, .mode = kFastRun.on(kNullDevice)});
  step();
  const std::vector<DeviceEvent> log = null.log();
  ASSERT_EQ(log.size(), 1u) << step.program_dump();
  EXPECT_EQ(log[0].inputs[0], log[0].outputs[0]);
}

// A classifier over slices of a data set, as the tutorial writes it.
struct LeNet {
  LeNet(const Mode& mode, int64_t batch, int64_t images) {
    RandomState rng(23455);
    Variable x = fmatrix("x"), y = ivector("y"), index = lscalar("index");
    LeNetConvPoolLayer layer0(
        rng, reshape(x, {-1, 1, 12, 12}),
        {.filter_shape = {3, 1, 3, 3}, .image_shape = {-1, 1, 12, 12}, .pool_size = {2, 2}});
    LogisticRegression layer1(flatten(layer0.output(), 2), {.n_in = 75, .n_out = 4});
    parameters = {layer0.W(), layer0.b(), layer1.W(), layer1.b()};
    const Variable cost = layer1.negative_log_likelihood(y);
    const Variables gradients = grad(cost, parameters);
    Updates updates;
    for (size_t i = 0; i < parameters.size(); ++i) {
      updates.emplace_back(parameters[i], parameters[i] - 0.1f * gradients[i]);
    }
    images_ = shared(filled(DType::kFloat32, {images, 144}, 97), "images");
    Tensor labels = Tensor::empty(DType::kInt32, {images});
    for (int64_t i = 0; i < images; ++i) labels.data<int32_t>()[i] = static_cast<int32_t>(i % 4);
    labels_ = shared(labels, "labels");
    const auto minibatch = slice(index * batch, (index + 1) * batch);
    train = function({index}, cost,
                     {.updates = updates,
                      .givens = {{x, images_[minibatch]}, {y, labels_[minibatch]}},
                      .mode = mode});
  }
  Variables parameters;
  Variable images_;
  Variable labels_;
  Function train;
};

TEST(DeviceTraining, LeNetHasTheCostsAndWeightsOfTheCpu) {
  NullDevice::get();
  LeNet host(kFastRun, 4, 10);
  LeNet device(kFastRun.on(kNullDevice), 4, 10);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    // The last minibatch is a partial one.
    for (int64_t batch = 0; batch < 3; ++batch) {
      EXPECT_TRUE(all_close(host.train(batch).only(), device.train(batch).only(), 1e-6, 1e-7))
          << "epoch " << epoch << ", batch " << batch;
    }
  }
  EXPECT_EQ(device.train.compile_count(), 2u);
  for (size_t i = 0; i < host.parameters.size(); ++i) {
    EXPECT_TRUE(
        all_close(get_value(host.parameters[i]), get_value(device.parameters[i]), 1e-5, 1e-6))
        << host.parameters[i].str();
  }
}

TEST(DeviceTraining, ADataSetStaysOnTheDeviceAndOnlyTheCostComesBack) {
  NullDevice& null = NullDevice::get();
  LeNet net(kFastRun.on(kNullDevice), 5, 10);
  net.train(int64_t{0});
  net.train(int64_t{1});
  const size_t uploads = null.memory_uploads();
  const size_t downloads = null.memory_downloads();
  null.clear_log();
  for (int64_t i = 0; i < 6; ++i) net.train(i % 2);
  EXPECT_EQ(net.train.compile_count(), 1u);
  EXPECT_EQ(null.memory_uploads(), uploads);
  EXPECT_EQ(null.memory_downloads(), downloads);
  size_t bytes = 0;
  for (const DeviceEvent& event : null.log()) {
    if (event.kind != Kind::kLaunch) bytes += event.bytes;
  }
  EXPECT_EQ(null.count(Kind::kDownload), 6u);
  EXPECT_EQ(null.count(Kind::kUpload), 6u) << "the offsets of the slices";
  EXPECT_LT(bytes, 6 * 200u);
}

TEST(DeviceTraining, AnErrorInTheMiddleOfAStepChangesNothing) {
  NullDevice::get();
  Variable table = shared(Tensor::of<double>({1, 2, 3}), "table");
  Variable count = shared(Tensor(0.0), "count");
  Variable i = lvector("i");
  Function step = function(
      {i}, sum(take(table, i, 0)),
      {.updates = {{count, count + 1.0}, {table, table * 2.0}}, .mode = kFastRun.on(kNullDevice)});
  EXPECT_EQ(step(Tensor::of<int64_t>({0, 2})).item<double>(), 4.0);
  for (int call = 0; call < 3; ++call) {
    EXPECT_THROW(step(Tensor::of<int64_t>({0, 7})), ExecutionError);
  }
  EXPECT_EQ(get_value(count).item<double>(), 1.0);
  EXPECT_EQ(get_value(table).to_vector<double>(), (std::vector<double>{2, 4, 6}));
  EXPECT_EQ(step(Tensor::of<int64_t>({0, 2})).item<double>(), 8.0);
}

TEST(DeviceTraining, TwoThreadsCallOneFunction) {
  NullDevice::get();
  Variable w = shared(filled(DType::kFloat64, {8, 8}, 5), "w");
  Variable x = dmatrix("x");
  Function f = function({x}, tanh(dot(x, w)), {.mode = kFastRun.on(kNullDevice)});
  Function host = function({x}, tanh(dot(x, w)));
  const Tensor a = filled(DType::kFloat64, {8, 8}, 13);
  const Tensor b = filled(DType::kFloat64, {8, 8}, 17);
  const Tensor of_a = host(a).only();
  const Tensor of_b = host(b).only();
  std::vector<std::thread> threads;
  for (const auto& [argument, result] : {std::pair(a, of_a), std::pair(b, of_b)}) {
    threads.emplace_back([&f, argument = argument, result = result] {
      for (int i = 0; i < 50; ++i) EXPECT_TRUE(same_bits(f(argument).only(), result));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace bitale
