// Speed of softmax along rows on one thread.

#include <cstdint>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/shared.h"
#include "ops/cpu/benchmark_rates.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using Rows = Variable (*)(const Variable& x);

// Arguments: rows, columns.
void BM_Rows(benchmark::State& state, Rows op) {
  options().threads = 1;
  const int64_t rows = state.range(0);
  const int64_t columns = state.range(1);
  const Variable x = shared(Tensor::ones(DType::kFloat32, {rows, columns}), "x");
  const Function call = function({}, op(x));
  call();
  for (auto _ : state) benchmark::DoNotOptimize(call());
  const double bytes = static_cast<double>(rows * columns) * sizeof(float);
  cpu::report_rates(state, {0, bytes, bytes});
}

void shapes(benchmark::internal::Benchmark* b) {
  b->Args({20, 10})->Args({500, 10})->Args({128, 1000})->Args({4096, 1000})->Args({16, 32768});
}
BENCHMARK_CAPTURE(BM_Rows, softmax, [](const Variable& x) { return softmax(x); })->Apply(shapes);
BENCHMARK_CAPTURE(BM_Rows, log_softmax, [](const Variable& x) {
  return log_softmax(x);
})->Apply(shapes);
BENCHMARK_CAPTURE(BM_Rows, softmax_grad, [](const Variable& x) {
  return softmax_grad(x, x);
})->Apply(shapes);

}  // namespace
}  // namespace bitale
