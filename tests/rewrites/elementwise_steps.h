// Steps of random graphs that compute element by element: single functions, and the spelled-out
// forms that rules know better.

#ifndef BITALE_TESTS_REWRITES_ELEMENTWISE_STEPS_H_
#define BITALE_TESTS_REWRITES_ELEMENTWISE_STEPS_H_

#include "tests/rewrites/graph_pool.h"
#include "tests/rewrites/tracked.h"

namespace bitale {

// A function of x, which is floating.
Tracked unary(GraphPool& pool, const Tracked& x);
// An expression of x, which is floating, for which rules know a better one.
Tracked spelled_out(GraphPool& pool, const Tracked& x);
// Keeps a function of two floating expressions of the pool, if those drawn fit together.
void add_binary(GraphPool& pool);

}  // namespace bitale

#endif  // BITALE_TESTS_REWRITES_ELEMENTWISE_STEPS_H_
