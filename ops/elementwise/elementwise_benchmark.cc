// Speed of elementwise functions: each by itself on one thread over data in L1, as elements per
// second. For operands of other layouts see layouts_benchmark.cc.

#include <cstdint>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/shared.h"
#include "ops/cpu/benchmark_rates.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"

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

// Choices, and what reads or makes bools.
BENCHMARK_CAPTURE(
    BM_Pair, where_float32,
    [](const Variable& a, const Variable& b) {
      return where(shared(Tensor::full(DType::kBool, {4096}, 1)), a, b);
    },
    DType::kFloat32);
BENCHMARK_CAPTURE(
    BM_Pair, gt_float32, [](const Variable& a, const Variable& b) { return gt(a, b); },
    DType::kFloat32);
BENCHMARK_CAPTURE(
    BM_Pair, neq_int64, [](const Variable& a, const Variable& b) { return neq(a, b); },
    DType::kInt64);
BENCHMARK_CAPTURE(
    BM_Function, clip_float32, [](const Variable& x) { return clip(x, -1, 1); }, DType::kFloat32);
BENCHMARK_CAPTURE(
    BM_Function, from_bool_float32, [](const Variable& x) { return cast(x, DType::kFloat32); },
    DType::kBool);
BENCHMARK_CAPTURE(
    BM_Function, logical_not, [](const Variable& x) { return logical_not(x); }, DType::kBool);

}  // namespace
}  // namespace bitale
