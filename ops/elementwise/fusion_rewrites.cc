#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "core/graph/inputs.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/fused_elementwise_internal.h"

namespace bitale {
namespace {

// Nodes in the order in which they joined: users before producers. `kept` are those whose values
// the function gives out besides.
struct Group {
  std::vector<Apply*> members;
  std::vector<Apply*> kept;
  size_t input_count = 0;
  // Why the first member joined no other group.
  const char* apart = nullptr;
};
using GroupOf = absl::flat_hash_map<const Apply*, Group*>;

// Finds the `common` group that every use of `apply` within the graph belongs to and reads whole,
// elements and all. Returns why there is none; null where there is.
const char* why_apart(const FunctionGraph& graph, const Apply& apply, const GroupOf& group_of,
                      Group*& common) {
  common = nullptr;
  for (const Use& use : graph.uses(apply.output(0))) {
    if (use.user == nullptr) continue;
    const auto it = group_of.find(use.user);
    if (it == group_of.end()) return "a node that is in no group reads it";
    if (common != nullptr && it->second != common) return "nodes of several groups read it";
    const ElementwiseOp& user = *as_elementwise(*use.user);
    if (!user.is_whole(use.index)) return "a node repeats it along an axis";
    if (!user.needs_elements(use.index)) return "a node needs its dims only";
    common = it->second;
  }
  if (common == nullptr) return "no node reads it, and none of its operands may join it";
  if (has_room(common->members.size(), common->input_count, apply)) return nullptr;
  return "the group of those that read it is full";
}

bool is_given_out(const FunctionGraph& graph, const Apply& apply) {
  return std::ranges::any_of(graph.uses(apply.output(0)),
                             [](const Use& use) { return use.user == nullptr; });
}

void replace_group(FunctionGraph& graph, const Group& group) {
  NumberedGroup numbered(std::vector<Apply*>(group.members.rbegin(), group.members.rend()));
  const Apply& root = *group.members.front();
  Variables replaced = {root.output(0)};
  std::vector<int64_t> kept;
  for (const Apply* apply : group.kept) {
    replaced.push_back(apply->output(0));
    kept.push_back(numbered.numbers.at(apply->output(0)) -
                   static_cast<int64_t>(numbered.inputs.size()));
  }
  FixedSiteScope scope(root.site());
  const auto op = std::make_shared<FusedElementwiseOp>(numbered.inputs.size(),
                                                       std::move(numbered.steps), std::move(kept));
  const Variables fused = apply_op(op, numbered.inputs);
  std::vector<FunctionGraph::Replacement> pairs;
  for (size_t i = 0; i < fused.size(); ++i) {
    pairs.push_back({replaced[i], fused[i]});
  }
  graph.replace(pairs, "elementwise_fusion");
}

struct Plan {
  std::vector<std::unique_ptr<Group>> groups;
  GroupOf group_of;
};

// One walk from users to producers: a node joins the group of its users if all of them are in one
// group and read it whole. All members lead to the group's root, and what else it gives out leaves
// the graph, so fusing it can close no cycle.
Plan plan_of(const FunctionGraph& graph) {
  const std::vector<Apply*> order = graph.topological_order();
  Plan plan;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    if (!can_join_group(**it)) continue;
    Group* group = nullptr;
    if (const char* apart = why_apart(graph, **it, plan.group_of, group)) {
      group = plan.groups.emplace_back(std::make_unique<Group>()).get();
      group->apart = apart;
    } else if (is_given_out(graph, **it)) {
      group->kept.push_back(*it);
    }
    group->members.push_back(*it);
    group->input_count += (*it)->inputs().size();
    plan.group_of[*it] = group;
  }
  return plan;
}

bool is_worthwhile(const Group& group) { return group.members.size() > 1; }

bool fuse(FunctionGraph& graph) {
  bool changed = false;
  for (const auto& group : plan_of(graph).groups) {
    if (!is_worthwhile(*group)) continue;
    replace_group(graph, *group);
    changed = true;
  }
  return changed;
}

const char* why_not(const FunctionGraph& graph, const Apply& apply) {
  const Plan plan = plan_of(graph);
  const auto it = plan.group_of.find(&apply);
  if (it == plan.group_of.end()) return "it is not elementwise, or shape rules may have to see it";
  return is_worthwhile(*it->second) ? nullptr : it->second->apart;
}

std::shared_ptr<const Op> op_of(const Variable& v) { return v.owner()->shared_op(); }

std::vector<RuleExample> examples() {
  const Variable x = matrix("x");
  const Variable y = matrix("y");
  const Variable sum = x + y;
  const Variable root = tanh(sum);
  const Variable fused =
      apply_one(std::make_shared<FusedElementwiseOp>(
                    2, std::vector<FusedElementwiseOp::Step>{{op_of(sum), {0, 1}, sum.type()},
                                                             {op_of(root), {2}, root.type()}}),
                {x, y});
  const Variables both =
      apply_op(std::make_shared<FusedElementwiseOp>(
                   2,
                   std::vector<FusedElementwiseOp::Step>{{op_of(sum), {0, 1}, sum.type()},
                                                         {op_of(root), {2}, root.type()}},
                   std::vector<int64_t>{0}),
               {x, y});
  return {{{root}, {fused}}, {{root, sum}, both}};
}

// A value that two groups need, and one that is repeated by its user.
std::vector<Variables> counterexamples() {
  const Variable x = matrix("x");
  const Variable r = row("r");
  const Variable shared_sum = r + 1;
  return {{tanh(shared_sum), shared_sum * x}, {exp(r) * x}};
}

const GraphPassRegistrar elementwise_fusion(
    {.name = "elementwise_fusion",
     .phase = Phase::kFuse,
     .why = "values between elementwise steps stay in the first cache instead of going to memory",
     .run = fuse,
     .examples = examples,
     .counterexamples = counterexamples,
     .why_not = why_not});

}  // namespace
}  // namespace bitale
