// Where the time of a function's calls goes: per kernel, as text, JSON, or a trace of events.

#ifndef BITALE_CORE_COMPILE_PROFILE_H_
#define BITALE_CORE_COMPILE_PROFILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/machine_limits.h"

namespace bitale {

// All calls of one kernel for one op at one line of the user's.
struct KernelProfile {
  std::string kernel;
  std::string op;    // with its attributes
  std::string site;  // the user's line
  int64_t calls = 0;
  int64_t nanoseconds = 0;
  // Of all calls together: what the op asks for (KernelCost).
  double flops = 0;
  double bytes_read = 0;
  double bytes_written = 0;

  double flops_per_second() const;
  double bytes_per_second() const;
  // The time that the limits allow for this work at best, in percent of the time taken; negative
  // where no limit applies. A kernel whose operands lie in a cache may be beyond 100.
  double percent_of_limit(const MachineLimits& limits) const;
};

// One kernel call, or one call of the function.
struct ProfileEvent {
  int32_t row = -1;    // of Profile::kernels; -1 for the function's call as a whole
  int32_t thread = 0;  // callers are numbered from 0 in the order in which they came
  int64_t start = 0;   // nanoseconds since the first event
  int64_t nanoseconds = 0;
};

// What a function compiled with .profile has measured so far.
struct Profile {
  std::string function;
  int64_t calls = 0;
  // Of whole calls: arguments, locks and results as well as kernels; compiling is left out.
  int64_t nanoseconds = 0;
  std::vector<KernelProfile> kernels;  // by time, longest first
  // The latest kMostEvents, in the order in which they ended.
  std::vector<ProfileEvent> events;
  static constexpr size_t kMostEvents = size_t{1} << 16;

  // Nanoseconds in kernels.
  int64_t kernel_nanoseconds() const;
  // A table with a row per kernel: share, time, calls, GFLOP/s, GB/s, percent of limit (where
  // limits are given), kernel, op, line. Empty without calls.
  std::string str(const MachineLimits& limits = {}) const;
  // The same as one JSON object; rates are per second, times in nanoseconds.
  std::string json(const MachineLimits& limits = {}) const;
  // The events in the Trace Event Format, for chrome://tracing and ui.perfetto.dev.
  std::string trace() const;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_PROFILE_H_
