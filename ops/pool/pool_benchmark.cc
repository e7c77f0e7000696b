// Speed of pooling, by itself on one thread.

#include <array>
#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/cpu/benchmark_rates.h"
#include "ops/cpu/single_kernel.h"
#include "ops/pool/pool.h"

namespace bitale {
namespace {

// Arguments: planes, size of the image, of the
// window, stride.
void BM_Pool(benchmark::State& state, PoolMode mode) {
  options().threads = 1;
  const Dims image = {state.range(0), state.range(1), state.range(1)};
  const std::array<int64_t, 2> ws = {state.range(2), state.range(2)};
  const PoolOptions pool = {.stride = {state.range(3), state.range(3)}, .mode = mode};
  const Variable x = shared(Tensor::ones(DType::kFloat32, image), "x");
  const Function call = function({}, pool_2d(x, ws, pool));
  const double pooled = static_cast<double>(call()[0].bytes());
  for (auto _ : state) benchmark::DoNotOptimize(call());
  cpu::report_rates(state, {0, static_cast<double>(element_count(image)) * sizeof(float), pooled});
}

// Arguments: whether the gradient, planes, size of the image, of the window, stride.
void BM_MaxPool(benchmark::State& state) {
  options().threads = 1;
  const Dims image = {state.range(1), state.range(2), state.range(2)};
  const int64_t length = (image[1] - state.range(3)) / state.range(4) + 1;
  const Dims pooled = {image[0], length, length};
  const std::array<int64_t, 2> ws = {state.range(3), state.range(3)};
  const PoolOptions pool = {.stride = {state.range(4), state.range(4)}};
  Tensor values = Tensor::empty(DType::kFloat32, image);
  for (int64_t i = 0; i < values.size(); ++i) {
    values.data<float>()[i] = static_cast<float>(i * 7919 % 10007);  // maxima in no order
  }
  const Variable x = ftensor3("x"), g = ftensor3("g");
  const bool gradient = state.range(0) != 0;
  const Variable node = gradient ? max_pool_grad(x, g, ws, pool) : pool_2d(x, ws, pool);
  std::vector<Tensor> inputs = {values};
  if (gradient) inputs.push_back(Tensor::ones(DType::kFloat32, pooled));
  cpu::SingleKernel kernel(*kernels_of(node.owner()->op().name(), DeviceKind::kCpu)[0], node,
                           inputs, gradient ? image : pooled);
  if (!kernel.made()) {
    kernel = cpu::SingleKernel(*kernels_of(node.owner()->op().name(), DeviceKind::kCpu)[1], node,
                               inputs, gradient ? image : pooled);
  }
  for (auto _ : state) benchmark::DoNotOptimize(kernel.run().raw_data());
  const double image_bytes = static_cast<double>(values.bytes());
  const double pooled_bytes = static_cast<double>(element_count(pooled)) * sizeof(float);
  cpu::report_rates(state, gradient ? KernelCost{0, image_bytes + pooled_bytes, image_bytes}
                                    : KernelCost{0, image_bytes, pooled_bytes});
}

void shapes(benchmark::internal::Benchmark* b) {
  for (int64_t gradient : {0, 1}) {
    // LeNet's layers at batch 500; windows that overlap.
    b->Args({gradient, 500 * 20, 24, 2, 2})->Args({gradient, 500 * 50, 8, 2, 2});
    b->Args({gradient, 64 * 64, 28, 3, 2});
  }
}
BENCHMARK(BM_MaxPool)->Apply(shapes)->Unit(benchmark::kMillisecond);

void pooled_shapes(benchmark::internal::Benchmark* b) {
  b->Args({500 * 20, 24, 2, 2})->Args({500 * 50, 8, 2, 2})->Args({5000, 6, 2, 2});
  b->Args({64 * 64, 28, 3, 2})->Args({64 * 64, 28, 3, 1})->Args({64 * 64, 28, 4, 4});
  b->Args({64 * 64, 7, 7, 7});
}
BENCHMARK_CAPTURE(BM_Pool, max, PoolMode::kMax)->Apply(pooled_shapes);
BENCHMARK_CAPTURE(BM_Pool, average, PoolMode::kAverageIncPad)->Apply(pooled_shapes);
BENCHMARK_CAPTURE(BM_Pool, l2, PoolMode::kL2)->Apply(pooled_shapes);

}  // namespace
}  // namespace bitale
