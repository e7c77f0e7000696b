// Speed of reductions on one thread: by shape, and by the way their operands lie in memory.

#include <cstdint>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/shared.h"
#include "ops/cpu/benchmark_rates.h"
#include "ops/indexing/subtensor.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

// An operation for each element, which is read once.
void report(benchmark::State& state, int64_t elements, DType dtype, const Tensor& result) {
  state.SetItemsProcessed(state.iterations() * elements);
  const auto bytes_of = [](int64_t count, DType of) {
    return static_cast<double>(count * static_cast<int64_t>(size_of(of)));
  };
  cpu::report_rates(state, {is_floating(dtype) ? static_cast<double>(elements) : 0,
                            bytes_of(elements, dtype), bytes_of(result.size(), result.dtype())});
}

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
  const Tensor reduced = call();
  for (auto _ : state) benchmark::DoNotOptimize(call());
  report(state, rows * columns, DType::kFloat32, reduced);
}

void shapes(benchmark::internal::Benchmark* b) {
  for (int64_t kind : {kSum, kMax, kArgmax, kLogsumexp}) {
    for (int64_t axis : {-1, 0, 1}) {
      b->Args({kind, axis, 64, 64})->Args({kind, axis, 500, 10})->Args({kind, axis, 2048, 2048});
    }
  }
}
BENCHMARK(BM_Reduce)->Apply(shapes);

// A million elements or so, reduced over `axes` after `view`.
struct Layout {
  const char* name;
  Dims stored;
  std::vector<int64_t> axes;
  Variable (*view)(const Variable& x) = [](const Variable& x) { return x; };
};
const Layout kLayouts[] = {
    {"long rows in order, to which the others compare", {1000, 1000}, {1}},
    {"rows of 2", {500000, 2}, {1}},
    {"rows of 3", {333333, 3}, {1}},
    {"rows of 7", {142857, 7}, {1}},
    {"rows of 10", {100000, 10}, {1}},
    {"rows of 33", {30303, 33}, {1}},
    {"rows of 100", {10000, 100}, {1}},
    {"odd long rows", {997, 1003}, {1}},
    {"columns", {1000, 1000}, {0}},
    {"3 columns", {333333, 3}, {0}},
    {"10 columns", {100000, 10}, {0}},
    {"middle axis, 3 inner", {1000, 333, 3}, {1}},
    {"short middle axis, 3 inner", {50000, 7, 3}, {1}},
    {"middle axis, 100 inner", {20, 500, 100}, {1}},
    {"channels of 2 x 2", {500, 500, 2, 2}, {0, 2, 3}},
    {"channels of 10 x 100", {20, 50, 10, 100}, {0, 2, 3}},
    {"two axes apart", {50000, 5, 2, 2}, {1, 3}},
    {"every second element",
     {1000, 2000},
     {1},
     [](const Variable& x) {
       return x[{slice(), slice(none, none, 2)}];
     }},
    {"every third element",
     {1000, 3000},
     {1},
     [](const Variable& x) {
       return x[{slice(), slice(none, none, 3)}];
     }},
    {"reversed rows",
     {1000, 1000},
     {1},
     [](const Variable& x) {
       return x[{slice(), slice(none, none, -1)}];
     }},
    {"first 3 of 4",
     {333333, 4},
     {1},
     [](const Variable& x) {
       return x[{slice(), slice(0, 3)}];
     }},
    {"rows of a transposed matrix",
     {1001, 1000},
     {1},
     [](const Variable& x) { return transpose(x)[{slice(0, 999)}]; }},
};

void BM_Layout(benchmark::State& state, Variable (*op)(Operand x, Axes axes, bool keepdims),
               DType dtype) {
  options().threads = 1;
  const Layout& layout = kLayouts[state.range(0)];
  const Variable x = shared(Tensor::ones(dtype, layout.stored), "x");
  const Variable view = layout.view(x);
  const Function call = function({}, op(view, layout.axes, false));
  const int64_t elements = eval(view).size();
  const Tensor reduced = call();
  for (auto _ : state) benchmark::DoNotOptimize(call());
  report(state, elements, dtype, reduced);
  state.SetLabel(layout.name);
}
void layouts(benchmark::internal::Benchmark* b) {
  b->DenseRange(0, static_cast<int>(std::size(kLayouts)) - 1);
}
BENCHMARK_CAPTURE(BM_Layout, sum, sum, DType::kFloat32)->Apply(layouts);
BENCHMARK_CAPTURE(BM_Layout, sum_float64, sum, DType::kFloat64)->Apply(layouts);
BENCHMARK_CAPTURE(BM_Layout, sum_int32, sum, DType::kInt32)->Apply(layouts);
BENCHMARK_CAPTURE(BM_Layout, max, max, DType::kFloat32)->Apply(layouts);
BENCHMARK_CAPTURE(BM_Layout, any, any, DType::kBool)->Apply(layouts);
BENCHMARK_CAPTURE(BM_Layout, argmax, argmax, DType::kFloat32)->Apply(layouts);

}  // namespace
}  // namespace bitale
