#include "core/graph/operand.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/elementwise_op.h"
#include "ops/elementwise/guarded_gradient_internal.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"

namespace bitale {
namespace {

// Nodes looked at for one gradient: gradients of long sums stay linear to form.
constexpr int kMostSteps = 8;

bool is_zero(const Variable& x) { return x.rank() == 0 && constant_scalar(x) == 0.0; }

// A choice between a gradient and zero, as pullbacks make it.
std::optional<GuardedGradient> choice(const Apply& apply) {
  if (apply.op().name() != "where" || as_elementwise(apply) == nullptr) return std::nullopt;
  if (is_zero(apply.input(2))) return GuardedGradient{apply.input(0), true, apply.input(1)};
  if (is_zero(apply.input(1))) return GuardedGradient{apply.input(0), false, apply.input(2)};
  return std::nullopt;
}

Variable positive(const GuardedGradient& guarded) {
  return guarded.when ? guarded.condition : logical_not(guarded.condition);
}

// `x`, which broadcasts to `like`, with its dims.
Variable whole(const Variable& x, const Variable& like) {
  bool repeats = x.rank() != like.rank();
  for (size_t axis = 0; !repeats && axis < x.type().dims.size(); ++axis) {
    repeats = x.type().dims[axis] == Dim(1) && like.type().dims[axis] != Dim(1);
  }
  return repeats ? broadcast_like(x, like) : x;
}

// The same view of the guard and of what it guards.
std::optional<GuardedGradient> under_view(const Apply& apply, const GuardedGradient& inner) {
  Variables operands(apply.inputs().begin(), apply.inputs().end());
  operands[0] = whole(inner.condition, apply.input(0));
  const Variable condition = apply_one(apply.shared_op(), operands);
  operands[0] = whole(inner.value, apply.input(0));
  return GuardedGradient{condition, inner.when, apply_one(apply.shared_op(), operands)};
}

// Where all summed elements have one guard, it guards the sum.
std::optional<GuardedGradient> under_sum(const Apply& apply, const GuardedGradient& inner) {
  const auto& op = dynamic_cast<const ReduceOp&>(apply.op());
  const Variable& condition = inner.condition;
  const int64_t padding = apply.input(0).rank() - condition.rank();
  std::vector<int64_t> axes;
  for (const int64_t axis : op.axes()) {
    if (axis < padding) continue;
    if (condition.type().dims[static_cast<size_t>(axis - padding)] != Dim(1)) return std::nullopt;
    axes.push_back(axis - padding);
  }
  // Axes of the sum that the condition lacks are aligned from the right only if they come first.
  if (!op.keepdims() && padding > 0 && !condition.type().dims.empty()) return std::nullopt;
  const Variable reduced =
      axes.empty() ? condition : reduce(ReduceKind::kAny, condition, axes, op.keepdims());
  return GuardedGradient{reduced, inner.when, apply.output(0)};
}

std::optional<GuardedGradient> find(const Variable& gradient, int& steps);

// Where neither term counts, neither does the sum.
std::optional<GuardedGradient> under_add(const Apply& apply, int& steps) {
  // The second term is the shorter chain.
  const std::optional<GuardedGradient> second = find(apply.input(1), steps);
  if (!second) return std::nullopt;
  const std::optional<GuardedGradient> first = find(apply.input(0), steps);
  if (!first) return std::nullopt;
  if (first->condition == second->condition && first->when == second->when) {
    return GuardedGradient{first->condition, first->when, add(first->value, second->value)};
  }
  return GuardedGradient{logical_or(positive(*first), positive(*second)), true, apply.output(0)};
}

std::optional<GuardedGradient> find(const Variable& gradient, int& steps) {
  const Apply* apply = gradient.owner();
  if (apply == nullptr || !apply->site().from_gradient || steps-- == 0) return std::nullopt;
  if (const std::optional<GuardedGradient> found = choice(*apply)) return found;
  if (apply->op().name() == "add") return under_add(*apply, steps);
  const bool is_view = apply->op().traits().view;
  if (!is_view && apply->op().name() != "sum") return std::nullopt;
  const std::optional<GuardedGradient> inner = find(apply->input(0), steps);
  if (!inner) return std::nullopt;
  return is_view ? under_view(*apply, *inner) : under_sum(*apply, *inner);
}

}  // namespace

Variable GuardedGradient::guard(const Variable& derived) const {
  const Apply* apply = derived.owner();
  const std::optional<GuardedGradient> own = apply != nullptr ? choice(*apply) : std::nullopt;
  if (own) return where(logical_and(positive(*this), positive(*own)), own->value, 0);
  return when ? where(condition, derived, 0) : where(condition, 0, derived);
}

std::optional<GuardedGradient> find_guard(const Variable& gradient) {
  int steps = kMostSteps;
  return find(gradient, steps);
}

}  // namespace bitale
