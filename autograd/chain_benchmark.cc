// Time to build, differentiate and free chains of elementwise nodes: linear in their number.

#include "autograd/grad.h"
#include "benchmark/benchmark.h"
#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {
namespace {

Variable chain(const Variable& x, int64_t nodes) {
  Variable y = x;
  for (int64_t i = 0; i < nodes; ++i) y = sin(y);
  return y;
}

void lengths(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t nodes : {75'000, 150'000, 300'000}) benchmark->Arg(nodes);
  benchmark->Unit(benchmark::kMillisecond);
}

void BM_Build(benchmark::State& state) {
  const Variable x = dscalar("x");
  for (auto _ : state) {
    Variable y = chain(x, state.range(0));
    state.PauseTiming();
    y = Variable();
    state.ResumeTiming();
  }
}
BENCHMARK(BM_Build)->Apply(lengths);

void BM_Free(benchmark::State& state) {
  const Variable x = dscalar("x");
  for (auto _ : state) {
    state.PauseTiming();
    Variable y = chain(x, state.range(0));
    state.ResumeTiming();
    y = Variable();
  }
}
BENCHMARK(BM_Free)->Apply(lengths);

void BM_Differentiate(benchmark::State& state) {
  const Variable x = dscalar("x");
  const Variable y = chain(x, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(grad(y, x));
}
BENCHMARK(BM_Differentiate)->Apply(lengths);

}  // namespace
}  // namespace bitale
