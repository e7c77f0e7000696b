// Collects what Profile reports while calls run.

#ifndef BITALE_CORE_COMPILE_PROFILER_H_
#define BITALE_CORE_COMPILE_PROFILER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/compile/profile.h"
#include "core/runtime/program.h"

namespace bitale {

// What a call of one instruction adds to.
struct ProfiledInstruction {
  int32_t row = 0;
  KernelCost cost;
};

// Thread-safe. Allocates when a program is added, not when a call is.
class Profiler {
 public:
  using Clock = std::chrono::steady_clock;

  // One entry per instruction: equal kernels for equal ops at equal lines share a row.
  std::vector<ProfiledInstruction> add_program(const Program& program);
  void add_kernel(const ProfiledInstruction& instruction, Clock::time_point start,
                  Clock::time_point end);
  void add_call(Clock::time_point start, Clock::time_point end);
  // `function`: its name.
  Profile report(std::string function) const;

 private:
  void add_event(int32_t row, Clock::time_point start, Clock::duration duration);

  mutable std::mutex mutex_;
  std::vector<KernelProfile> rows_;
  absl::flat_hash_map<std::string, int32_t> row_of_;
  int64_t calls_ = 0;
  int64_t nanoseconds_ = 0;
  Clock::time_point first_;
  std::vector<ProfileEvent> events_;  // a ring, once it is full
  size_t next_event_ = 0;
};

// Times the kernels of one call.
class ProfileObserver final : public InstructionObserver {
 public:
  // `instructions`: from add_program(program).
  ProfileObserver(Profiler& profiler, const Program& program,
                  const std::vector<ProfiledInstruction>& instructions)
      : profiler_(profiler), first_(program.instructions.data()), instructions_(instructions) {}
  void before(const Instruction&, const KernelFrame&) override { start_ = Profiler::Clock::now(); }
  void after(const Instruction& instruction, const KernelFrame&) override {
    profiler_.add_kernel(instructions_[&instruction - first_], start_, Profiler::Clock::now());
  }

 private:
  Profiler& profiler_;
  const Instruction* first_;
  const std::vector<ProfiledInstruction>& instructions_;
  Profiler::Clock::time_point start_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_PROFILER_H_
