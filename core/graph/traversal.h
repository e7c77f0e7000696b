// Walking a graph, iteratively and in a deterministic order.

#ifndef BITALE_CORE_GRAPH_TRAVERSAL_H_
#define BITALE_CORE_GRAPH_TRAVERSAL_H_

#include <functional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/graph/variable.h"

namespace bitale {

// Every Apply that `outputs` need, producers first; depends on the graph alone. Does not walk past
// the variables in `stop_at`.
std::vector<Apply*> topological_order(std::span<const Variable> outputs,
                                      std::span<const Variable> stop_at = {});

// The leaves that `outputs` need, in order of first encounter.
Variables leaves(std::span<const Variable> outputs);

// Whether any of `outputs` needs `variable`.
bool depends_on(std::span<const Variable> outputs, const Variable& variable);

using Replacements = absl::flat_hash_map<Variable, Variable>;

// A copy of the graph under `outputs` in which the keys of `replacements` stand for their values.
// Leaves are shared, types, names and sites kept; afterwards `replacements` maps every copied
// variable. TypeError where a value is of another dtype or rank than its key, ShapeError where it
// knows less of its dims.
Variables clone_graph(std::span<const Variable> outputs, Replacements& replacements);
// The same without a look at types: the caller sees to it that values have the keys' dims.
Variables clone_graph_unchecked(std::span<const Variable> outputs, Replacements& replacements);

// Whether the two graphs compute the same function of the same leaves by the same structure: node
// for node, so a value that one computes once the other does not compute twice. Constants are
// compared by their bits.
bool structurally_equal(std::span<const Variable> a, std::span<const Variable> b);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_TRAVERSAL_H_
