// Accumulators side by side, in which sums of many values stay as exact as sums in pairs.

#ifndef BITALE_OPS_REDUCTION_FOLD_STRIP_CPU_H_
#define BITALE_OPS_REDUCTION_FOLD_STRIP_CPU_H_

#include <cstddef>
#include <cstdint>

#include "ops/reduction/fold_kernel_cpu.h"
#include "ops/reduction/folds_cpu.h"
#include "ops/reduction/reduction_cpu.h"

namespace bitale::reduction {

inline constexpr size_t kMostAccumulatorBytes = 8;

// Room for so many accumulators.
struct AccumulatorBuffer {
  alignas(64) std::byte bytes[kStrip * kMostAccumulatorBytes];
};

// A strip of accumulators of several levels: each takes kBlock values in sequence, then passes its
// own upwards.
class AccumulatorStrip {
 public:
  explicit AccumulatorStrip(const FoldTable& table) : table_(table) {}

  // For `values` values at most to each accumulator.
  void start(int64_t width, int64_t values) {
    width_ = width;
    count_ = 0;
    levels_ = 1;
    for (int64_t full = values / kBlock; full > 0 && levels_ < kLevels; full /= kBlock) ++levels_;
    for (int64_t i = 0; i < levels_; ++i) table_.clear(level(i), width);
  }
  // Where the next values are combined into: at most room() of them, followed by advance().
  std::byte* accumulators() { return level(0); }
  int64_t room() const { return kBlock - count_ % kBlock; }
  void advance(int64_t values) {
    count_ += values;
    int64_t full = count_;
    for (int64_t i = 0; i + 1 < levels_ && full % kBlock == 0; ++i, full /= kBlock) {
      table_.combine(level(i + 1), level(i), width_);
      table_.clear(level(i), width_);
    }
  }
  std::byte* finish() {
    for (int64_t i = levels_ - 1; i-- > 0;) {
      table_.combine(level(levels_ - 1), level(i), width_);
    }
    return level(levels_ - 1);
  }

 private:
  std::byte* level(int64_t i) { return level_[i].bytes; }

  const FoldTable& table_;
  AccumulatorBuffer level_[kLevels];
  int64_t width_ = 0;
  int64_t count_ = 0;
  int64_t levels_ = 1;
};

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_FOLD_STRIP_CPU_H_
