// Softmaxes of operands that are shifted by hand.

#include <cmath>

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "ops/rewrites/patterns.h"
#include "ops/shape/dimshuffle.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// Whether `shift`, as it meets x, is the largest of each row of x along the axis.
bool is_row_maximum(const Variable& shift, const Variable& x, int64_t axis) {
  const Apply* maker = shift.owner();
  bool has_axis = shift.rank() == x.rank();
  if (const Apply* view = made_by(shift, "dimshuffle")) {
    const auto& order = dynamic_cast<const DimshuffleOp&>(view->op()).order();
    int64_t place = 0;
    for (int64_t i = 0; i < static_cast<int64_t>(order.size()); ++i) {
      if (order[static_cast<size_t>(i)] != (i == axis ? kNewAxis : place++)) return false;
    }
    maker = view->input(0).owner();
    if (view->input(0).rank() + 1 != x.rank()) return false;
    has_axis = false;
  } else if (!has_axis && axis != 0) {
    return false;  // aligned at the last axis, it would meet other rows
  }
  if (maker == nullptr || maker->op().name() != "max" || maker->input(0) != x) return false;
  const auto& op = dynamic_cast<const ReduceOp&>(maker->op());
  return op.axes() == std::vector<int64_t>{axis} && op.keepdims() == has_axis;
}

// What `shifted` is but for a number, or for the largest element of each row, with which a row that
// is not finite gives NaN either way. Not defined() for anything else.
Variable without_shift(const Variable& shifted, int64_t axis) {
  if (const Apply* total = elementwise_named(shifted, "add")) {
    for (size_t i = 0; i < 2; ++i) {
      const std::optional<double> number = scalar_number(total->input(1 - i));
      if (number && std::isfinite(*number)) return total->input(i);
    }
  }
  const Apply* difference = elementwise_named(shifted, "sub");
  if (difference == nullptr || !as_elementwise(*difference)->is_whole(0)) return {};
  const Variable& x = difference->input(0);
  return is_row_maximum(difference->input(1), x, axis) ? x : Variable();
}

std::optional<Variables> of_unshifted(const Apply& apply, const RuleContext&) {
  const auto& op = dynamic_cast<const SoftmaxOp&>(apply.op());
  const Variable x = without_shift(apply.input(0), op.axis());
  if (!x.defined()) return std::nullopt;
  return replace_with(apply, apply_one(apply.shared_op(), {x}));
}

Examples shifted_examples(Variable (*build)(Operand, int64_t)) {
  const Variable x = matrix("x");
  return {{{build(x - max(x, 1, true), 1)}, {build(x, 1)}},
          {{build(x - dimshuffle(max(x, 1), {0, 'x'}), 1)}, {build(x, 1)}},
          {{build(x - max(x, 0), 0)}, {build(x, 0)}},
          {{build(x + 3, 1)}, {build(x, 1)}}};
}
Graphs shifted_counterexamples(Variable (*build)(Operand, int64_t)) {
  const Variable x = matrix("x"), y = matrix("y");
  return {{build(x - max(x, 0, true), 1)},
          {build(x - max(x, 0), 1)},
          {build(x - max(x), 1)},
          {build(x - max(y, 1, true), 1)},
          {build(x - scalar("s"), 1)}};
}

constexpr Rule kSoftmax = {
    .name = "softmax_of_shifted",
    .why = "softmax subtracts the largest of each row itself, and knows no other shift",
    .op = "softmax",
    .apply = of_unshifted,
    .examples = [] { return shifted_examples(softmax); },
    .counterexamples = [] { return shifted_counterexamples(softmax); },
    .exactness = Exactness::kReassociates};
constexpr Rule kLogSoftmax = {
    .name = "log_softmax_of_shifted",
    .why = "log_softmax subtracts the largest of each row itself, and knows no other shift",
    .op = "log_softmax",
    .apply = of_unshifted,
    .examples = [] { return shifted_examples(log_softmax); },
    .counterexamples = [] { return shifted_counterexamples(log_softmax); },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kSoftmax, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLogSoftmax, Phase::kStabilize)),
};

}  // namespace
}  // namespace bitale
