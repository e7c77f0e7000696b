// The one thread pool of the process.
//
// Work is split into blocks whose number and borders the caller derives from shapes only; threads
// take blocks in any order, so a block must write memory of its own. Results are then the same bits
// for any number of threads.

#ifndef BITALE_CORE_RUNTIME_THREAD_POOL_H_
#define BITALE_CORE_RUNTIME_THREAD_POOL_H_

#include <cstdint>
#include <type_traits>

namespace bitale {

// Threads that take part in parallel_for, the caller included: options().threads, or the
// hardware's.
int thread_count();

namespace internal {
void run_blocks(int64_t blocks, void (*call)(void* body, int64_t block), void* body);
}

// Calls body(block) once for each block in [0, blocks), possibly at the same time; returns when all
// have finished. Allocates nothing. The first exception is rethrown. A call from inside a block
// runs its blocks in place. Two callers at once: the second runs its blocks alone.
template <typename Body>
void parallel_for(int64_t blocks, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  internal::run_blocks(
      blocks, [](void* b, int64_t block) { (*static_cast<Plain*>(b))(block); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

// Splits [0, count) into ranges of `grain` (the last may be shorter) and calls body(begin, end).
template <typename Body>
void parallel_ranges(int64_t count, int64_t grain, Body&& body) {
  const int64_t blocks = (count + grain - 1) / grain;
  parallel_for(blocks, [&](int64_t block) {
    const int64_t begin = block * grain;
    body(begin, begin + grain < count ? begin + grain : count);
  });
}

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_THREAD_POOL_H_
