// What an addition's second operand costs as it lies in memory: each time is that of the addition
// on one thread, and `ratio` that time over the one of a contiguous addition of as many elements,
// which runs in turns with it.
//
// Beyond the caches a layout that uses every `step`th element of its lines has a ratio of
// (3 + step) / 4 at the least: two lines are read, one is written, and read before that. Repeated
// operands could reach 3 / 4 there.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/shared.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/subtensor.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

Variable operand(DType dtype, const Dims& shape) {
  return shared(Tensor::ones(dtype, shape), "operand");
}

struct Case {
  Dims shape;       // of the sum
  Variable second;  // operand, repeated to it
};
using MakeCase = Case (*)(DType dtype, int64_t size);

struct Layout {
  const char* name;
  MakeCase make;
};

// As many rows as columns, whole squares of vectors and lines.
int64_t side(int64_t size) { return std::lround(std::sqrt(static_cast<double>(size))); }

Case sliced(DType dtype, int64_t size, int64_t step) {
  const int64_t n = side(size);
  return {{n, n}, operand(dtype, {n, n * std::abs(step)})[{slice(), slice(none, none, step)}]};
}

// The sum has `shape` after its first axis, which is as long as makes its size.
Case repeated(DType dtype, int64_t size, const Dims& shape, const Dims& second) {
  Dims whole = {std::max<int64_t>(1, size / element_count(shape))};
  whole.insert(whole.end(), shape.begin(), shape.end());
  Dims dims = second;
  if (dims.size() == whole.size()) dims[0] = whole[0];
  return {whole, operand(dtype, dims)};
}

const Layout kLayouts[] = {
    {"contiguous",
     [](DType dtype, int64_t size) {
       return Case{{size}, operand(dtype, {size})};
     }},
    {"transposed",
     [](DType dtype, int64_t size) {
       const int64_t n = side(size);
       return Case{{n, n}, dimshuffle(operand(dtype, {n, n}), {1, 0})};
     }},
    {"transposed_odd",
     [](DType dtype, int64_t size) {
       const int64_t n = side(size);
       return Case{{n + 3, n - 3}, dimshuffle(operand(dtype, {n - 3, n + 3}), {1, 0})};
     }},
    {"to_nhwc",
     [](DType dtype, int64_t size) {
       const int64_t n = size / (32 * 16 * 16);
       return Case{{n, 16, 16, 32}, dimshuffle(operand(dtype, {n, 32, 16, 16}), {0, 2, 3, 1})};
     }},
    {"from_nhwc",
     [](DType dtype, int64_t size) {
       const int64_t n = size / (32 * 16 * 16);
       return Case{{n, 32, 16, 16}, dimshuffle(operand(dtype, {n, 16, 16, 32}), {0, 3, 1, 2})};
     }},
    {"from_rgb",
     [](DType dtype, int64_t size) {
       const int64_t n = side(size / 3);
       return Case{{3, n, n}, dimshuffle(operand(dtype, {n, n, 3}), {2, 0, 1})};
     }},
    {"to_rgb",
     [](DType dtype, int64_t size) {
       const int64_t n = side(size / 3);
       return Case{{n, n, 3}, dimshuffle(operand(dtype, {3, n, n}), {1, 2, 0})};
     }},
    {"axes_reversed",
     [](DType dtype, int64_t size) {
       const int64_t n = size / (16 * 16);
       return Case{{16, 16, n}, dimshuffle(operand(dtype, {n, 16, 16}), {2, 1, 0})};
     }},
    {"reversed", [](DType dtype, int64_t size) { return sliced(dtype, size, -1); }},
    {"step_2", [](DType dtype, int64_t size) { return sliced(dtype, size, 2); }},
    {"step_3", [](DType dtype, int64_t size) { return sliced(dtype, size, 3); }},
    {"step_4", [](DType dtype, int64_t size) { return sliced(dtype, size, 4); }},
    {"step_5", [](DType dtype, int64_t size) { return sliced(dtype, size, 5); }},
    {"step_-2", [](DType dtype, int64_t size) { return sliced(dtype, size, -2); }},
    {"part_of_rows",
     [](DType dtype, int64_t size) {
       const int64_t n = side(size);
       return Case{{n, n}, operand(dtype, {n, n + 3})[{slice(), slice(3, none)}]};
     }},
    {"part_of_short_rows",
     [](DType dtype, int64_t size) {
       return Case{{size / 7, 7}, operand(dtype, {size / 7, 8})[{slice(), slice(1, none)}]};
     }},
    {"row",
     [](DType dtype, int64_t size) {
       return repeated(dtype, size, {256}, {1, 256});
     }},
    {"column",
     [](DType dtype, int64_t size) {
       return Case{{size / 256, 256}, operand(dtype, {size / 256, 1})};
     }},
    {"row_of_3", [](DType dtype, int64_t size) { return repeated(dtype, size, {3}, {3}); }},
    {"column_of_3",
     [](DType dtype, int64_t size) {
       return repeated(dtype, size, {3}, {1, 1});
     }},
    {"column_of_7",
     [](DType dtype, int64_t size) {
       return repeated(dtype, size, {7}, {1, 1});
     }},
    {"column_of_20",
     [](DType dtype, int64_t size) {
       return repeated(dtype, size, {20}, {1, 1});
     }},
    {"bias_2x2",
     [](DType dtype, int64_t size) {
       return repeated(dtype, size, {50, 2, 2}, {50, 1, 1});
     }},
    {"bias_7x7",
     [](DType dtype, int64_t size) {
       return repeated(dtype, size, {64, 7, 7}, {64, 1, 1});
     }},
    {"bias_10x100",
     [](DType dtype, int64_t size) {
       return repeated(dtype, size, {50, 10, 100}, {50, 1, 1});
     }},
    {"mask_of_images",
     [](DType dtype, int64_t size) {
       return repeated(dtype, size, {8, 7, 7}, {1, 1, 7, 7});
     }},
};

double seconds_of(const Function& call) {
  const auto begin = std::chrono::steady_clock::now();
  benchmark::DoNotOptimize(call());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void BM_Add(benchmark::State& state, MakeCase make, DType dtype) {
  options().threads = 1;
  const Case added = make(dtype, state.range(0));
  const int64_t size = element_count(added.shape);
  const Function call = function({}, operand(dtype, added.shape) + added.second);
  const Function contiguous = function({}, operand(dtype, {size}) + operand(dtype, {size}));
  call();
  contiguous();
  std::vector<double> times, contiguous_times;
  for (auto _ : state) {
    times.push_back(seconds_of(call));
    contiguous_times.push_back(seconds_of(contiguous));
    state.SetIterationTime(times.back());
  }
  state.SetItemsProcessed(state.iterations() * size);
  state.counters["ratio"] = median(times) / median(contiguous_times);
}

bool register_all() {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const Layout& layout : kLayouts) {
      const std::string name = std::string(layout.name) + "_" + std::string(name_of(dtype));
      benchmark::RegisterBenchmark(name.c_str(), BM_Add, layout.make, dtype)
          ->UseManualTime()
          ->Arg(int64_t{1} << 14)   // in the second cache
          ->Arg(int64_t{1} << 22);  // beyond it
    }
  }
  return true;
}
[[maybe_unused]] const bool kRegistered = register_all();

}  // namespace
}  // namespace bitale
