// Kernels run on the best instruction set that the processor has and BITALE_MAX_CPU_ISA allows.
// Runs without a limit and under several (BUILD.bazel).

#include "core/base/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/base/instruction_set_test.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale {
namespace HWY_NAMESPACE {

const char* running_on() { return hwy::TargetName(HWY_TARGET); }
int64_t vector_bytes() { return static_cast<int64_t>(HWY_LANES(uint8_t)); }

}  // namespace HWY_NAMESPACE
}  // namespace bitale
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "gtest/gtest.h"

namespace bitale {
namespace {

HWY_EXPORT(running_on);
HWY_EXPORT(vector_bytes);

#if defined(__x86_64__)

constexpr std::string_view kFromTheLeast[] = {"EMU128", "SSSE3", "SSE4", "AVX2", "AVX3"};
constexpr int64_t kVectorBytes[] = {16, 16, 16, 32, 64};
// Where the compiler does not make EMU128, one element at a time is what is portable.
constexpr bool kScalar = (HWY_TARGETS & HWY_EMU128) == 0;

// What the compiler's own library says of the processor, as a place in kFromTheLeast.
ptrdiff_t best_of_processor() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd")) {
    return 4;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
    return 3;
  }
  if (__builtin_cpu_supports("sse4.2")) return 2;
  return __builtin_cpu_supports("ssse3") ? 1 : 0;
}

ptrdiff_t expected() {
  const char* const limit = std::getenv("BITALE_MAX_CPU_ISA");
  if (limit == nullptr) return best_of_processor();
  const auto* named = std::find(std::begin(kFromTheLeast), std::end(kFromTheLeast), limit);
  if (named == std::end(kFromTheLeast)) return best_of_processor();
  return std::min(best_of_processor(), named - kFromTheLeast);
}

TEST(InstructionSet, IsTheBestThatTheProcessorHasAndTheLimitAllows) {
  EXPECT_EQ(instruction_set(), kScalar && expected() == 0 ? "SCALAR" : kFromTheLeast[expected()]);
}

TEST(InstructionSet, IsWhatKernelsRunOn) {
  EXPECT_EQ(HWY_DYNAMIC_DISPATCH(running_on)(), instruction_set());
  EXPECT_EQ(HWY_DYNAMIC_DISPATCH(vector_bytes)(),
            kScalar && expected() == 0 ? 1 : kVectorBytes[expected()]);
}

#else

TEST(InstructionSet, IsWhatKernelsRunOn) {
  EXPECT_EQ(HWY_DYNAMIC_DISPATCH(running_on)(), instruction_set());
}

#endif

}  // namespace
}  // namespace bitale

#endif  // HWY_ONCE
