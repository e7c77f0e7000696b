#include "core/base/instruction_set.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "hwy/targets.h"

namespace bitale {
namespace {

constexpr const char* kVariable = "BITALE_MAX_CPU_ISA";

// A target is a bit, and better ones are lower. The sign is none.
constexpr int kTargetBits = 63;

bool is_target(int64_t target) { return hwy::TargetName(target) != std::string_view("Unknown"); }

// The target of this name, or 0.
int64_t target_named(std::string_view name) {
  for (int bit = 0; bit < kTargetBits; ++bit) {
    const int64_t target = int64_t{1} << bit;
    if (is_target(target) && hwy::TargetName(target) == name) return target;
  }
  return 0;
}

std::string names_of_targets() {
  std::string names;
  for (int bit = kTargetBits - 1; bit >= 0; --bit) {
    const int64_t target = int64_t{1} << bit;
    if (is_target(target))
      names += std::string(names.empty() ? "" : ", ") + hwy::TargetName(target);
  }
  return names;
}

// Keeps kernels to what the environment allows. Returns whether it limits anything.
bool limit_targets() {
  const char* const name = std::getenv(kVariable);
  if (name == nullptr || *name == '\0') return false;
  const int64_t most = target_named(name);
  if (most == 0) {
    std::fprintf(stderr, "warning: %s=%s names no instruction set; there are %s\n", kVariable, name,
                 names_of_targets().c_str());
    return false;
  }
  // Not DisableTargets(): whoever asks for SupportedTargets() after it gives kernels all targets
  // again (Highway 1.0.3).
  hwy::SetSupportedTargetsForTest(hwy::SupportedTargets() & ~(most - 1));
  return true;
}

// Before main, as any kernel may be the first, and what Highway has chosen once, holders of its
// functions keep. Nothing calls a kernel before main.
[[maybe_unused]] const bool limited = limit_targets();

}  // namespace

std::string_view instruction_set() {
  // Of the portable ones, that which this compiler makes.
  const int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(targets & -targets);
}

}  // namespace bitale
