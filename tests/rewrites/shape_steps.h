// Steps of random graphs that move elements about: parts, arrangements, repetitions.

#ifndef BITALE_TESTS_REWRITES_SHAPE_STEPS_H_
#define BITALE_TESTS_REWRITES_SHAPE_STEPS_H_

#include "tests/rewrites/graph_pool.h"
#include "tests/rewrites/tracked.h"

namespace bitale {

// A part of every axis: all of it, a slice, the reverse, or one position.
Tracked sliced(GraphPool& pool, const Tracked& x);
// All elements of x in another shape or order, or twice.
Tracked arranged(GraphPool& pool, const Tracked& x);
// Keeps a part of something floating beside what rules move parts through.
void add_parts(GraphPool& pool);

}  // namespace bitale

#endif  // BITALE_TESTS_REWRITES_SHAPE_STEPS_H_
