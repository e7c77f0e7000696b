#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/graph/inputs.h"
#include "core/rewrite/rule.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/fused_elementwise_internal.h"
#include "ops/reduction/fused_folds_internal.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

// How many values above a reduction's operand are looked at for one that it shares with another.
constexpr size_t kMostAncestors = 16;

bool is_single_or_double(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

// The reduction if it takes other axes than the last ones alone, which rows are made of.
const ReduceOp* as_fold(const Apply& apply) {
  const auto* op = dynamic_cast<const ReduceOp*>(&apply.op());
  if (op == nullptr || op->axes().empty()) return nullptr;
  const bool by_vectors = op->kind() == ReduceKind::kSum || op->kind() == ReduceKind::kProd ||
                          op->kind() == ReduceKind::kMax || op->kind() == ReduceKind::kMin;
  const auto count = static_cast<int64_t>(op->axes().size());
  if (!by_vectors || op->axes().front() == apply.input(0).rank() - count) return nullptr;
  return is_single_or_double(apply.input(0).dtype()) ? op : nullptr;
}

bool can_join(const Apply& apply) {
  const DType dtype = apply.output(0).dtype();
  return apply.output_count() == 1 && as_elementwise(apply) != nullptr && can_join_group(apply) &&
         (is_single_or_double(dtype) || dtype == DType::kBool);
}

bool reads_whole(const Apply& user, size_t operand) {
  const ElementwiseOp& op = *as_elementwise(user);
  return op.is_whole(operand) && op.needs_elements(operand);
}

// Whether computing it again costs less than reading it: one simple step from one whole operand at
// most.
bool is_cheap(const Apply& apply) {
  constexpr std::array<std::string_view, 7> kSimple = {"abs", "add", "cast", "mul",
                                                       "neg", "sqr", "sub"};
  if (std::ranges::find(kSimple, apply.op().name()) == kSimple.end()) return false;
  size_t whole = 0;
  for (size_t k = 0; k < apply.inputs().size(); ++k) {
    const bool is_repeat = k > 0 && apply.input(k) == apply.input(k - 1);
    if (reads_whole(apply, k) && !is_repeat) ++whole;
  }
  return whole <= 1;
}

// Reductions that no path leads between, over the same axes of one shape, and what they are made
// of. Both in the order of the graph.
struct Group {
  int level = 0;
  std::vector<Apply*> folds = {};
  std::vector<Apply*> members = {};
};

using Order = absl::flat_hash_map<const Apply*, size_t>;

// Each reduction has a level, above those of all reductions that lead to it. So of those at one
// level none leads to another; and a node that is made of several of them closes no cycle, for
// every path from it to another such node comes to a higher level.
class Planner {
 public:
  explicit Planner(const FunctionGraph& graph) : graph_(graph) {
    const std::vector<Apply*> order = graph.topological_order();
    if (std::ranges::none_of(order,
                             [](const Apply* apply) { return as_fold(*apply) != nullptr; })) {
      return;
    }
    for (Apply* apply : order) order_[apply] = order_.size();
    const std::vector<int> levels = lowest_levels(order);
    const std::vector<int> limits = highest_levels(order, levels);
    // Those that may be moved join the others.
    for (const bool movable : {false, true}) {
      for (size_t i = 0; i < order.size(); ++i) {
        if (as_fold(*order[i]) == nullptr || (limits[i] > levels[i]) != movable) continue;
        add(order[i], levels[i], limits[i]);
      }
    }
    for (Group& group : groups_) take_in(group);
  }

  const std::vector<Group>& groups() const { return groups_; }

 private:
  // What has the shape of the reduction's operand and lies above it, as far as it is looked at.
  static Variables ancestors(const Apply& fold) {
    Variables found = {fold.input(0)};
    for (size_t i = 0; i < found.size() && found.size() < kMostAncestors; ++i) {
      const Apply* owner = found[i].owner();
      if (owner == nullptr || !can_join(*owner)) continue;
      for (size_t k = 0; k < owner->inputs().size(); ++k) {
        if (reads_whole(*owner, k)) found.push_back(owner->input(k));
      }
    }
    return found;
  }

  // One more than the reductions that lie on the way to a node at most.
  std::vector<int> lowest_levels(const std::vector<Apply*>& order) const {
    std::vector<int> levels;
    for (const Apply* apply : order) {
      int level = 0;
      for (const Variable& input : apply->inputs()) {
        if (input.owner() == nullptr) continue;
        const size_t producer = order_.at(input.owner());
        level = std::max(level, levels[producer] + (as_fold(*order[producer]) != nullptr ? 1 : 0));
      }
      levels.push_back(level);
    }
    return levels;
  }

  // The level to which a reduction may be moved while all that it leads to stay where they are, at
  // most. A node that leads to none has no limit.
  std::vector<int> highest_levels(const std::vector<Apply*>& order,
                                  const std::vector<int>& levels) const {
    std::vector<int> limits(order.size(), *std::ranges::max_element(levels));
    for (size_t i = order.size(); i-- > 0;) {
      for (const Variable& output : order[i]->outputs()) {
        for (const Use& use : graph_.uses(output)) {
          if (use.user == nullptr) continue;
          const size_t user = order_.at(use.user);
          const bool folds = as_fold(*use.user) != nullptr;
          limits[i] = std::min(limits[i], folds ? levels[user] - 1 : limits[user]);
        }
      }
    }
    return limits;
  }

  // Into a group with which it has axes and an ancestor in common, at one of these levels, or into
  // one of its own.
  void add(Apply* fold, int lowest, int highest) {
    const Variables above = ancestors(*fold);
    const size_t own = groups_.size();
    size_t to = own;
    for (const Variable& v : above) {
      for (const size_t i : groups_of_[v]) {
        const Group& group = groups_[i];
        if (group.level < lowest || group.level > highest) continue;
        if (group.folds.size() == FusedFoldsOp::kMostFolds) continue;
        if (as_fold(*group.folds[0])->axes() == as_fold(*fold)->axes()) to = std::min(to, i);
      }
    }
    if (to == own) groups_.push_back({.level = lowest});
    groups_[to].folds.push_back(fold);
    for (const Variable& v : above) {
      std::vector<size_t>& known = groups_of_[v];
      if (known.empty() || known.back() != to) known.push_back(to);
    }
  }

  // Users before producers: a node joins if the group alone reads it, or if it is cheap and others
  // that read it may compute it again too.
  void take_in(Group& group) const {
    absl::flat_hash_set<const Apply*> joined(group.folds.begin(), group.folds.end());
    std::set<std::pair<size_t, Apply*>> open;  // by place in the order
    const auto open_producer = [&](const Variable& v) {
      if (v.owner() != nullptr && can_join(*v.owner()))
        open.emplace(order_.at(v.owner()), v.owner());
    };
    for (const Apply* fold : group.folds) open_producer(fold->input(0));
    size_t input_count = group.folds.size();
    while (!open.empty()) {
      Apply* const apply = std::prev(open.end())->second;
      open.erase(std::prev(open.end()));
      if (!may_join(*apply, joined) || !has_room(group.members.size(), input_count, *apply))
        continue;
      joined.insert(apply);
      group.members.push_back(apply);
      input_count += apply->inputs().size();
      for (size_t k = 0; k < apply->inputs().size(); ++k) {
        if (reads_whole(*apply, k)) open_producer(apply->input(k));
      }
    }
    std::ranges::reverse(group.members);
  }

  bool may_join(const Apply& apply, const absl::flat_hash_set<const Apply*>& joined) const {
    bool is_shared = false;
    for (const Use& use : graph_.uses(apply.output(0))) {
      if (use.user != nullptr && joined.contains(use.user)) {
        if (as_fold(*use.user) == nullptr && !reads_whole(*use.user, use.index)) return false;
        continue;
      }
      is_shared = true;
      if (use.user == nullptr || !computes_anew(*use.user)) return false;
    }
    return !is_shared || is_cheap(apply);
  }

  // Whether the user is likely to be fused with what it reads.
  static bool computes_anew(const Apply& user) {
    return as_fold(user) != nullptr || can_join(user);
  }

  const FunctionGraph& graph_;
  Order order_;
  absl::flat_hash_map<Variable, std::vector<size_t>> groups_of_;  // by ancestors of reductions
  std::vector<Group> groups_;
};

// Why a group gains nothing as one node; null where it does.
const char* why_no_gain(const Group& group) {
  if (!group.members.empty()) return nullptr;
  absl::flat_hash_set<Variable> operands;
  for (const Apply* fold : group.folds) {
    if (!operands.insert(fold->input(0)).second) return nullptr;
  }
  return "what it reduces is no elementwise value of its own, and nothing else reduces it";
}

void replace_group(FunctionGraph& graph, const Group& group) {
  Variables operands;
  for (const Apply* fold : group.folds) operands.push_back(fold->input(0));
  NumberedGroup numbered(group.members, operands);
  std::vector<FusedStep> folds;
  for (const Apply* fold : group.folds) {
    folds.push_back(
        {fold->shared_op(), {numbered.numbers.at(fold->input(0))}, fold->output(0).type()});
  }
  FixedSiteScope scope(group.folds.front()->site());
  const Variables fused =
      apply_op(std::make_shared<FusedFoldsOp>(numbered.inputs.size(), std::move(numbered.steps),
                                              std::move(folds)),
               numbered.inputs);
  std::vector<FunctionGraph::Replacement> pairs;
  for (size_t i = 0; i < fused.size(); ++i) {
    pairs.push_back({group.folds[i]->output(0), fused[i]});
  }
  graph.replace(pairs, "fold_fusion");
}

bool fuse(FunctionGraph& graph) {
  bool changed = false;
  const Planner planner(graph);
  for (const Group& group : planner.groups()) {
    if (why_no_gain(group) != nullptr) continue;
    replace_group(graph, group);
    changed = true;
  }
  return changed;
}

const char* why_not(const FunctionGraph& graph, const Apply& apply) {
  const Planner planner(graph);
  for (const Group& group : planner.groups()) {
    if (std::ranges::find(group.folds, &apply) != group.folds.end()) return why_no_gain(group);
    if (std::ranges::find(group.members, &apply) != group.members.end()) return nullptr;
  }
  if (can_join(apply)) return "no reduction over leading axes is made of it, or others read it too";
  return "it is no elementwise node and no reduction over other axes than the last ones";
}

FusedStep step_of(const Variable& v, std::vector<int> operands) {
  return {v.owner()->shared_op(), std::move(operands), v.type()};
}

std::vector<RuleExample> examples() {
  const Variable x = matrix("x");
  const Variable y = matrix("y");
  const Variable product = x * y;
  const Variable total = sum(y, 0);
  const Variable inner = sum(product, 0);
  const Variables fused = apply_op(
      std::make_shared<FusedFoldsOp>(2, std::vector{step_of(product, {0, 1})},
                                     std::vector{step_of(total, {1}), step_of(inner, {2})}),
      {x, y});
  const Variable high = max(x, 0);
  const Variable low = min(x, 0);
  const Variables extremes =
      apply_op(std::make_shared<FusedFoldsOp>(1, std::vector<FusedStep>(),
                                              std::vector{step_of(high, {0}), step_of(low, {0})}),
               {x});
  return {{{total, inner}, fused}, {{high, low}, extremes}};
}

// Sums of rows; one sum by itself; a value that is needed besides; reductions of different axes.
std::vector<Variables> counterexamples() {
  const Variable x = matrix("x"), t = tensor3("t");
  const Variable power = exp(x);
  return {{sum(x * x, 1)}, {sum(x, 0)}, {sum(power, 0), power}, {max(t, 0), min(t, 1)}};
}

const GraphPassRegistrar fold_fusion(
    {.name = "fold_fusion",
     .phase = Phase::kFuseFolds,
     .why = "what is reduced over leading axes stays in cache, and several sums read it once",
     .run = fuse,
     .examples = examples,
     .counterexamples = counterexamples,
     .exactness = Exactness::kReassociates,
     .why_not = why_not});

}  // namespace
}  // namespace bitale
