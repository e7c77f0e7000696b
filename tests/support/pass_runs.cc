#include "tests/support/pass_runs.h"

#include <stdexcept>

#include "core/graph/op.h"

namespace bitale {

const GraphPass& pass_named(std::string_view name) {
  for (const GraphPass* pass : all_graph_passes()) {
    if (pass->name == name) return *pass;
  }
  throw std::runtime_error("no such pass: " + std::string(name));
}

std::vector<std::string> names_after_pass(std::string_view name, const Variables& outputs) {
  FunctionGraph graph(outputs);
  pass_named(name).run(graph);
  graph.verify();
  std::vector<std::string> names;
  for (const Apply* apply : graph.topological_order()) names.emplace_back(apply->op().name());
  return names;
}

}  // namespace bitale
