// Numbers that every competitor can make for itself, in any language: a hash of a counter.

#ifndef BITALE_TOOLS_BENCH_DATA_H_
#define BITALE_TOOLS_BENCH_DATA_H_

#include <cstdint>
#include <vector>

#include "bitale.h"

namespace bitale::bench {

// Element i is low + (high - low) * unit(seed, i) of counter_hash.h, computed in float64, then
// cast.
Tensor uniform(uint32_t seed, const Dims& shape, double low, double high, DType dtype);

// int32 in [0, classes).
Tensor labels(uint32_t seed, int64_t count, int64_t classes);

// Two numbers that differ where tensors do: the elements' sum, weighted by uniform(99, ..., -1, 1)
// and divided by the square root of their count, and the root of their mean square.
std::vector<double> fingerprint(const Tensor& tensor);

// Appends the second to the first.
void append(std::vector<double>& to, const std::vector<double>& values);

}  // namespace bitale::bench

#endif  // BITALE_TOOLS_BENCH_DATA_H_
