// One graph pass by itself, for the tests of passes.

#ifndef BITALE_TESTS_SUPPORT_PASS_RUNS_H_
#define BITALE_TESTS_SUPPORT_PASS_RUNS_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/graph/function_graph.h"
#include "core/rewrite/rule.h"

namespace bitale {

// std::runtime_error if no pass has this name.
const GraphPass& pass_named(std::string_view name);

// The names of the nodes under `outputs` after the pass alone, producers before users. Throws what
// FunctionGraph::verify() throws where the pass leaves the graph in disorder.
std::vector<std::string> names_after_pass(std::string_view name, const Variables& outputs);

}  // namespace bitale

#endif  // BITALE_TESTS_SUPPORT_PASS_RUNS_H_
