// What this machine reaches at best, for the "percent of limit" of profiles and benchmarks.

#ifndef BITALE_OPS_CPU_MEASURE_LIMITS_H_
#define BITALE_OPS_CPU_MEASURE_LIMITS_H_

#include "core/base/machine_limits.h"

namespace bitale::cpu {

// Of thread_count() threads, measured when it is called, which takes some tenths of a second and
// 100 MB: operations per second of our own float32 product of square matrices (1024), and bytes
// per second, read and written, of copies between blocks of memory that no cache holds. The best of
// several runs each.
MachineLimits measure_machine_limits();

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_MEASURE_LIMITS_H_
