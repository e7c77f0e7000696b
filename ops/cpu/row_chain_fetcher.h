// How chains of steps ask for memory ahead.

#ifndef BITALE_OPS_CPU_ROW_CHAIN_FETCHER_H_
#define BITALE_OPS_CPU_ROW_CHAIN_FETCHER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/cpu/row_chain.h"

namespace bitale::cpu::row_chain {

// Asks for the lines of `bytes` bytes. Part of loops for several instruction sets, as what follows.
__attribute__((always_inline)) inline void fetch_lines(const std::byte* from, int64_t bytes,
                                                       bool to_write) {
  constexpr int64_t kLine = 64;  // bytes
  if (to_write) {
    for (int64_t i = 0; i < bytes; i += kLine) __builtin_prefetch(from + i, 1);
  } else {
    for (int64_t i = 0; i < bytes; i += kLine) __builtin_prefetch(from + i, 0);
  }
}

// Asks in the order in which a chain walks over the elements of all its rows, for kAtOnce of them
// at a time, so that short rows need not ask each.
template <typename T, int64_t kAtOnce>
class Fetcher {
 public:
  explicit Fetcher(std::span<const Fetch> fetches) : fetches_(fetches) {}

  // For all that goes with elements before `end`.
  __attribute__((always_inline)) void ask(int64_t end) {
    for (; asked_ < end; asked_ += kAtOnce) {
      for (const Fetch& fetch : fetches_) {
        fetch_lines(fetch.from + fetch.bytes(asked_ * kSize), fetch.bytes(kAtOnce * kSize),
                    fetch.to_write);
      }
    }
  }

 private:
  static constexpr auto kSize = static_cast<int64_t>(sizeof(T));

  std::span<const Fetch> fetches_;
  int64_t asked_ = 0;
};

}  // namespace bitale::cpu::row_chain

#endif  // BITALE_OPS_CPU_ROW_CHAIN_FETCHER_H_
