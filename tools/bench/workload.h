// Workloads: things that are timed. Each is made from a Spec, so that a net, shape or size that
// stands in no table can be asked for as well.

#ifndef BITALE_TOOLS_BENCH_WORKLOAD_H_
#define BITALE_TOOLS_BENCH_WORKLOAD_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "bitale.h"
#include "nlohmann/json.hpp"
#include "tools/bench/spec.h"

namespace bitale::bench {

struct Workload {
  // Makes n calls; returns nanoseconds.
  std::function<int64_t(int64_t n)> run;
  // What the first calls computed, from weights and data that all competitors share.
  std::vector<double> values = {};
  // Of one call: operations of dense products and convolutions, as the formulas have them, and the
  // bytes that must be read and written at least.
  double flops = 0;
  double bytes = 0;
  // More to tell, such as the bytes of memory plans.
  nlohmann::json notes = nlohmann::json::object();
};

// By the spec's name. std::invalid_argument for one that is not known, or for a key that it has
// not.
Workload make_workload(Spec spec);

// The makers, by the file that they are in.
Workload lenet(Spec& spec);
Workload convolution(Spec& spec);
Workload mlp(Spec& spec);
Workload chain(Spec& spec);
Workload rows(Spec& spec);
Workload batchnorm(Spec& spec);
Workload compilation(Spec& spec);
Workload call_overhead(Spec& spec);
Workload product(Spec& spec);
Workload bandwidth(Spec& spec);

// n calls, timed together.
template <typename Call>
std::function<int64_t(int64_t)> timed(Call call) {
  return [call = std::move(call)](int64_t n) mutable {
    const auto start = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < n; ++i) call();
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
  };
}

// Time from here to the end of a function's first call, less that of its second call.
class CompileClock {
 public:
  void first_call_done() { first_ = Clock::now(); }
  int64_t without_second_call() const {
    return std::chrono::nanoseconds((first_ - start_) - (Clock::now() - first_)).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
  Clock::time_point first_;
};

// The function's memory plan, for the notes.
nlohmann::json memory_notes(const Function& function);

}  // namespace bitale::bench

#endif  // BITALE_TOOLS_BENCH_WORKLOAD_H_
