// Layers with bias and activation, on one thread: producer and epilogue in one kernel, and apart.

#include <benchmark/benchmark.h>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/rewrite/driver.h"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

Mode mode(bool apart) { return apart ? kFastRun.excluding("epilogue_fusion") : kFastRun; }

// Arguments: whether apart, batch, channels, size of the image, filters, size of the filter,
// padding, size of the pooled windows (1: none).
void BM_ConvolutionalLayer(benchmark::State& state) {
  options().threads = 1;
  const Variable x = ftensor4("x"), w = ftensor4("w"), b = fvector("b");
  Variable out = conv2d(x, w, {.border_mode = state.range(6)});
  if (state.range(7) > 1) out = pool_2d(out, {state.range(7), state.range(7)});
  out = tanh(out + dimshuffle(b, {'x', 0, 'x', 'x'}));
  const Function layer = function({x, w, b}, {out}, {.mode = mode(state.range(0) != 0)});
  const Dims image = {state.range(1), state.range(2), state.range(3), state.range(3)};
  const Dims filters = {state.range(4), state.range(2), state.range(5), state.range(5)};
  const Tensor images = Tensor::full(DType::kFloat32, image, 0.25);
  const Tensor weights = Tensor::full(DType::kFloat32, filters, 0.01);
  const Tensor bias = Tensor::ones(DType::kFloat32, {filters[0]});
  for (auto _ : state) benchmark::DoNotOptimize(layer(images, weights, bias));
}

void convolutional_shapes(benchmark::internal::Benchmark* b) {
  for (const int64_t apart : {0, 1}) {
    for (const int64_t batch : {1, 20, 500}) {
      b->Args({apart, batch, 1, 28, 20, 5, 0, 2});
      b->Args({apart, batch, 20, 12, 50, 5, 0, 2});
    }
    b->Args({apart, 8, 64, 56, 64, 3, 1, 1});
    b->Args({apart, 8, 256, 14, 256, 3, 1, 1});
    b->Args({apart, 8, 64, 56, 64, 1, 0, 1});
    b->Args({apart, 8, 512, 7, 512, 1, 0, 1});
    b->Args({apart, 8, 3, 64, 64, 5, 2, 1});
    b->Args({apart, 20, 16, 14, 16, 5, 2, 1});
  }
}
BENCHMARK(BM_ConvolutionalLayer)->Apply(convolutional_shapes)->Unit(benchmark::kMicrosecond);

// Arguments: whether apart, rows, inner length, columns.
void BM_DenseLayer(benchmark::State& state) {
  options().threads = 1;
  const Variable x = fmatrix("x"), w = fmatrix("w"), b = fvector("b");
  const Function layer =
      function({x, w, b}, {tanh(dot(x, w) + b)}, {.mode = mode(state.range(0) != 0)});
  const Tensor rows = Tensor::full(DType::kFloat32, {state.range(1), state.range(2)}, 0.25);
  const Tensor weights = Tensor::full(DType::kFloat32, {state.range(2), state.range(3)}, 0.01);
  const Tensor bias = Tensor::ones(DType::kFloat32, {state.range(3)});
  for (auto _ : state) benchmark::DoNotOptimize(layer(rows, weights, bias));
}

void dense_shapes(benchmark::internal::Benchmark* b) {
  for (const int64_t apart : {0, 1}) {
    b->Args({apart, 1, 800, 500});
    b->Args({apart, 20, 800, 500});
    b->Args({apart, 500, 800, 500});
    b->Args({apart, 10000, 32, 32});
  }
}
BENCHMARK(BM_DenseLayer)->Apply(dense_shapes)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace bitale

BENCHMARK_MAIN();
