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

// Whether `apply` may join the group that all its uses belong to, and adds it if so.
bool join(const FunctionGraph& graph, Apply* apply, Memberships& memberships) {
  Group* group = nullptr;
  Demand demand;
  const Variable output = apply->output(0);
  for (const Use& use : graph.uses(output)) {
    if (use.user == nullptr) return false;
    const auto it = memberships.find(use.user);
    if (it == memberships.end()) return false;
    const std::optional<Demand> next = demand_of(use, it->second.level, output.rank());
    if (!next) return false;
    if (group == nullptr) {
      group = it->second.group;
      demand = *next;
    } else if (group != it->second.group || demand.level != next->level ||
               !agree(demand.row_axes, next->row_axes)) {
      return false;
    }
    demand.row_axes = std::max(demand.row_axes, next->row_axes);
  }
  if (group == nullptr || !has_room(group->members.size(), group->input_count, *apply)) {
    return false;
  }
  const int64_t own = row_axes_of(*apply);
  if (own > 0 && !as_reduction(*apply)->keepdims()) return false;
  if (!agree(demand.row_axes, own) || !agree(group->row_axes, std::max(demand.row_axes, own))) {
    return false;
  }
  const int lowest = std::min(group->lowest, own > 0 ? demand.level - 1 : demand.level);
  const int highest = std::max(group->highest, demand.level);
  if (highest - lowest > 1) return false;
  group->lowest = lowest;
  group->highest = highest;
  group->row_axes = std::max({group->row_axes, demand.row_axes, own});
  group->members.push_back({apply, demand.level});
  group->input_count += apply->inputs().size();
  memberships[apply] = {group, demand.level};
  return true;
}

// A reduction alone, or of what others made, gains nothing; nor does a group without any.
bool is_worthwhile(const Group& group) {
  bool reduces = false;
  bool computes = false;
  for (const Group::Member& member : group.members) {
    const bool folds = as_reduction(*member.apply) != nullptr;
    reduces = reduces || folds;
    computes = computes || (!folds && member.level == group.lowest);
  }
  return reduces && computes;
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

// One walk from users to producers, as in elementwise fusion: a node joins the group of its users
// if all of them are in one group and read it as whole rows, or all as one number per row. A group
// has one output, which all its members lead to, so fusing it can close no cycle.
bool fuse(FunctionGraph& graph) {
  const std::vector<Apply*> order = graph.topological_order();
  std::vector<std::unique_ptr<Group>> groups;
  Memberships memberships;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    Apply* const apply = *it;
    if (!can_fuse(*apply) || join(graph, apply, memberships)) continue;
    Group* group = groups.emplace_back(std::make_unique<Group>()).get();
    group->row_axes = row_axes_of(*apply);
    if (group->row_axes > 0) group->lowest = -1;
    group->members.push_back({apply, 0});
    group->input_count = apply->inputs().size();
    memberships[apply] = {group, 0};
  }
  bool changed = false;
  for (const auto& group : groups) {
    if (!is_worthwhile(*group)) continue;
    replace_group(graph, *group);
    changed = true;
  }
  return changed;
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
     .exactness = Exactness::kReassociates});

}  // namespace
}  // namespace bitale
