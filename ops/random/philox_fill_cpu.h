// Fills memory with numbers made of Philox's blocks, some blocks side by side in vectors: the same
// bits as block by block.

#ifndef BITALE_OPS_RANDOM_PHILOX_FILL_CPU_H_
#define BITALE_OPS_RANDOM_PHILOX_FILL_CPU_H_

#include <cstdint>

#include "ops/random/philox_functors.h"

namespace bitale::philox {

// Each fills `count` elements and returns the state behind the blocks that these are made of: a
// block holds four numbers of 32 bits, or two of 64.
State fill_uniform(const State& state, float* out, int64_t count);
State fill_uniform(const State& state, double* out, int64_t count);
State fill_normal(const State& state, float* out, int64_t count);
State fill_normal(const State& state, double* out, int64_t count);
// Integers in [low, low + range); `range` 0 stands for 2^64.
State fill_integers(const State& state, uint64_t low, uint64_t range, int64_t* out, int64_t count);

}  // namespace bitale::philox

#endif  // BITALE_OPS_RANDOM_PHILOX_FILL_CPU_H_
