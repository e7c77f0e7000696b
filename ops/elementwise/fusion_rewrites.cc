#include "absl/container/flat_hash_map.h"
#include "core/graph/inputs.h"
#include "core/graph/shape_analysis.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/fused_elementwise_internal.h"

namespace bitale {
namespace {

// Longer groups are cut: their values would no longer fit the first cache.
constexpr size_t kMostSteps = 32;
constexpr size_t kMostInputs = 32;

// Nodes in the order in which they joined: users before producers.
struct Group {
  std::vector<Apply*> members;
  size_t input_count = 0;
};

// Integers that may reach a dim stay apart: shape rules must see their values.
bool can_fuse(const Apply& apply) {
  return as_elementwise(apply) != nullptr &&
         !(is_discrete(apply.output(0).dtype()) && may_be_host_integers(apply.output(0).type()));
}

// The group that every use of `apply` belongs to and reads whole, elements and all; else null.
Group* joinable(const FunctionGraph& graph, const Apply& apply,
                const absl::flat_hash_map<const Apply*, Group*>& group_of) {
  Group* common = nullptr;
  for (const Use& use : graph.uses(apply.output(0))) {
    if (use.user == nullptr) return nullptr;
    const auto it = group_of.find(use.user);
    if (it == group_of.end() || (common != nullptr && it->second != common)) return nullptr;
    const ElementwiseOp& user = *as_elementwise(*use.user);
    if (!user.is_whole(use.index) || !user.needs_elements(use.index)) return nullptr;
    common = it->second;
  }
  if (common == nullptr || common->members.size() >= kMostSteps ||
      common->input_count + apply.inputs().size() > kMostInputs) {
    return nullptr;
  }
  return common;
}

void replace_group(FunctionGraph& graph, const Group& group) {
  Variables inputs;
  absl::flat_hash_map<Variable, int> number;
  for (auto member = group.members.rbegin(); member != group.members.rend(); ++member) {
    number.emplace((*member)->output(0), -1);
  }
  for (auto member = group.members.rbegin(); member != group.members.rend(); ++member) {
    for (const Variable& input : (*member)->inputs()) {
      if (number.emplace(input, static_cast<int>(inputs.size())).second) inputs.push_back(input);
    }
  }
  std::vector<FusedElementwiseOp::Step> steps;
  for (auto member = group.members.rbegin(); member != group.members.rend(); ++member) {
    FusedElementwiseOp::Step step;
    step.op = std::static_pointer_cast<const ElementwiseOp>((*member)->shared_op());
    for (const Variable& input : (*member)->inputs()) step.operands.push_back(number.at(input));
    const Variable output = (*member)->output(0);
    step.type = output.type();
    number[output] = static_cast<int>(inputs.size() + steps.size());
    steps.push_back(std::move(step));
  }
  const Apply& root = *group.members.front();
  FixedSiteScope scope(root.site());
  const auto op = std::make_shared<FusedElementwiseOp>(inputs.size(), std::move(steps));
  const Variable fused = apply_one(op, inputs);
  if (!root.output(0).name().empty()) fused.named(root.output(0).name());
  graph.replace(root.output(0), fused, "elementwise_fusion");
}

// One walk from users to producers: a node joins the group of its users if all of them are in one
// group and read it whole. A group has one output, which all its members lead to, so fusing it can
// close no cycle.
bool fuse(FunctionGraph& graph) {
  const std::vector<Apply*> order = graph.topological_order();
  std::vector<std::unique_ptr<Group>> groups;
  absl::flat_hash_map<const Apply*, Group*> group_of;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    if (!can_fuse(**it)) continue;
    Group* group = joinable(graph, **it, group_of);
    if (group == nullptr) {
      group = groups.emplace_back(std::make_unique<Group>()).get();
    }
    group->members.push_back(*it);
    group->input_count += (*it)->inputs().size();
    group_of[*it] = group;
  }
  bool changed = false;
  for (const auto& group : groups) {
    if (group->members.size() < 2) continue;
    replace_group(graph, *group);
    changed = true;
  }
  return changed;
}

std::shared_ptr<const ElementwiseOp> op_of(const Variable& v) {
  return std::static_pointer_cast<const ElementwiseOp>(v.owner()->shared_op());
}

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
  return {{{root}, {fused}}};
}

// A value that is needed elsewhere, and one that is repeated by its user.
std::vector<Variables> counterexamples() {
  const Variable x = matrix("x");
  const Variable shared_sum = x + 1;
  const Variable r = row("r");
  return {{tanh(shared_sum), shared_sum}, {exp(r) * x}};
}

const GraphPassRegistrar elementwise_fusion(
    {.name = "elementwise_fusion",
     .phase = Phase::kFuse,
     .why = "values between elementwise steps stay in the first cache instead of going to memory",
     .run = fuse,
     .examples = examples,
     .counterexamples = counterexamples});

}  // namespace
}  // namespace bitale
