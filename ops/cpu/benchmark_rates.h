// The counters of a kernel's benchmark.

#ifndef BITALE_OPS_CPU_BENCHMARK_RATES_H_
#define BITALE_OPS_CPU_BENCHMARK_RATES_H_

#include <benchmark/benchmark.h>

#include <algorithm>

#include "core/base/options.h"
#include "core/runtime/kernel.h"
#include "ops/cpu/measure_limits.h"

namespace bitale::cpu {

// States what one iteration does: operations and bytes per second, and the time that the machine's
// limits, measured once for one thread, allow for it at best, in percent of the time taken. What
// lies in a cache may be beyond 100.
inline void report_rates(benchmark::State& state, const KernelCost& cost) {
  static const MachineLimits limits = [] {
    options().threads = 1;
    return measure_machine_limits();
  }();
  const double bytes = cost.bytes_read + cost.bytes_written;
  const double least_seconds =
      std::max(cost.flops / limits.flops_per_second, bytes / limits.bytes_per_second);
  const auto rate = [&](double per_iteration) {
    return benchmark::Counter(per_iteration * static_cast<double>(state.iterations()),
                              benchmark::Counter::kIsRate);
  };
  state.counters["FLOP/s"] = rate(cost.flops);
  state.counters["bytes/s"] = rate(bytes);
  state.counters["%limit"] = rate(100 * least_seconds);
}

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_BENCHMARK_RATES_H_
