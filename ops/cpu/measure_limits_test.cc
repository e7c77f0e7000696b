#include "ops/cpu/measure_limits.h"

#include "gtest/gtest.h"

namespace bitale::cpu {
namespace {

// Any machine that this builds for multiplies faster than once per nanosecond and copies faster
// than 0.1 GB/s; none does a hundred thousand times that.
TEST(MeasureLimits, ArePossible) {
  const MachineLimits limits = measure_machine_limits();
  EXPECT_GT(limits.flops_per_second, 1e8);
  EXPECT_LT(limits.flops_per_second, 1e14);
  EXPECT_GT(limits.bytes_per_second, 1e8);
  EXPECT_LT(limits.bytes_per_second, 1e13);
}

}  // namespace
}  // namespace bitale::cpu
