// The hash of a counter that all data comes from. Includes nothing, so that peers, which are
// compiled by themselves, make the same numbers with the same lines.

#ifndef BITALE_TOOLS_BENCH_COUNTER_HASH_H_
#define BITALE_TOOLS_BENCH_COUNTER_HASH_H_

#include <cstdint>

namespace bitale::bench {

// In [0, 1): the upper 24 bits of Chris Wellons' lowbias32 hash of i + seed * 0x9E3779B9.
inline double unit(uint32_t seed, uint32_t i) {
  uint32_t x = i + seed * 0x9E3779B9u;
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  x ^= x >> 16;
  return (x >> 8) * 0x1p-24;
}

}  // namespace bitale::bench

#endif  // BITALE_TOOLS_BENCH_COUNTER_HASH_H_
