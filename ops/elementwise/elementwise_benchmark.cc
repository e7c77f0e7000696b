// Speed of elementwise functions on one thread: each by itself over data in L1 (elements per
// second), and of one addition over operands as they lie in memory.

#include <cstdint>
#include <string>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/shared.h"
#include "ops/cpu/benchmark_rates.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/subtensor.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

// The elements per second of `call`, which makes as many of one dtype, and what the machine allows.
void report(benchmark::State& state, const Tensor& result, int operands) {
  state.SetItemsProcessed(state.iterations() * result.size());
  const double bytes = static_cast<double>(result.size() * size_of(result.dtype()));
  cpu::report_rates(state, {0, operands * bytes, bytes});
}

using Unary = Variable (*)(const Variable& x);

void BM_Function(benchmark::State& state, Unary unary, DType dtype) {
  options().threads = 1;
  const int64_t size = 4096;
  const Variable x = shared(Tensor::full(dtype, {size}, 0.75), "x");
  const Function call = function({}, unary(x));
  const Tensor result = call();
  for (auto _ : state) benchmark::DoNotOptimize(call());
  report(state, result, 1);
}

// The same for functions of two numbers.
using Binary = Variable (*)(const Variable& a, const Variable& b);

void BM_Pair(benchmark::State& state, Binary binary, DType dtype) {
  options().threads = 1;
  const int64_t size = 4096;
  const Variable a = shared(Tensor::full(dtype, {size}, 2.75), "a");
  const Variable b = shared(Tensor::full(dtype, {size}, 0.75), "b");
  const Function call = function({}, binary(a, b));
  const Tensor result = call();
  for (auto _ : state) benchmark::DoNotOptimize(call());
  report(state, result, 2);
}

#define BITALE_BENCHMARK_FUNCTION(name)                                                         \
  BENCHMARK_CAPTURE(                                                                            \
      BM_Function, name##_float32, [](const Variable& x) { return name(x); }, DType::kFloat32); \
  BENCHMARK_CAPTURE(                                                                            \
      BM_Function, name##_float64, [](const Variable& x) { return name(x); }, DType::kFloat64)
BITALE_BENCHMARK_FUNCTION(neg);
BITALE_BENCHMARK_FUNCTION(sqrt);
BITALE_BENCHMARK_FUNCTION(exp);
BITALE_BENCHMARK_FUNCTION(expm1);
BITALE_BENCHMARK_FUNCTION(log);
BITALE_BENCHMARK_FUNCTION(log1p);
BITALE_BENCHMARK_FUNCTION(log2);
BITALE_BENCHMARK_FUNCTION(log10);
BITALE_BENCHMARK_FUNCTION(sin);
BITALE_BENCHMARK_FUNCTION(cos);
BITALE_BENCHMARK_FUNCTION(tan);
BITALE_BENCHMARK_FUNCTION(asin);
BITALE_BENCHMARK_FUNCTION(acos);
BITALE_BENCHMARK_FUNCTION(atan);
BITALE_BENCHMARK_FUNCTION(sinh);
BITALE_BENCHMARK_FUNCTION(cosh);
BITALE_BENCHMARK_FUNCTION(tanh);
BITALE_BENCHMARK_FUNCTION(erf);
BITALE_BENCHMARK_FUNCTION(erfc);
BITALE_BENCHMARK_FUNCTION(sigmoid);
BITALE_BENCHMARK_FUNCTION(softplus);
#undef BITALE_BENCHMARK_FUNCTION

#define BITALE_BENCHMARK_PAIR(name)                                                             \
  BENCHMARK_CAPTURE(                                                                            \
      BM_Pair, name##_float32, [](const Variable& a, const Variable& b) { return name(a, b); }, \
      DType::kFloat32);                                                                         \
  BENCHMARK_CAPTURE(                                                                            \
      BM_Pair, name##_float64, [](const Variable& a, const Variable& b) { return name(a, b); }, \
      DType::kFloat64)
BITALE_BENCHMARK_PAIR(mul);
BITALE_BENCHMARK_PAIR(true_div);
BITALE_BENCHMARK_PAIR(int_div);
BITALE_BENCHMARK_PAIR(mod);
BITALE_BENCHMARK_PAIR(pow);
BITALE_BENCHMARK_PAIR(atan2);
#undef BITALE_BENCHMARK_PAIR

enum Operand2 { kContiguous, kTransposed, kRow, kColumn, kEverySecond, kReversed, kPartOfRows };

// Arguments: how the second operand of an addition lies, rows, columns.
void BM_Add(benchmark::State& state) {
  options().threads = 1;
  const int64_t rows = state.range(1);
  const int64_t columns = state.range(2);
  const auto operand = [](const Dims& shape) {
    return shared(Tensor::ones(DType::kFloat32, shape), "operand");
  };
  Variable second;
  switch (static_cast<Operand2>(state.range(0))) {
    case kContiguous:
      second = operand({rows, columns});
      break;
    case kTransposed:
      second = dimshuffle(operand({columns, rows}), {1, 0});
      break;
    case kRow:
      second = operand({1, columns});
      break;
    case kColumn:
      second = operand({rows, 1});
      break;
    case kEverySecond:
      second = operand({rows, 2 * columns})[{slice(), slice(none, none, 2)}];
      break;
    case kReversed:
      second = operand({rows, columns})[{slice(), slice(none, none, -1)}];
      break;
    case kPartOfRows:
      second = operand({rows, columns + 3})[{slice(), slice(3, none)}];
      break;
  }
  const Function call = function({}, operand({rows, columns}) + second);
  call();
  for (auto _ : state) benchmark::DoNotOptimize(call());
  const auto elements = static_cast<double>(rows * columns);
  // Of an operand that is broadcast only what there is of it is read.
  const double second_elements = static_cast<double>(state.range(0) == kRow      ? columns
                                                     : state.range(0) == kColumn ? rows
                                                                                 : rows * columns);
  cpu::report_rates(
      state, {elements, (elements + second_elements) * sizeof(float), elements * sizeof(float)});
}

void layouts(benchmark::internal::Benchmark* b) {
  for (int64_t layout :
       {kContiguous, kTransposed, kRow, kColumn, kEverySecond, kReversed, kPartOfRows}) {
    // A multiple of every vector, one of none, short rows, and more than the second cache holds.
    b->Args({layout, 256, 256})->Args({layout, 257, 255})->Args({layout, 21845, 3});
    b->Args({layout, 9362, 7})->Args({layout, 2048, 2048})->Args({layout, 1000, 1000});
  }
}
BENCHMARK(BM_Add)->Apply(layouts);

}  // namespace
}  // namespace bitale
