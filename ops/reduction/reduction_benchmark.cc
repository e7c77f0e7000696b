// Speed of reductions on one thread, as bytes read per second.

#include <cstdint>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/shared.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

enum Kind { kSum, kMax, kArgmax, kLogsumexp };

// Arguments: kind, the reduced axis (-1 for both), rows, columns.
void BM_Reduce(benchmark::State& state) {
  options().threads = 1;
  const int64_t rows = state.range(2);
  const int64_t columns = state.range(3);
  const Variable x = shared(Tensor::ones(DType::kFloat32, {rows, columns}), "x");
  const Axes axes = state.range(1) < 0 ? Axes::all() : Axes(state.range(1));
  Variable result;
  switch (static_cast<Kind>(state.range(0))) {
    case kSum:
      result = sum(x, axes);
      break;
    case kMax:
      result = max(x, axes);
      break;
    case kArgmax:
      result = argmax(x, axes);
      break;
    case kLogsumexp:
      result = logsumexp(x, axes);
      break;
  }
  const Function call = function({}, result);
  call();
  for (auto _ : state) benchmark::DoNotOptimize(call());
  state.SetBytesProcessed(state.iterations() * rows * columns *
                          static_cast<int64_t>(sizeof(float)));
}

void shapes(benchmark::internal::Benchmark* b) {
  for (int64_t kind : {kSum, kMax, kArgmax, kLogsumexp}) {
    for (int64_t axis : {-1, 0, 1}) {
      b->Args({kind, axis, 64, 64})->Args({kind, axis, 500, 10})->Args({kind, axis, 2048, 2048});
    }
  }
}
BENCHMARK(BM_Reduce)->Apply(shapes);

}  // namespace
}  // namespace bitale
