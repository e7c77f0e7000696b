// Reductions of what is moved or negated.

#include <algorithm>
#include <memory>
#include <numeric>

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/patterns.h"
#include "ops/rewrites/reduction_patterns.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// --- Views ---------------------------------------------------------------------------------------

// A reduction over all axes of a reshape that cannot fail at a call.
std::optional<Variables> below_reshape(const Apply& apply, const Apply& inner,
                                       const RuleContext& context) {
  const ReduceOp& op = reduction_of(apply);
  const Variable& x = inner.input(0);
  if (static_cast<int64_t>(op.axes().size()) != apply.input(0).rank() || op.keepdims()) {
    return context.refuse("an axis of the reshaped operand is kept", &inner);
  }
  const auto& lengths = dynamic_cast<const ReshapeOp&>(inner.op()).lengths();
  const bool flattens = lengths.size() == 1 && lengths[0] == kInferredLength;
  if (!flattens && !(x.type().all_fixed() && apply.input(0).type().all_fixed())) {
    return context.refuse("the reshape checks the lengths at the call", &inner);
  }
  std::vector<int64_t> axes(static_cast<size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  return replace_with(apply, reduce(op.kind(), x, axes, false));
}

// Over the operand's own axes, in its order; the rest of the dimshuffle follows.
std::optional<Variables> below_dimshuffle(const Apply& apply, const Apply& inner) {
  const ReduceOp& op = reduction_of(apply);
  const Variable& x = inner.input(0);
  const auto& order = dynamic_cast<const DimshuffleOp&>(inner.op()).order();
  std::vector<int64_t> axes;
  for (const int64_t axis : op.axes()) {
    const int64_t own = order[static_cast<size_t>(axis)];
    if (own != kNewAxis) axes.push_back(own);
  }
  std::sort(axes.begin(), axes.end());
  if (axes.empty() && x.dtype() != apply.output(0).dtype()) return std::nullopt;
  std::vector<int64_t> place(static_cast<size_t>(x.rank()));  // of an axis in the reduced operand
  int64_t next = 0;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    place[static_cast<size_t>(axis)] = next;
    next += contains(axes, axis) ? 0 : 1;
  }
  std::vector<int64_t> rest;
  for (size_t axis = 0; axis < order.size(); ++axis) {
    if (contains(op.axes(), static_cast<int64_t>(axis))) {
      if (op.keepdims()) rest.push_back(kNewAxis);
    } else {
      rest.push_back(order[axis] == kNewAxis ? kNewAxis : place[static_cast<size_t>(order[axis])]);
    }
  }
  const Variable reduced = axes.empty() ? x : reduce(op.kind(), x, axes, false);
  std::vector<int64_t> kept(static_cast<size_t>(reduced.rank()));
  std::iota(kept.begin(), kept.end(), 0);
  return replace_with(apply, rest == kept ? reduced : dimshuffle(reduced, rest));
}

std::optional<Variables> reduce_below_view(const Apply& apply, const RuleContext& context) {
  const Apply* inner = made_by(apply.input(0), "dimshuffle");
  if (inner != nullptr) return below_dimshuffle(apply, *inner);
  inner = made_by(apply.input(0), "reshape");
  return inner != nullptr ? below_reshape(apply, *inner, context) : std::nullopt;
}

Examples view_examples(Variable (*build)(Operand, Axes, bool)) {
  const Variable x = matrix("x"), t = tensor3("t");
  return {{{build(transpose(x), 0, false)}, {build(x, 1, false)}},
          {{build(transpose(x), Axes::all(), false)}, {build(x, Axes::all(), false)}},
          {{build(transpose(t), 0, false)}, {transpose(build(t, 2, false))}},
          {{build(dimshuffle(x, {1, 'x', 0}), 2, true)},
           {dimshuffle(build(x, 0, false), {0, 'x', 'x'})}},
          {{build(dimshuffle(x, {0, 'x', 1}), 1, false)}, {x}},
          {{build(reshape(t, {-1}), 0, false)}, {build(t, Axes::all(), false)}}};
}
Graphs view_counterexamples(Variable (*build)(Operand, Axes, bool)) {
  const Variable x = matrix("x");
  return {{build(x, 0, false)},
          {build(reshape(x, {3, -1}), 0, false)},
          {build(reshape(x, {3, 3}), Axes::all(), false)}};
}

constexpr Rule kSumOfView = {.name = "sum_of_view",
                             .why = "terms need not be moved before they are added",
                             .op = "sum",
                             .apply = reduce_below_view,
                             .examples = [] { return view_examples(sum); },
                             .counterexamples = [] { return view_counterexamples(sum); },
                             .exactness = Exactness::kReassociates};
constexpr Rule kProdOfView = {.name = "prod_of_view",
                              .why = "factors need not be moved before they are multiplied",
                              .op = "prod",
                              .apply = reduce_below_view,
                              .examples = [] { return view_examples(prod); },
                              .counterexamples = [] { return view_counterexamples(prod); },
                              .exactness = Exactness::kReassociates};
constexpr Rule kMaxOfView = {.name = "max_of_view",
                             .why = "the largest element is that in any arrangement",
                             .op = "max",
                             .apply = reduce_below_view,
                             .examples = [] { return view_examples(max); },
                             .counterexamples = [] { return view_counterexamples(max); }};
constexpr Rule kMinOfView = {.name = "min_of_view",
                             .why = "the smallest element is that in any arrangement",
                             .op = "min",
                             .apply = reduce_below_view,
                             .examples = [] { return view_examples(min); },
                             .counterexamples = [] { return view_counterexamples(min); }};

// --- Negated operands and kept orders
// -------------------------------------------------------------

// The other extremum of what is negated.
template <ReduceKind other, bool of_position>
std::optional<Variables> turn(const Apply& apply, const RuleContext&) {
  const Apply* inner = elementwise_named(apply.input(0), "neg");
  // The least integer is its own negative.
  if (inner == nullptr || !is_floating(inner->input(0).dtype())) return std::nullopt;
  const ReduceOp& op = reduction_of(apply);
  const Variable found = reduce(other, inner->input(0), op.axes(), op.keepdims());
  return replace_with(apply, of_position ? found : neg(found));
}

constexpr Rule kMaxOfNeg = {
    .name = "max_of_neg",
    .why = "the largest of -x is the smallest of x, negated (but for the sign of a zero)",
    .op = "max",
    .apply = turn<ReduceKind::kMin, false>,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{max(-x, 1)}, {-min(x, 1)}}, {{max(-x)}, {-min(x)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{max(matrix("x"))}, {max(-ivector("i"))}};
        },
    .exactness = Exactness::kReassociates};
constexpr Rule kMinOfNeg = {
    .name = "min_of_neg",
    .why = "the smallest of -x is the largest of x, negated (but for the sign of a zero)",
    .op = "min",
    .apply = turn<ReduceKind::kMax, false>,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{min(-x, 0, true)}, {-max(x, 0, true)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{min(matrix("x"))}, {min(-ivector("i"))}};
        },
    .exactness = Exactness::kReassociates};
constexpr Rule kArgmaxOfNeg = {.name = "argmax_of_neg",
                               .why = "the largest of -x stands where the smallest of x does",
                               .op = "argmax",
                               .apply = turn<ReduceKind::kArgmin, true>,
                               .examples =
                                   [] {
                                     const Variable x = matrix("x");
                                     return Examples{{{argmax(-x, 1)}, {argmin(x, 1)}}};
                                   },
                               .counterexamples =
                                   [] {
                                     return Graphs{{argmax(matrix("x"))}, {argmax(-ivector("i"))}};
                                   }};
constexpr Rule kArgminOfNeg = {.name = "argmin_of_neg",
                               .why = "the smallest of -x stands where the largest of x does",
                               .op = "argmin",
                               .apply = turn<ReduceKind::kArgmax, true>,
                               .examples =
                                   [] {
                                     const Variable x = matrix("x");
                                     return Examples{{{argmin(-x, 1)}, {argmax(x, 1)}}};
                                   },
                               .counterexamples =
                                   [] {
                                     return Graphs{{argmin(matrix("x"))}, {argmin(-ivector("i"))}};
                                   }};

// A position along the axis of a softmax, which keeps the order of its operand.
std::optional<Variables> below_softmax(const Apply& apply, const RuleContext& context) {
  const Apply* inner = apply.input(0).owner();
  const auto* op = inner != nullptr ? dynamic_cast<const SoftmaxOp*>(&inner->op()) : nullptr;
  if (op == nullptr || inner->inputs().size() != 1) return std::nullopt;
  const ReduceOp& search = reduction_of(apply);
  if (search.axes() != std::vector<int64_t>{op->axis()}) {
    return context.refuse("elements of several rows are compared", inner);
  }
  return replace_with(apply,
                      reduce(search.kind(), inner->input(0), search.axes(), search.keepdims()));
}

constexpr Rule kArgmaxOfSoftmax = {
    .name = "argmax_of_softmax",
    .why = "the likeliest class has the largest logit: no probabilities are needed",
    .op = "argmax",
    .apply = below_softmax,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{argmax(softmax(x), 1)}, {argmax(x, 1)}},
                          {{argmax(log_softmax(x, 0), 0, true)}, {argmax(x, 0, true)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{argmax(softmax(x), 0)}, {argmax(softmax(x))}, {argmax(exp(x), 1)}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kArgmaxOfSoftmax, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSumOfView, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kProdOfView, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMaxOfView, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMinOfView, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMaxOfNeg, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMinOfNeg, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kArgmaxOfNeg, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kArgminOfNeg, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
