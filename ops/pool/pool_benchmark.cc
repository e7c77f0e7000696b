// Speed of max-pooling and its gradient, each by itself on one thread, as bytes of the image per
// second.

#include <array>
#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "core/graph/inputs.h"
#include "ops/cpu/single_kernel.h"
#include "ops/pool/pool.h"

namespace bitale {
namespace {

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
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(values.bytes()));
}

void shapes(benchmark::internal::Benchmark* b) {
  for (int64_t gradient : {0, 1}) {
    // LeNet's layers at batch 500; windows that overlap.
    b->Args({gradient, 500 * 20, 24, 2, 2})->Args({gradient, 500 * 50, 8, 2, 2});
    b->Args({gradient, 64 * 64, 28, 3, 2});
  }
}
BENCHMARK(BM_MaxPool)->Apply(shapes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bitale
