#include "core/compile/profiler.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bitale {
namespace {

int32_t thread_number() {
  static std::atomic<int32_t> threads{0};
  thread_local const int32_t number = threads.fetch_add(1, std::memory_order_relaxed);
  return number;
}

int64_t nanoseconds(Profiler::Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

}  // namespace

std::vector<ProfiledInstruction> Profiler::add_program(const Program& program) {
  std::lock_guard<std::mutex> lock(mutex_);
  events_.reserve(Profile::kMostEvents);
  std::vector<ProfiledInstruction> instructions;
  for (const Instruction& instruction : program.instructions) {
    const auto [it, is_new] = row_of_.emplace(
        absl::StrCat(instruction.kernel_name, "\n", instruction.label, "\n", instruction.site),
        static_cast<int32_t>(rows_.size()));
    if (is_new) {
      KernelProfile& row = rows_.emplace_back();
      row.kernel = instruction.kernel_name;
      row.op = instruction.label;
      row.site = instruction.site;
    }
    instructions.push_back({it->second, instruction.cost()});
  }
  return instructions;
}

void Profiler::add_kernel(const ProfiledInstruction& instruction, Clock::time_point start,
                          Clock::time_point end) {
  std::lock_guard<std::mutex> lock(mutex_);
  KernelProfile& row = rows_[instruction.row];
  ++row.calls;
  row.nanoseconds += nanoseconds(end - start);
  row.flops += instruction.cost.flops;
  row.bytes_read += instruction.cost.bytes_read;
  row.bytes_written += instruction.cost.bytes_written;
  add_event(instruction.row, start, end - start);
}

void Profiler::add_call(Clock::time_point start, Clock::time_point end) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++calls_;
  nanoseconds_ += nanoseconds(end - start);
  add_event(-1, start, end - start);
}

void Profiler::add_event(int32_t row, Clock::time_point start, Clock::duration duration) {
  // A call ends after its kernels, and another thread's may have begun earlier.
  if (events_.empty()) first_ = start;
  const ProfileEvent event{row, thread_number(), nanoseconds(start - first_),
                           nanoseconds(duration)};
  if (events_.size() < Profile::kMostEvents) {
    events_.push_back(event);
  } else {
    events_[next_event_++ % Profile::kMostEvents] = event;
  }
}

Profile Profiler::report(std::string function) const {
  std::lock_guard<std::mutex> lock(mutex_);
  Profile profile;
  profile.function = std::move(function);
  profile.calls = calls_;
  profile.nanoseconds = nanoseconds_;
  std::vector<int32_t> order;
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].calls > 0) order.push_back(static_cast<int32_t>(row));
  }
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return rows_[a].nanoseconds > rows_[b].nanoseconds;
  });
  std::vector<int32_t> place(rows_.size(), -1);
  for (int32_t row : order) {
    place[row] = static_cast<int32_t>(profile.kernels.size());
    profile.kernels.push_back(rows_[row]);
  }
  int64_t earliest = 0;
  for (size_t i = 0; i < events_.size(); ++i) {
    ProfileEvent event = events_[(next_event_ + i) % events_.size()];
    if (event.row >= 0) event.row = place[event.row];
    earliest = i == 0 ? event.start : std::min(earliest, event.start);
    profile.events.push_back(event);
  }
  for (ProfileEvent& event : profile.events) event.start -= earliest;
  return profile;
}

}  // namespace bitale
