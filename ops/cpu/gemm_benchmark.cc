// Speed of gemm(), beside what the CPU can do from registers.

#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/base/options.h"
#include "ops/cpu/benchmark_rates.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"

namespace bitale::cpu {
namespace {

// Of a product that reads and writes each operand once.
template <typename T>
KernelCost product_cost(int64_t m, int64_t n, int64_t k) {
  const auto size = [](int64_t rows, int64_t columns) {
    return static_cast<double>(rows) * static_cast<double>(columns) * sizeof(T);
  };
  return {2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
          size(m, k) + size(k, n), size(m, n)};
}

// The tile alone on operands in L1: the limit of this machine, less the loads.
template <typename T>
void BM_Tile(benchmark::State& state) {
  const GemmTile<T>& tile = gemm_tile<T>();
  const int64_t depth = 256;
  std::vector<T> a(tile.rows * depth, T{1});
  std::vector<T> b(tile.columns * depth, T{1});
  std::vector<T> c(tile.rows * tile.columns, T{0});
  for (auto _ : state) {
    tile.run(tile.rows, tile.columns, depth, a.data(), b.data(), tile.columns, c.data(),
             tile.columns, T{1}, T{0}, {});
    benchmark::DoNotOptimize(c.data());
  }
  report_rates(state, product_cost<T>(tile.rows, tile.columns, depth));
}
BENCHMARK(BM_Tile<float>);
BENCHMARK(BM_Tile<double>);

// Arguments: m, n, k, then whether each operand is transposed in memory.
template <typename T>
void BM_Gemm(benchmark::State& state) {
  options().threads = 1;
  const int64_t m = state.range(0);
  const int64_t n = state.range(1);
  const int64_t k = state.range(2);
  std::vector<T> a(m * k, T{1});
  std::vector<T> b(k * n, T{1});
  std::vector<T> c(m * n, T{0});
  std::vector<T> workspace(gemm_workspace_bytes<T>(m, n, k) / sizeof(T) + 64);
  void* aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) &
                                          ~uintptr_t{63});
  const MatrixView<T> left =
      state.range(3) != 0 ? MatrixView<T>{a.data(), 1, m} : MatrixView<T>{a.data(), k, 1};
  const MatrixView<T> right =
      state.range(4) != 0 ? MatrixView<T>{b.data(), 1, k} : MatrixView<T>{b.data(), n, 1};
  for (auto _ : state) {
    gemm<T>(m, n, k, T{1}, left, right, T{0}, c.data(), n, aligned);
    benchmark::DoNotOptimize(c.data());
  }
  report_rates(state, product_cost<T>(m, n, k));
}

void shapes(benchmark::internal::Benchmark* b) {
  for (int64_t size : {16, 32, 64, 128, 256, 512, 1024, 2048}) b->Args({size, size, size, 0, 0});
  b->Args({512, 512, 512, 1, 0})->Args({512, 512, 512, 0, 1})->Args({512, 512, 512, 1, 1});
  // The dense layers of LeNet: forward, gradient of the input, of the weights.
  for (int64_t batch : {20, 500}) {
    b->Args({batch, 500, 800, 0, 0})->Args({batch, 800, 500, 0, 1})->Args({800, 500, batch, 1, 0});
    b->Args({batch, 10, 500, 0, 0})->Args({batch, 500, 10, 0, 1})->Args({500, 10, batch, 1, 0});
  }
  b->Args({1, 500, 800, 0, 0})->Args({800, 1, 500, 0, 0})->Args({800, 1, 500, 1, 0});
}
BENCHMARK(BM_Gemm<float>)->Apply(shapes);
BENCHMARK(BM_Gemm<double>)->Apply(shapes);

}  // namespace
}  // namespace bitale::cpu
