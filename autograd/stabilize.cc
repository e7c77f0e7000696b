#include "autograd/stabilize.h"

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/graph/function_graph.h"
#include "core/graph/op.h"
#include "core/graph/traversal.h"
#include "core/rewrite/driver.h"

namespace bitale {
namespace {

// Maps the variables of the rewritten graph whose whole making is a plain copy to their originals.
Replacements find_untouched(const FunctionGraph& graph, const Replacements& placeholders) {
  absl::flat_hash_map<Variable, Variable> originals;
  for (const auto& [original, clone] : graph.clones()) originals.try_emplace(clone, original);
  Replacements back;
  for (const auto& [variable, placeholder] : placeholders) back[placeholder] = variable;
  const auto before = [&](const Variable& variable) {
    const auto it = back.find(variable);
    return it == back.end() ? variable : it->second;
  };
  for (const Apply* apply : graph.topological_order()) {
    const auto original = originals.find(apply->output(0));
    if (original == originals.end()) continue;
    const Apply& first = *original->second.owner();
    bool same =
        first.shared_op() == apply->shared_op() && first.inputs().size() == apply->inputs().size();
    for (size_t i = 0; same && i < apply->inputs().size(); ++i) {
      same = before(apply->input(i)) == first.input(i);
    }
    if (!same) continue;
    for (size_t i = 0; i < apply->output_count(); ++i) back[apply->output(i)] = first.output(i);
  }
  return back;
}

}  // namespace

Variables stabilized_clone(const Variables& outputs, const Variables& boundary) {
  // Placeholders keep the rules from what lies behind the boundary. Leaves need none.
  Replacements placeholders;
  for (const Variable& variable : boundary) {
    if (variable.owner() == nullptr) continue;
    placeholders.try_emplace(variable, Variable::make_input(variable.type(), variable.name(), {}));
  }
  FunctionGraph graph(outputs, placeholders);
  std::vector<TraceEntry> trace;
  run_phases(graph, std::vector<Phase>{Phase::kStabilize}, {}, &trace);
  if (trace.empty()) return outputs;
  Replacements untouched = find_untouched(graph, placeholders);
  return clone_graph(graph.outputs(), untouched);
}

}  // namespace bitale
