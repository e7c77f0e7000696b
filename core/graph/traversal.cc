#include "core/graph/traversal.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/op.h"
#include "core/graph/variable_node.h"

namespace bitale {

Apply* make_apply(OpPtr op, ApplyInputs inputs, std::span<const TensorType> types,
                  const Site& site);

std::vector<Apply*> topological_order(std::span<const Variable> outputs,
                                      std::span<const Variable> stop_at) {
  struct Frame {
    Apply* apply;
    size_t next_input;
  };
  const absl::flat_hash_set<Variable> stops(stop_at.begin(), stop_at.end());
  absl::flat_hash_set<Apply*> seen;
  std::vector<Apply*> order;
  std::vector<Frame> stack;
  auto enter = [&](const Variable& variable) {
    Apply* apply = variable.owner();
    if (apply == nullptr || (!stops.empty() && stops.contains(variable))) return;
    if (seen.insert(apply).second) stack.push_back({apply, 0});
  };
  for (const Variable& output : outputs) {
    enter(output);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next_input < top.apply->inputs().size()) {
        enter(top.apply->input(top.next_input++));
      } else {
        order.push_back(top.apply);
        stack.pop_back();
      }
    }
  }
  return order;
}

Variables leaves(std::span<const Variable> outputs) {
  Variables found;
  absl::flat_hash_set<Variable> seen;
  auto visit = [&](const Variable& variable) {
    if (variable.owner() == nullptr && seen.insert(variable).second) found.push_back(variable);
  };
  for (Apply* apply : topological_order(outputs)) {
    for (const Variable& input : apply->inputs()) visit(input);
  }
  for (const Variable& output : outputs) visit(output);
  return found;
}

bool depends_on(std::span<const Variable> outputs, const Variable& variable) {
  for (const Variable& output : outputs) {
    if (output == variable) return true;
  }
  for (Apply* apply : topological_order(outputs)) {
    for (const Variable& input : apply->inputs()) {
      if (input == variable) return true;
    }
  }
  return false;
}

Variables clone_graph(std::span<const Variable> outputs, Replacements& replacements) {
  for (const auto& [from, to] : replacements) {
    if (!from.defined() || !to.defined()) {
      throw TypeError("clone_graph: a replacement has no variable");
    }
    if (equals_or_narrows(to.type(), from.type())) continue;
    const std::string text =
        absl::StrCat("clone_graph: ", to.str(), " ", to.type().str(), " cannot replace ",
                     from.str(), " ", from.type().str(), "\n  replaced: ", from.str(), ", made at ",
                     from.site().str(), "\n  by: ", to.str(), ", made at ", to.site().str());
    if (from.dtype() != to.dtype() || from.rank() != to.rank()) {
      throw TypeError(text + "\n  hint: cast() and reshape() change types");
    }
    throw ShapeError(text + "\n  hint: specify_shape() states dims that a type does not");
  }
  return clone_graph_unchecked(outputs, replacements);
}

Variables clone_graph_unchecked(std::span<const Variable> outputs, Replacements& replacements) {
  Variables stops;
  for (const auto& [from, to] : replacements) stops.push_back(from);
  auto mapped = [&](const Variable& variable) {
    auto it = replacements.find(variable);
    return it == replacements.end() ? variable : it->second;
  };
  for (Apply* apply : topological_order(outputs, stops)) {
    ApplyInputs inputs;
    for (const Variable& input : apply->inputs()) inputs.push_back(mapped(input));
    std::vector<TensorType> types;
    for (size_t i = 0; i < apply->output_count(); ++i) types.push_back(apply->output(i).type());
    Apply* copy = make_apply(apply->shared_op(), std::move(inputs), types, apply->site());
    for (size_t i = 0; i < apply->output_count(); ++i) {
      const Variable from = apply->output(i);
      const Variable to = copy->output(i);
      if (!from.name().empty()) to.named(from.name());
      replacements.try_emplace(from, to);
    }
  }
  Variables result;
  for (const Variable& output : outputs) result.push_back(mapped(output));
  return result;
}

bool structurally_equal(std::span<const Variable> a, std::span<const Variable> b) {
  if (a.size() != b.size()) return false;
  // One-to-one: where one side reads a value twice, the other must not compute it twice.
  absl::flat_hash_map<const Apply*, const Apply*> in_b;
  absl::flat_hash_map<const Apply*, const Apply*> in_a;
  std::vector<std::pair<Variable, Variable>> pending;
  for (size_t i = 0; i < a.size(); ++i) pending.emplace_back(a[i], b[i]);
  while (!pending.empty()) {
    const auto [x, y] = pending.back();
    pending.pop_back();
    if (x.kind() != y.kind() || x.type() != y.type()) return false;
    if (x.is_constant()) {
      if (!same_bits(x.value(), y.value())) return false;
      continue;
    }
    if (!x.is_output()) {
      if (!(x == y)) return false;  // different inputs or shared variables
      continue;
    }
    const Apply& p = *x.owner();
    const Apply& q = *y.owner();
    if (x.output_index() != y.output_index()) return false;
    const auto [of_p, is_new] = in_b.try_emplace(&p, &q);
    const auto of_q = in_a.try_emplace(&q, &p).first;
    if (of_p->second != &q || of_q->second != &p) return false;
    if (!is_new) continue;
    if (p.inputs().size() != q.inputs().size() || !p.op().equals(q.op())) return false;
    for (size_t i = 0; i < p.inputs().size(); ++i) pending.emplace_back(p.input(i), q.input(i));
  }
  return true;
}

}  // namespace bitale
