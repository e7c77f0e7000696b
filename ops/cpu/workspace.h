// Workspace helpers of CPU kernels: carving one block of bytes into parts, and lending equal parts
// to the blocks of a parallel_for.

#ifndef BITALE_OPS_CPU_WORKSPACE_H_
#define BITALE_OPS_CPU_WORKSPACE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/runtime/thread_pool.h"

namespace bitale::cpu {

// Rounded up to whole cache lines.
constexpr size_t aligned_bytes(size_t bytes) { return (bytes + 63) / 64 * 64; }
// Elements of any type, rounded up so that parts of as many begin with a line each.
constexpr int64_t whole_lines(int64_t elements) { return (elements + 63) / 64 * 64; }

// Hands out consecutive aligned parts of a workspace; with a null base it only counts.
class WorkspaceLayout {
 public:
  explicit WorkspaceLayout(void* base = nullptr) : base_(static_cast<char*>(base)) {}

  template <typename T>
  T* take(int64_t count) {
    T* part = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + bytes_);
    bytes_ += aligned_bytes(static_cast<size_t>(count) * sizeof(T));
    return part;
  }
  size_t bytes() const { return bytes_; }

 private:
  char* base_;
  size_t bytes_ = 0;
};

// Lends numbers below `count` (at most 64), each to one block at a time: scratch memory per running
// block, not per block. What a block writes there must not outlive the loan, so which number it got
// does not matter.
class SlotPool {
 public:
  static constexpr int64_t kMost = 64;

  // How many are enough for so many blocks: one for each that can run at once.
  static int64_t enough_for(int64_t blocks) {
    return std::clamp<int64_t>(std::min<int64_t>(thread_count(), blocks), 1, kMost);
  }

  explicit SlotPool(int64_t count)
      : free_(count >= kMost ? ~uint64_t{0} : (uint64_t{1} << count) - 1) {}

  class Loan {
   public:
    explicit Loan(SlotPool& pool) : pool_(pool), slot_(pool.acquire()) {}
    ~Loan() { pool_.free_.fetch_or(uint64_t{1} << slot_, std::memory_order_release); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    int64_t slot() const { return slot_; }

   private:
    SlotPool& pool_;
    int64_t slot_;
  };

 private:
  int64_t acquire() {
    uint64_t free = free_.load(std::memory_order_relaxed);
    while (true) {
      while (free == 0) free = free_.load(std::memory_order_relaxed);
      const uint64_t lowest = free & (~free + 1);
      if (free_.compare_exchange_weak(free, free & ~lowest, std::memory_order_acquire)) {
        return __builtin_ctzll(lowest);
      }
    }
  }

  std::atomic<uint64_t> free_;
};

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_WORKSPACE_H_
