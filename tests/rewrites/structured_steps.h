// Steps of random graphs that take more than numbers element by element: truth values, stacks of
// matrices, gathers, loops, images.

#ifndef BITALE_TESTS_REWRITES_STRUCTURED_STEPS_H_
#define BITALE_TESTS_REWRITES_STRUCTURED_STEPS_H_

#include "tests/rewrites/graph_pool.h"

namespace bitale {

// Adds a truth value, or a choice by one. May add nothing, as all steps.
void add_choice(GraphPool& pool);
// Adds a matmul, a take, a map, a conv2d or a pool_2d of what there is.
void add_structure(GraphPool& pool);

}  // namespace bitale

#endif  // BITALE_TESTS_REWRITES_STRUCTURED_STEPS_H_
