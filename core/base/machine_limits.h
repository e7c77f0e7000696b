// What a machine reaches at best: what rates are compared with.

#ifndef BITALE_CORE_BASE_MACHINE_LIMITS_H_
#define BITALE_CORE_BASE_MACHINE_LIMITS_H_

namespace bitale {

// For "percent of limit" of profiles and benchmarks; 0 where it is not known.
struct MachineLimits {
  double flops_per_second = 0;
  double bytes_per_second = 0;
};

}  // namespace bitale

#endif  // BITALE_CORE_BASE_MACHINE_LIMITS_H_
