// Pullbacks and pushforwards of the reductions.

#include "ops/creation/arange.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/products_of_others_internal.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/shape_item.h"

namespace bitale {
namespace {

// Where `x` has the element that its max or min takes.
Variable taken(ReduceKind kind, const Variable& x, const std::vector<int64_t>& axes) {
  const ReduceKind search = kind == ReduceKind::kMax ? ReduceKind::kArgmax : ReduceKind::kArgmin;
  return eq(positions(x, axes), reduce(search, x, axes, true));
}

bool is_differentiable(const ReduceOp& op, const Variable& x) {
  const ReduceKind kind = op.kind();
  return is_floating(x.dtype()) && (kind == ReduceKind::kSum || kind == ReduceKind::kProd ||
                                    kind == ReduceKind::kMax || kind == ReduceKind::kMin);
}

}  // namespace

Variable positions(const Variable& x, const std::vector<int64_t>& axes) {
  Variable result;
  for (int64_t axis : axes) {
    const ShapeItem length = length_of(x, axis);
    std::vector<int64_t> order(static_cast<size_t>(x.rank()), kNewAxis);
    order[static_cast<size_t>(axis)] = 0;
    const Variable along = dimshuffle(arange(length), order);
    if (!result.defined()) {
      result = along;
    } else {
      result = result * length.as_variable() + along;
    }
  }
  return result;
}

Variable restore_axes(const Variable& reduced, const std::vector<int64_t>& axes) {
  if (axes.empty()) return reduced;
  std::vector<int64_t> order;
  size_t next = 0;
  int64_t from = 0;
  const int64_t rank = reduced.rank() + static_cast<int64_t>(axes.size());
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (next < axes.size() && axes[next] == axis) {
      order.push_back(kNewAxis);
      ++next;
    } else {
      order.push_back(from++);
    }
  }
  return dimshuffle(reduced, order);
}

Variables ReduceOp::pullback(const PullbackContext& context) const {
  const Variable& x = context.inputs[0];
  const Variable& g = context.output_gradients[0];
  if (!g.defined() || !is_differentiable(*this, x)) return {Variable()};
  if (axes_.empty()) return {g};
  const Variable wide = keepdims_ ? g : restore_axes(g, axes_);
  if (kind_ == ReduceKind::kSum) return {broadcast_like(wide, x)};
  if (kind_ == ReduceKind::kProd) return {wide * products_of_others(x, axes_)};
  return {where(taken(kind_, x, axes_), wide, 0)};
}

Variables ReduceOp::pushforward(const PushforwardContext& context) const {
  const Variable& x = context.inputs[0];
  Variable t = context.tangents[0];
  if (!t.defined() || !is_differentiable(*this, x)) return {Variable()};
  if (axes_.empty()) return {t};
  if (kind_ == ReduceKind::kProd) t = t * products_of_others(x, axes_);
  if (kind_ == ReduceKind::kMax || kind_ == ReduceKind::kMin) {
    t = where(taken(kind_, x, axes_), t, 0);
  }
  return {reduce(ReduceKind::kSum, t, axes_, keepdims_)};
}

}  // namespace bitale
