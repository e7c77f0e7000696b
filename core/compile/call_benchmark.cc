// What a call costs beside its kernels: functions that compute next to nothing.

#include "benchmark/benchmark.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"

namespace bitale {
namespace {

void BM_EmptyFunction(benchmark::State& state) {
  const Function f = function({}, std::vector<Out>{});
  for (auto _ : state) benchmark::DoNotOptimize(f());
}
BENCHMARK(BM_EmptyFunction);

void BM_ScalarAddOfNumbers(benchmark::State& state) {
  const Variable a = scalar("a"), b = scalar("b");
  const Function f = function({a, b}, a + b);
  for (auto _ : state) benchmark::DoNotOptimize(f(1.0, 2.0));
}
BENCHMARK(BM_ScalarAddOfNumbers);

void BM_ScalarAddOfTensors(benchmark::State& state) {
  const Variable a = scalar("a"), b = scalar("b");
  const Function f = function({a, b}, a + b);
  const Tensor one(1.0F), two(2.0F);
  for (auto _ : state) benchmark::DoNotOptimize(f(one, two));
}
BENCHMARK(BM_ScalarAddOfTensors);

void BM_VectorAdd(benchmark::State& state) {
  const Variable a = vector("a"), b = vector("b");
  const Function f = function({a, b}, a + b);
  const Tensor value = Tensor::ones(float_x(), {state.range(0)});
  for (auto _ : state) benchmark::DoNotOptimize(f(value, value));
}
BENCHMARK(BM_VectorAdd)->Arg(16)->Arg(1024);

// Reads and writes shared variables, under their locks.
void BM_UpdateOfShared(benchmark::State& state) {
  Updates updates;
  for (int64_t i = 0; i < state.range(0); ++i) {
    const Variable counter = shared(Tensor(0.0F));
    updates.emplace_back(counter, counter + 1.0);
  }
  const Function f = function({}, std::vector<Out>{}, {.updates = updates});
  for (auto _ : state) benchmark::DoNotOptimize(f());
}
BENCHMARK(BM_UpdateOfShared)->Arg(1)->Arg(10);

void BM_SmallProduct(benchmark::State& state) {
  const Variable a = matrix("a"), b = matrix("b");
  const Function f = function({a, b}, dot(a, b));
  const Tensor value = Tensor::ones(float_x(), {8, 8});
  for (auto _ : state) benchmark::DoNotOptimize(f(value, value));
}
BENCHMARK(BM_SmallProduct);

}  // namespace
}  // namespace bitale
