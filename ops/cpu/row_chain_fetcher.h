// How chains of steps ask for memory ahead.

#ifndef BITALE_OPS_CPU_ROW_CHAIN_FETCHER_H_
#define BITALE_OPS_CPU_ROW_CHAIN_FETCHER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/cpu/row_chain.h"

namespace bitale::cpu::row_chain {

// Asks in the order in which a chain walks over the elements of all its rows, for kAtOnce of them
// at a time, so that short rows need not ask each. Part of loops for several instruction sets.
template <typename T, int64_t kAtOnce>
class Fetcher {
 public:
  explicit Fetcher(std::span<const Fetch> fetches) : fetches_(fetches) {}

  // For all that goes with elements before `end`.
  __attribute__((always_inline)) void ask(int64_t end) {
    for (; asked_ < end; asked_ += kAtOnce) {
      for (const Fetch& fetch : fetches_) {
        const std::byte* line = fetch.from + fetch.bytes(asked_ * kSize);
        const std::byte* const last = line + fetch.bytes(kAtOnce * kSize);
        if (fetch.to_write) {
          for (; line < last; line += kLine) __builtin_prefetch(line, 1);
        } else {
          for (; line < last; line += kLine) __builtin_prefetch(line, 0);
        }
      }
    }
  }

 private:
  static constexpr auto kSize = static_cast<int64_t>(sizeof(T));
  static constexpr int64_t kLine = 64;  // bytes

  std::span<const Fetch> fetches_;
  int64_t asked_ = 0;
};

}  // namespace bitale::cpu::row_chain

#endif  // BITALE_OPS_CPU_ROW_CHAIN_FETCHER_H_
