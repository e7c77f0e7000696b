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

// Gives buffers whose lifetimes overlap disjoint places. Best fit in one pass over time: near the
// lower bound for training graphs, O(n log n). Without `reuse` every buffer has its own place.
MemoryPlan plan_memory(const std::vector<BufferLifetime>& buffers, bool reuse = true);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_MEMORY_PLAN_H_
