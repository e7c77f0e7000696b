// Random graphs of mixed ops, shapes (empty ones included) and dtypes, with values for their
// inputs.

#ifndef BITALE_TESTS_REWRITES_RANDOM_GRAPH_H_
#define BITALE_TESTS_REWRITES_RANDOM_GRAPH_H_

#include <cstdint>
#include <vector>

#include "core/graph/variable.h"
#include "core/tensor/tensor.h"
#include "tests/rewrites/tracked.h"

namespace bitale {

struct RandomGraph {
  Variables inputs;
  std::vector<Tensor> values;  // of the inputs
  std::vector<Tracked> outputs;
};

// The same graph for the same seed. Every intermediate result is at most 20 in size, and known to a
// millionth of that in float64, a hundredth in float32: operands outside are squashed or not used.
RandomGraph make_random_graph(uint64_t seed);

}  // namespace bitale

#endif  // BITALE_TESTS_REWRITES_RANDOM_GRAPH_H_
