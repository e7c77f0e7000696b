#include "ops/cpu/measure_limits.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/runtime/thread_pool.h"
#include "core/tensor/tensor.h"
#include "ops/cpu/gemm.h"

namespace bitale::cpu {
namespace {

constexpr int kRuns = 5;

// Seconds of the fastest run; one before them warms up.
template <typename Body>
double best_time(Body&& body) {
  using Clock = std::chrono::steady_clock;
  body();
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Clock::time_point start = Clock::now();
    body();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = run == 0 ? seconds : std::min(best, seconds);
  }
  return best;
}

double flops_per_second() {
  constexpr int64_t kSize = 1024;
  const Tensor a = Tensor::ones(DType::kFloat32, {kSize, kSize});
  const Tensor c = Tensor::zeros(DType::kFloat32, {kSize, kSize});
  const auto bytes = static_cast<int64_t>(gemm_workspace_bytes<float>(kSize, kSize, kSize));
  const Tensor workspace = Tensor::zeros(DType::kInt8, {bytes});
  const MatrixView<float> matrix{a.data<float>(), kSize, 1};
  const double seconds = best_time([&] {
    gemm<float>(kSize, kSize, kSize, 1, matrix, matrix, 0, c.data<float>(), kSize,
                workspace.raw_data());
  });
  return 2.0 * kSize * kSize * kSize / seconds;
}

double bytes_per_second() {
  constexpr int64_t kBytes = int64_t{48} << 20;
  constexpr int64_t kGrain = int64_t{1} << 20;
  const Tensor from = Tensor::ones(DType::kInt8, {kBytes});
  const Tensor to = Tensor::zeros(DType::kInt8, {kBytes});
  const double seconds = best_time([&] {
    parallel_ranges(kBytes, kGrain, [&](int64_t begin, int64_t end) {
      std::memcpy(to.data<int8_t>() + begin, from.data<int8_t>() + begin,
                  static_cast<size_t>(end - begin));
    });
  });
  return 2.0 * kBytes / seconds;
}

}  // namespace

MachineLimits measure_machine_limits() { return {flops_per_second(), bytes_per_second()}; }

}  // namespace bitale::cpu
