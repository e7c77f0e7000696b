// Time to compile: LeNet's training function, deep chains with their gradient, large graphs. Both
// stages run anew in every iteration: stage A in function(), stage B in the first call, which
// computes one result besides (a few milliseconds for LeNet).

#include "benchmark/benchmark.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "nn/hidden_layer.h"
#include "nn/lenet_conv_pool_layer.h"
#include "nn/logistic_regression.h"
#include "nn/sgd.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/reshape.h"

namespace bitale {
namespace {

// What function() is called with for the tutorial's training step.
struct TrainingGraph {
  Variables inputs;
  Variable cost;
  FunctionOptions options;

  Function compile() const { return function(inputs, cost, options); }
};

TrainingGraph lenet() {
  constexpr int64_t kBatch = 20;
  RandomState rng(23455);
  const Variable x = matrix("x"), y = ivector("y"), index = lscalar("index");
  const LeNetConvPoolLayer layer0(
      rng, reshape(x, {kBatch, 1, 28, 28}),
      {.filter_shape = {20, 1, 5, 5}, .image_shape = {kBatch, 1, 28, 28}, .pool_size = {2, 2}});
  const LeNetConvPoolLayer layer1(
      rng, layer0.output(),
      {.filter_shape = {50, 20, 5, 5}, .image_shape = {kBatch, 20, 12, 12}, .pool_size = {2, 2}});
  const HiddenLayer layer2(rng, flatten(layer1.output(), 2), {.n_in = 800, .n_out = 500});
  const LogisticRegression layer3(layer2.output(), {.n_in = 500, .n_out = 10});
  const Variable images = shared(Tensor::zeros(float_x(), {kBatch, 28 * 28}));
  const Variable labels = shared(Tensor::zeros(DType::kInt32, {kBatch}));
  const Variable cost = layer3.negative_log_likelihood(y);
  const Index minibatch = slice(index * kBatch, (index + 1) * kBatch);
  return {{index},
          cost,
          {.updates = sgd(cost,
                          {layer3.W(), layer3.b(), layer2.W(), layer2.b(), layer1.W(), layer1.b(),
                           layer0.W(), layer0.b()},
                          0.1),
           .givens = {{x, images[minibatch]}, {y, labels[minibatch]}}}};
}

// Dense layers with a gradient step for all their parameters.
TrainingGraph deep_chain(int64_t layers) {
  constexpr int64_t kUnits = 8;
  RandomState rng(1);
  const Variable x = matrix("x");
  Variables params;
  Variable hidden = x;
  for (int64_t i = 0; i < layers; ++i) {
    const HiddenLayer layer(rng, hidden, {.n_in = kUnits, .n_out = kUnits});
    params.push_back(layer.W());
    params.push_back(layer.b());
    hidden = layer.output();
  }
  const Variable cost = mean(sqr(hidden));
  return {{x}, cost, {.updates = sgd(cost, params, 0.1)}};
}

void BM_LeNetStageA(benchmark::State& state) {
  const TrainingGraph graph = lenet();
  for (auto _ : state) benchmark::DoNotOptimize(graph.compile());
}
BENCHMARK(BM_LeNetStageA)->Unit(benchmark::kMillisecond);

// With one training step.
void BM_LeNetStageB(benchmark::State& state) {
  const TrainingGraph graph = lenet();
  for (auto _ : state) {
    state.PauseTiming();
    const Function train = graph.compile();
    state.ResumeTiming();
    benchmark::DoNotOptimize(train(0));
  }
}
BENCHMARK(BM_LeNetStageB)->Unit(benchmark::kMillisecond);

void BM_LeNetColdCall(benchmark::State& state) {
  const TrainingGraph graph = lenet();
  for (auto _ : state) benchmark::DoNotOptimize(graph.compile()(0));
}
BENCHMARK(BM_LeNetColdCall)->Unit(benchmark::kMillisecond);

void BM_DeepChain(benchmark::State& state) {
  const TrainingGraph graph = deep_chain(state.range(0));
  const Tensor x = Tensor::ones(float_x(), {4, 8});
  for (auto _ : state) benchmark::DoNotOptimize(graph.compile()(x));
}
BENCHMARK(BM_DeepChain)->Arg(250)->Arg(500)->Arg(1000)->Unit(benchmark::kMillisecond);

// One chain; `x` is used all along it.
void BM_ElementwiseNodes(benchmark::State& state) {
  const Variable x = vector("x");
  Variable y = x;
  for (int64_t i = 0; i < state.range(0); i += 2) y = tanh(y + x);
  const Tensor value = Tensor::ones(float_x(), {8});
  for (auto _ : state) benchmark::DoNotOptimize(function({x}, y)(value));
}
BENCHMARK(BM_ElementwiseNodes)
    ->Arg(50'000)
    ->Arg(100'000)
    ->Arg(200'000)
    ->Unit(benchmark::kMillisecond);

// Many chains side by side, which meet in a sum.
void BM_WideElementwiseNodes(benchmark::State& state) {
  constexpr int64_t kChain = 10;
  const Variable x = vector("x");
  Variable total = x;
  for (int64_t i = 0; i < state.range(0); i += kChain + 2) {
    Variable y = x * static_cast<double>(i);
    for (int64_t k = 0; k < kChain; ++k) y = sin(y);
    total = total + y;
  }
  const Tensor value = Tensor::ones(float_x(), {8});
  for (auto _ : state) benchmark::DoNotOptimize(function({x}, total)(value));
}
BENCHMARK(BM_WideElementwiseNodes)->Arg(50'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bitale
