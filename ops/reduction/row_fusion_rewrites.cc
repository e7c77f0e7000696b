#include <algorithm>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "core/graph/inputs.h"
#include "core/graph/shape_analysis.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/elementwise_op.h"
#include "ops/reduction/fused_rows_internal.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

const ReduceOp* as_reduction(const Apply& apply) {
  return dynamic_cast<const ReduceOp*>(&apply.op());
}

bool is_single_or_double(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

// How many of the last axes of its operand a reduction takes; 0 if it takes others, or is of a kind
// or dtype that stays by itself.
int64_t row_axes_of(const Apply& apply) {
  const ReduceOp* op = as_reduction(apply);
  if (op == nullptr || op->axes().empty()) return 0;
  const Variable& x = apply.input(0);
  if (!is_single_or_double(x.dtype())) return 0;
  switch (op->kind()) {
    case ReduceKind::kSum:
    case ReduceKind::kProd:
    case ReduceKind::kMax:
    case ReduceKind::kMin:
      break;
    default:
      return 0;
  }
  const auto count = static_cast<int64_t>(op->axes().size());
  return op->axes().front() == x.rank() - count ? count : 0;
}

// Integers stay apart: shape rules may have to see their values.
bool can_fuse(const Apply& apply) {
  if (as_elementwise(apply) == nullptr) return row_axes_of(apply) > 0;
  const TensorType& type = apply.output(0).type();
  return is_single_or_double(type.dtype) ||
         (type.dtype == DType::kBool && !may_be_host_integers(type));
}

// Nodes in the order in which they joined: users before producers. Levels tell whole rows from
// numbers per row: 0 is the root's, and each reduction's operand lies one below its result.
struct Group {
  struct Member {
    Apply* apply;
    int level;
  };
  std::vector<Member> members;
  size_t input_count = 0;
  int64_t row_axes = 0;  // 0: not known yet
  int lowest = 0;
  int highest = 0;
  // Why the first member joined no other group.
  const char* apart = nullptr;
};

struct Membership {
  Group* group = nullptr;
  int level = 0;
};
using Memberships = absl::flat_hash_map<const Apply*, Membership>;

// What one use of a node asks for: a level in the user's group, and row axes (0: any).
struct Demand {
  int level = 0;
  int64_t row_axes = 0;
};

std::optional<Demand> demand_of(const Use& use, int user_level, int64_t rank) {
  if (as_reduction(*use.user) != nullptr) return Demand{user_level - 1, row_axes_of(*use.user)};
  const ElementwiseOp& user = *as_elementwise(*use.user);
  if (!user.needs_elements(use.index)) return std::nullopt;
  if (user.is_whole(use.index)) return Demand{user_level, 0};
  // Repeated along the last axes, and along these only.
  if (use.user->output(0).rank() != rank) return std::nullopt;
  int64_t repeated = 0;
  while (repeated < rank && user.broadcasts(use.index, rank - 1 - repeated)) ++repeated;
  for (int64_t axis = 0; axis < rank - repeated; ++axis) {
    if (user.broadcasts(use.index, axis)) return std::nullopt;
  }
  return Demand{user_level + 1, repeated};
}

bool agree(int64_t row_axes, int64_t other) {
  return row_axes == 0 || other == 0 || row_axes == other;
}

// Adds `apply` to the group that all its uses belong to. Returns why it may not join; null where it
// did.
const char* join(const FunctionGraph& graph, Apply* apply, Memberships& memberships) {
  Group* group = nullptr;
  Demand demand;
  const Variable output = apply->output(0);
  for (const Use& use : graph.uses(output)) {
    if (use.user == nullptr) return "it is a result of the function, which is needed as well";
    const auto it = memberships.find(use.user);
    if (it == memberships.end()) return "a node that is in no group reads it";
    const std::optional<Demand> next = demand_of(use, it->second.level, output.rank());
    if (!next) return "a node repeats it along other axes than the last, or needs its dims only";
    if (group == nullptr) {
      group = it->second.group;
      demand = *next;
    } else if (group != it->second.group) {
      return "nodes of several groups read it";
    } else if (demand.level != next->level || !agree(demand.row_axes, next->row_axes)) {
      return "one node reads it as whole rows, and another as numbers per row";
    }
    demand.row_axes = std::max(demand.row_axes, next->row_axes);
  }
  if (group == nullptr) return "no node reads it";
  if (!has_room(group->members.size(), group->input_count, *apply)) {
    return "the group of those that read it is full";
  }
  const int64_t own = row_axes_of(*apply);
  if (own > 0 && !as_reduction(*apply)->keepdims()) return "the reduction drops its axes";
  if (!agree(demand.row_axes, own) || !agree(group->row_axes, std::max(demand.row_axes, own))) {
    return "the group's rows are along other axes";
  }
  const int lowest = std::min(group->lowest, own > 0 ? demand.level - 1 : demand.level);
  const int highest = std::max(group->highest, demand.level);
  if (highest - lowest > 1) return "rows would be reduced that are made of reduced ones";
  group->lowest = lowest;
  group->highest = highest;
  group->row_axes = std::max({group->row_axes, demand.row_axes, own});
  group->members.push_back({apply, demand.level});
  group->input_count += apply->inputs().size();
  memberships[apply] = {group, demand.level};
  return nullptr;
}

// Why a group gains nothing as one node; null where it does.
const char* why_no_gain(const Group& group) {
  bool reduces = false;
  bool computes = false;
  for (const Group::Member& member : group.members) {
    const bool folds = as_reduction(*member.apply) != nullptr;
    reduces = reduces || folds;
    computes = computes || (!folds && member.level == group.lowest);
  }
  if (!reduces) return "nothing in its group is reduced";
  return computes ? nullptr : "nothing is made of the rows in its group but what they reduce to";
}

void replace_group(FunctionGraph& graph, const Group& group) {
  std::vector<Apply*> members;
  for (auto it = group.members.rbegin(); it != group.members.rend(); ++it) {
    members.push_back(it->apply);
  }
  NumberedGroup numbered(members);
  std::vector<FusedRowsOp::Step> steps;
  for (auto it = group.members.rbegin(); it != group.members.rend(); ++it) {
    steps.push_back({std::move(numbered.steps[steps.size()]), it->level == group.lowest,
                     as_reduction(*it->apply) != nullptr});
  }
  const Apply& root = *group.members.front().apply;
  FixedSiteScope scope(root.site());
  const auto op =
      std::make_shared<FusedRowsOp>(numbered.inputs.size(), std::move(steps), group.row_axes);
  const Variable fused = apply_one(op, numbered.inputs);
  graph.replace(root.output(0), fused, "row_fusion");
}

struct Plan {
  std::vector<std::unique_ptr<Group>> groups;
  Memberships memberships;
};

// One walk from users to producers, as in elementwise fusion: a node joins the group of its users
// if all of them are in one group and read it as whole rows, or all as one number per row. A group
// has one output, which all its members lead to, so fusing it can close no cycle.
Plan plan_of(const FunctionGraph& graph) {
  const std::vector<Apply*> order = graph.topological_order();
  Plan plan;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    Apply* const apply = *it;
    if (!can_fuse(*apply)) continue;
    const char* const apart = join(graph, apply, plan.memberships);
    if (apart == nullptr) continue;
    Group* group = plan.groups.emplace_back(std::make_unique<Group>()).get();
    group->apart = apart;
    group->row_axes = row_axes_of(*apply);
    if (group->row_axes > 0) group->lowest = -1;
    group->members.push_back({apply, 0});
    group->input_count = apply->inputs().size();
    plan.memberships[apply] = {group, 0};
  }
  return plan;
}

bool fuse(FunctionGraph& graph) {
  bool changed = false;
  for (const auto& group : plan_of(graph).groups) {
    if (why_no_gain(*group) != nullptr) continue;
    replace_group(graph, *group);
    changed = true;
  }
  return changed;
}

const char* why_not(const FunctionGraph& graph, const Apply& apply) {
  const Plan plan = plan_of(graph);
  const auto it = plan.memberships.find(&apply);
  if (it == plan.memberships.end()) {
    return "it is no elementwise node and no reduction of the last axes that rows are made of";
  }
  const Group& group = *it->second.group;
  const char* const no_gain = why_no_gain(group);
  if (no_gain == nullptr) return nullptr;
  // The group's root might have gained in the group of those that read it.
  const bool might_join = group.members.front().apply == &apply &&
                          std::ranges::any_of(graph.uses(apply.output(0)),
                                              [](const Use& use) { return use.user != nullptr; });
  return might_join ? group.apart : no_gain;
}

FusedRowsOp::Step step_of(const Variable& v, std::vector<int> operands, bool whole, bool folds) {
  return {{v.owner()->shared_op(), std::move(operands), v.type()}, whole, folds};
}

std::vector<RuleExample> examples() {
  const Variable x = matrix("x");
  const Variable y = matrix("y");
  const Variable total = sum(x, 1, true);
  const Variable share = x / total;
  const Variable product = x * y;
  const Variable inner = sum(product, 1);
  const Variable fused_share = apply_one(
      std::make_shared<FusedRowsOp>(
          1, std::vector{step_of(total, {0}, false, true), step_of(share, {0, 1}, true, false)}, 1),
      {x});
  const Variable fused_inner = apply_one(
      std::make_shared<FusedRowsOp>(
          2, std::vector{step_of(product, {0, 1}, true, false), step_of(inner, {2}, false, true)},
          1),
      {x, y});
  return {{{share}, {fused_share}}, {{inner}, {fused_inner}}};
}

// Totals that are needed besides; columns; rows of two kinds; a reduction alone.
std::vector<Variables> counterexamples() {
  const Variable x = matrix("x");
  const Variable total = sum(x, 1, true);
  const Variable t = tensor3("t");
  return {{x / total, total}, {sum(x * x, 0)}, {sum(sum(t, 2, true), 1)}, {exp(sum(x, 1))}};
}

const GraphPassRegistrar row_fusion(
    {.name = "row_fusion",
     .phase = Phase::kFuseRows,
     .why = "a row is read once, and what lies between its reductions stays in cache",
     .run = fuse,
     .examples = examples,
     .counterexamples = counterexamples,
     // A long row by itself is otherwise summed in slices.
     .exactness = Exactness::kReassociates,
     .why_not = why_not});

}  // namespace
}  // namespace bitale
