#include "core/rewrite/rule.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "core/graph/op.h"

namespace bitale {
namespace {

constinit const RuleRegistrar* newest_rule = nullptr;
constinit const GraphPassRegistrar* newest_pass = nullptr;

// Moves each rule behind the one that it declares to come after.
std::vector<const Rule*> in_declared_order(std::vector<const Rule*> rules) {
  std::vector<const Rule*> order;
  std::vector<const Rule*> waiting = std::move(rules);
  absl::flat_hash_map<std::string_view, bool> placed;
  for (const Rule* rule : waiting) placed[rule->name] = false;
  while (!waiting.empty()) {
    const auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const Rule* rule) {
      const auto it = placed.find(rule->after);
      return it == placed.end() || it->second;
    });
    const auto next = ready == waiting.end() ? waiting.begin() : ready;  // a circle: by name
    placed[(*next)->name] = true;
    order.push_back(*next);
    waiting.erase(next);
  }
  return order;
}

}  // namespace

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::kSimplify:
      return "simplify";
    case Phase::kCanonicalize:
      return "canonicalize";
    case Phase::kStabilize:
      return "stabilize";
    case Phase::kSpecialize:
      return "specialize";
    case Phase::kPlace:
      return "place";
    case Phase::kExpand:
      return "expand";
    case Phase::kFuseFolds:
      return "fuse_folds";
    case Phase::kFuseRows:
      return "fuse_rows";
    case Phase::kFuse:
      return "fuse";
    case Phase::kFuseEpilogues:
      return "fuse_epilogues";
    case Phase::kBundle:
      break;
  }
  return "bundle";
}

RuleRegistrar::RuleRegistrar(const Rule& rule) : rule_(rule), next_(newest_rule) {
  newest_rule = this;
}

GraphPassRegistrar::GraphPassRegistrar(const GraphPass& pass) : pass_(pass), next_(newest_pass) {
  newest_pass = this;
}

namespace {

std::vector<const Rule*> sorted_by_phase(std::vector<const Rule*> rules) {
  std::sort(rules.begin(), rules.end(), [](const Rule* a, const Rule* b) {
    return std::tuple(a->phase, std::string_view(a->name)) <
           std::tuple(b->phase, std::string_view(b->name));
  });
  rules = in_declared_order(std::move(rules));
  std::stable_sort(rules.begin(), rules.end(),
                   [](const Rule* a, const Rule* b) { return a->phase < b->phase; });
  return rules;
}

}  // namespace

// Asked for at every compilation, and at every constant that is folded.
std::vector<const Rule*> all_rules() {
  thread_local const RuleRegistrar* newest_sorted = nullptr;
  thread_local std::vector<const Rule*> sorted;
  if (newest_sorted != newest_rule) {
    std::vector<const Rule*> rules;
    for (const RuleRegistrar* r = newest_rule; r != nullptr; r = r->next_) {
      rules.push_back(&r->rule_);
    }
    sorted = sorted_by_phase(std::move(rules));
    newest_sorted = newest_rule;
  }
  return sorted;
}

std::vector<const GraphPass*> all_graph_passes() {
  std::vector<const GraphPass*> passes;
  for (const GraphPassRegistrar* r = newest_pass; r != nullptr; r = r->next_) {
    passes.push_back(&r->pass_);
  }
  std::sort(passes.begin(), passes.end(), [](const GraphPass* a, const GraphPass* b) {
    return std::tuple(a->phase, std::string_view(a->name)) <
           std::tuple(b->phase, std::string_view(b->name));
  });
  return passes;
}

const Apply* made_by(const Variable& variable, std::string_view op_name) {
  const Apply* apply = variable.owner();
  return apply != nullptr && apply->op().name() == op_name ? apply : nullptr;
}

}  // namespace bitale
