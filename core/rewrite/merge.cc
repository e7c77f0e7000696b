// Merge: equal applications of equal inputs become one (common subexpression elimination).

#include "absl/container/flat_hash_map.h"
#include "core/graph/op.h"
#include "core/rewrite/rule.h"
#include "core/tensor/tensor.h"

namespace bitale {
namespace {

// Constants up to this size are compared by value.
constexpr int64_t kMostConstantElements = 1024;

size_t hash_of_constant(const Tensor& value) {
  size_t hash = fixed_type(value.dtype(), value.shape()).hash();
  const Tensor dense = value.contiguous();
  const auto* bytes = static_cast<const unsigned char*>(dense.raw_data());
  for (size_t i = 0; i < dense.bytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

size_t hash_of_apply(const Apply& apply) {
  size_t hash = apply.op().hash();
  for (const Variable& input : apply.inputs()) {
    hash = (hash ^ std::hash<Variable>()(input)) * 0x9e3779b97f4a7c15u;
  }
  return hash;
}

bool same_application(const Apply& a, const Apply& b) {
  if (a.inputs().size() != b.inputs().size()) return false;
  for (size_t i = 0; i < a.inputs().size(); ++i) {
    if (!(a.input(i) == b.input(i))) return false;
  }
  return a.op().equals(b.op());
}

bool merge_constants(FunctionGraph& graph) {
  absl::flat_hash_map<size_t, Variables> seen;
  bool changed = false;
  for (const Variable& leaf : leaves(graph.outputs())) {
    if (!leaf.is_constant() || leaf.value().size() > kMostConstantElements) continue;
    Variables& candidates = seen[hash_of_constant(leaf.value())];
    bool merged = false;
    for (const Variable& candidate : candidates) {
      if (same_bits(candidate.value(), leaf.value())) {
        graph.replace(leaf, candidate, "merge");
        changed = merged = true;
        break;
      }
    }
    if (!merged) candidates.push_back(leaf);
  }
  return changed;
}

bool merge(FunctionGraph& graph) {
  bool changed = merge_constants(graph);
  absl::flat_hash_map<size_t, std::vector<Apply*>> seen;
  // Producers come first, so inputs are already merged when their users are hashed.
  for (Apply* apply : graph.topological_order()) {
    if (!graph.contains(apply) || apply->op().traits().never_merge) continue;
    std::vector<Apply*>& candidates = seen[hash_of_apply(*apply)];
    bool merged = false;
    for (Apply* candidate : candidates) {
      if (!same_application(*candidate, *apply)) continue;
      std::vector<FunctionGraph::Replacement> pairs;
      for (size_t i = 0; i < apply->output_count(); ++i) {
        pairs.push_back({apply->output(i), candidate->output(i)});
      }
      graph.replace(pairs, "merge");
      changed = merged = true;
      break;
    }
    if (!merged) candidates.push_back(apply);
  }
  return changed;
}

// Registered for each phase that can create equal nodes.
const GraphPassRegistrar simplify_merge(
    {.name = "merge",
     .phase = Phase::kSimplify,
     .why = "what is computed twice from the same operands need be computed once",
     .run = merge});
const GraphPassRegistrar canonicalize_merge({.name = "merge",
                                             .phase = Phase::kCanonicalize,
                                             .why = "rules create equal nodes side by side",
                                             .run = merge});
const GraphPassRegistrar stabilize_merge({.name = "merge",
                                          .phase = Phase::kStabilize,
                                          .why = "rules create equal nodes side by side",
                                          .run = merge});
const GraphPassRegistrar specialize_merge({.name = "merge",
                                           .phase = Phase::kSpecialize,
                                           .why = "rules create equal nodes side by side",
                                           .run = merge});
const GraphPassRegistrar expand_merge({.name = "merge",
                                       .phase = Phase::kExpand,
                                       .why = "formulas of neighbouring composites share parts",
                                       .run = merge});

}  // namespace
}  // namespace bitale
