// Where the buffers of a program lie: lifetimes in, offsets out.

#ifndef BITALE_CORE_COMPILE_MEMORY_PLAN_H_
#define BITALE_CORE_COMPILE_MEMORY_PLAN_H_

#include <cstdint>
#include <vector>

namespace bitale {

// A block that is written first by instruction `begin` and used last by instruction `end`.
struct BufferLifetime {
  int64_t bytes = 0;
  int32_t begin = 0;
  int32_t end = 0;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // one per buffer, multiples of 64
  int64_t total_bytes = 0;
};

// Gives buffers whose lifetimes overlap disjoint places. Finding the least total is NP-hard; this
// takes the better of two greedy plans: best fit in the order of time, and by size in the order of
// difficulty (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020,
// with the hardest moved forward). O(n log n): only the largest 1,024 buffers are planned by size.
// Without `reuse` every buffer has its own place.
MemoryPlan plan_memory(const std::vector<BufferLifetime>& buffers, bool reuse = true);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_MEMORY_PLAN_H_
