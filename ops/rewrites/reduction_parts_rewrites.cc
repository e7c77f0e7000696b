// Reductions of what is repeated, joined from parts, or zero but for one part.

#include <memory>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/part_patterns.h"
#include "ops/rewrites/reduction_patterns.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/concatenate_op.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

constexpr const char* kNarrow = "a narrow sum would be rounded otherwise";

bool is_extremum(ReduceKind kind) { return kind == ReduceKind::kMax || kind == ReduceKind::kMin; }

// --- Repeated terms ------------------------------------------------------------------------------

// Numbers of factors are exact as float32 up to here.
constexpr int64_t kMostFactors = int64_t{1} << 24;

// Whether a reduction of so many equal elements is a function of the element alone. An extremum of
// none is an error at the call.
bool reduces_alone(ReduceKind kind, const ShapeItem& length) {
  if (kind == ReduceKind::kSum) return true;
  return length.is_static() && length.length() > 0 && length.length() <= kMostFactors;
}

// Of `count` equal elements x.
Variable reduced_repeats(ReduceKind kind, const Variable& x, const ShapeItem& count) {
  if (is_extremum(kind)) return x;
  const Variable number = cast(count.as_variable(), x.dtype());
  return kind == ReduceKind::kSum ? mul(x, number) : pow(x, number);
}

std::optional<Variables> count_repeated_terms(const Apply& apply, const RuleContext& context) {
  const ReduceOp& op = reduction_of(apply);
  const Apply* inner = made_by(apply.input(0), "broadcast_to");
  if (inner == nullptr) return std::nullopt;
  const Variable& x = inner->input(0);
  const DType dtype = apply.output(0).dtype();
  if (!is_extremum(op.kind())) {
    if (x.rank() == 0 && op.kind() == ReduceKind::kSum) return std::nullopt;  // see sum_of_fill
    if (x.dtype() != dtype || dtype == DType::kFloat16 || dtype == DType::kBFloat16) {
      return context.refuse(kNarrow, inner);
    }
    if (op.kind() == ReduceKind::kProd && !is_floating(dtype)) return std::nullopt;
  }
  const auto& lengths = dynamic_cast<const BroadcastToOp&>(inner->op()).lengths();
  const auto lead = static_cast<int64_t>(lengths.size()) - x.rank();
  ShapeItem count = 1;
  ShapeItems items;            // of the axes that stay, or are reduced by themselves
  std::vector<int64_t> axes;   // that are reduced by themselves
  std::vector<int64_t> order;  // of x without the axes of length 1 whose repeats are counted
  bool any_repeated = false;
  size_t operand = 1;
  for (int64_t axis = 0; axis < static_cast<int64_t>(lengths.size()); ++axis) {
    const int64_t entry = lengths[static_cast<size_t>(axis)];
    const ShapeItem length =
        entry == kSymbolicLength ? ShapeItem(inner->input(operand++)) : ShapeItem(entry);
    const bool is_new = axis < lead;
    const bool one = !is_new && x.type().dims[static_cast<size_t>(axis - lead)] == Dim(1);
    const bool repeated =
        (is_new || (one && entry != kInferredLength)) && reduces_alone(op.kind(), length);
    if (!contains(op.axes(), axis) || !repeated) {
      if (contains(op.axes(), axis)) axes.push_back(static_cast<int64_t>(items.size()));
      items.push_back(length);
      if (!is_new) order.push_back(axis - lead);
      continue;
    }
    any_repeated = true;
    count = multiply_lengths(count, length);
    if (op.keepdims()) {
      items.push_back(1);
      if (!is_new) order.push_back(axis - lead);
    }
  }
  if (!any_repeated) return context.refuse("no axis that surely repeats is reduced", inner);
  Variable rest = x;
  if (static_cast<int64_t>(order.size()) != x.rank()) rest = dimshuffle(x, order);
  if (items.size() > 0) rest = broadcast_to(rest, std::move(items));
  if (!axes.empty()) rest = reduce(op.kind(), rest, axes, op.keepdims());
  return replace_with(apply, reduced_repeats(op.kind(), rest, count));
}

constexpr Rule kSumOfBroadcast = {
    .name = "sum_of_broadcast",
    .why = "the sum of a repeated term is the term times their number",
    .op = "sum",
    .apply = count_repeated_terms,
    .examples =
        [] {
          const Variable v = vector("v"), x = matrix("x"), r = row("r");
          const Variable rows = cast(length_of(x, 0).as_variable(), v.dtype());
          return Examples{
              {{sum(broadcast_like(v, x), 0)}, {broadcast_to(v, {length_of(x, 1)}) * rows}},
              {{sum(broadcast_to(r, {4, -1}), 0)}, {broadcast_to(dimshuffle(r, {1}), {-1}) * 4}},
              {{sum(broadcast_to(v, {4, 3}))}, {sum(broadcast_to(v, {3})) * 4}},
              {{sum(broadcast_to(r, {4, -1}), 0, true)}, {broadcast_to(r, {1, -1}) * 4}}};
        },
    .counterexamples =
        [] {
          const Variable v = vector("v"), x = matrix("x");
          return Graphs{{sum(broadcast_like(v, x), 1)}, {sum(x, 0)}};
        },
    .exactness = Exactness::kReassociates};

Examples repeated_examples(Variable (*build)(Operand, Axes, bool),
                           Variable (*of_four)(const Variable&)) {
  const Variable v = vector("v"), r = row("r"), s = scalar("s"), n = lscalar("n");
  return {{{build(broadcast_to(v, {4, -1}), 0, false)}, {of_four(broadcast_to(v, {-1}))}},
          {{build(broadcast_to(r, {4, -1}), 0, true)}, {of_four(broadcast_to(r, {1, -1}))}},
          {{build(broadcast_to(v, {4, 3}), Axes::all(), false)},
           {of_four(build(broadcast_to(v, {3}), 0, false))}},
          {{build(broadcast_to(s, {4, n}), 0, false)}, {of_four(broadcast_to(s, {n}))}}};
}
Graphs repeated_counterexamples(Variable (*build)(Operand, Axes, bool)) {
  const Variable v = vector("v"), x = matrix("x");
  return {{build(broadcast_like(v, x), 0, false)},
          {build(broadcast_to(v, {4, -1}), 1, false)},
          {build(broadcast_to(v, {0, -1}), 0, false)},
          {build(x, 0, false)}};
}
Variable unchanged(const Variable& x) { return x; }
Variable to_the_fourth(const Variable& x) {
  return pow(x, cast(scalar_constant_int(DType::kInt64, 4), x.dtype()));
}

constexpr Rule kMaxOfBroadcast = {.name = "max_of_broadcast",
                                  .why = "the largest of a repeated element is that element",
                                  .op = "max",
                                  .apply = count_repeated_terms,
                                  .examples = [] { return repeated_examples(max, unchanged); },
                                  .counterexamples = [] { return repeated_counterexamples(max); }};
constexpr Rule kMinOfBroadcast = {.name = "min_of_broadcast",
                                  .why = "the smallest of a repeated element is that element",
                                  .op = "min",
                                  .apply = count_repeated_terms,
                                  .examples = [] { return repeated_examples(min, unchanged); },
                                  .counterexamples = [] { return repeated_counterexamples(min); }};
constexpr Rule kProdOfBroadcast = {
    .name = "prod_of_broadcast",
    .why = "the product of a repeated factor is a power of it",
    .op = "prod",
    .apply = count_repeated_terms,
    .examples = [] { return repeated_examples(prod, to_the_fourth); },
    .counterexamples = [] { return repeated_counterexamples(prod); },
    .exactness = Exactness::kReassociates};

// --- Joined operands -----------------------------------------------------------------------------

Variable combined(ReduceKind kind, const Variable& a, const Variable& b) {
  if (kind == ReduceKind::kSum) return add(a, b);
  if (kind == ReduceKind::kProd) return mul(a, b);
  return kind == ReduceKind::kMax ? maximum(a, b) : minimum(a, b);
}

std::optional<Variables> reduce_each(const Apply& apply, const RuleContext& context) {
  const Apply* join = made_by(apply.input(0), "concatenate");
  if (join == nullptr) return std::nullopt;
  const ReduceOp& op = reduction_of(apply);
  const int64_t joined = dynamic_cast<const ConcatenateOp&>(join->op()).axis();
  if (!contains(op.axes(), joined)) return context.refuse("the joined axis is kept", join);
  if (context.use_count(apply.input(0)) != 1) {
    return context.refuse("the whole result is needed as well", join);
  }
  Variable total;
  for (const Variable& operand : join->inputs()) {
    for (int64_t axis = 0; axis < operand.rank(); ++axis) {
      if (axis != joined && !same_length(join->input(0), axis, operand, axis)) {
        return context.refuse("lengths that may differ are compared at the call", join);
      }
    }
    const Dim& own = operand.type().dims[static_cast<size_t>(joined)];
    if (is_extremum(op.kind()) && !(own.is_fixed() && own.length() > 0)) {
      return context.refuse("a part may be empty, and has no extremum then", join);
    }
    const Variable part = reduce(op.kind(), operand, op.axes(), op.keepdims());
    total = total.defined() ? combined(op.kind(), total, part) : part;
  }
  return replace_with(apply, total);
}

Examples joined_examples(Variable (*build)(Operand, Axes, bool),
                         Variable (*combine)(Operand, Operand)) {
  const Variable a = tensor(float_x(), {2, 3}, "a"), b = tensor(float_x(), {4, 3}, "b");
  return {
      {{build(concatenate({a, b}), 0, false)}, {combine(build(a, 0, false), build(b, 0, false))}},
      {{build(concatenate({a, b}), Axes::all(), true)},
       {combine(build(a, {0, 1}, true), build(b, {0, 1}, true))}}};
}
Graphs joined_counterexamples(Variable (*build)(Operand, Axes, bool)) {
  const Variable a = tensor(float_x(), {2, 3}, "a"), b = tensor(float_x(), {4, 3}, "b");
  const Variable both = concatenate({a, b});
  return {{build(both, 1, false)},
          {build(both, 0, false), both},
          {build(concatenate({matrix("x"), matrix("y")}), 0, false)}};
}
Graphs extremum_counterexamples(Variable (*build)(Operand, Axes, bool)) {
  Graphs graphs = joined_counterexamples(build);
  graphs.push_back({build(concatenate({vector("v"), vector("w")}), 0, false)});
  return graphs;
}

constexpr Rule kSumOfJoin = {
    .name = "sum_of_concatenate",
    .why = "tensors need not be joined to be summed",
    .op = "sum",
    .apply = reduce_each,
    .examples =
        [] {
          const Variable v = vector("v"), w = vector("w");
          Examples examples = joined_examples(sum, add);
          examples.push_back({{sum(concatenate({v, w}))}, {sum(v) + sum(w)}});
          return examples;
        },
    .counterexamples = [] { return joined_counterexamples(sum); },
    .exactness = Exactness::kReassociates};
constexpr Rule kProdOfJoin = {.name = "prod_of_concatenate",
                              .why = "tensors need not be joined to be multiplied",
                              .op = "prod",
                              .apply = reduce_each,
                              .examples = [] { return joined_examples(prod, mul); },
                              .counterexamples = [] { return joined_counterexamples(prod); },
                              .exactness = Exactness::kReassociates};
constexpr Rule kMaxOfJoin = {
    .name = "max_of_concatenate",
    .why = "tensors need not be joined to find the largest element (but for the sign of a zero)",
    .op = "max",
    .apply = reduce_each,
    .examples = [] { return joined_examples(max, maximum); },
    .counterexamples = [] { return extremum_counterexamples(max); },
    .exactness = Exactness::kReassociates};
constexpr Rule kMinOfJoin = {
    .name = "min_of_concatenate",
    .why = "tensors need not be joined to find the smallest element (but for the sign of a zero)",
    .op = "min",
    .apply = reduce_each,
    .examples = [] { return joined_examples(min, minimum); },
    .counterexamples = [] { return extremum_counterexamples(min); },
    .exactness = Exactness::kReassociates};

// --- One part among zeros ------------------------------------------------------------------------

// The sum of a part alone, over those of its axes that are summed; an axis that is kept is whole.
std::optional<Variables> sum_of_part(const Apply& apply, const RuleContext& context) {
  const Apply* increased = made_by(apply.input(0), "inc_subtensor");
  if (increased == nullptr || !is_uniform(increased->input(0), 0)) return std::nullopt;
  const Variable& around = increased->input(0);
  const Variable& value = increased->input(1);
  if (value.dtype() != apply.output(0).dtype()) return context.refuse(kNarrow, increased);
  const ReduceOp& op = reduction_of(apply);
  const Part part = part_of_write(*increased);
  if (may_raise(part, around)) {
    return context.refuse("an index may be out of range at the call", increased);
  }
  std::vector<int64_t> axes;
  int64_t place = 0;  // in the part
  for (int64_t axis = 0; axis < around.rank(); ++axis) {
    const AxisIndex& index = part[static_cast<size_t>(axis)].index;
    if (index.is_integer) {
      if (!contains(op.axes(), axis) || op.keepdims()) {
        return context.refuse("zeros stay around the part", increased);
      }
      continue;
    }
    if (contains(op.axes(), axis)) {
      axes.push_back(place);
    } else if (!index.is_whole() || !same_length(around, axis, value, place)) {
      return context.refuse("zeros stay around the part", increased);
    }
    ++place;
  }
  return replace_with(apply,
                      axes.empty() ? value : reduce(ReduceKind::kSum, value, axes, op.keepdims()));
}

constexpr Rule kSumOfPart = {
    .name = "sum_of_inc_zeros",
    .why = "zeros around a part add nothing to its sum",
    .op = "sum",
    .apply = sum_of_part,
    .examples =
        [] {
          const Variable g = matrix("g"), v = tensor(float_x(), {3}, "v");
          const Variable around = zeros({5, length_of(g, 1)}, float_x());
          const Variable fixed = zeros({5, 3}, float_x());
          return Examples{{{sum(inc_subtensor(around, {slice(1, 4)}, g), 0)}, {sum(g, 0)}},
                          {{sum(inc_subtensor(fixed, {1}, v), 0)}, {v}},
                          {{sum(inc_subtensor(fixed, {1}, v))}, {sum(v)}}};
        },
    .counterexamples =
        [] {
          const Variable g = matrix("g"), v = tensor(float_x(), {3}, "v"), n = lscalar("n");
          const Variable fixed = zeros({5, 3}, float_x());
          return Graphs{{sum(inc_subtensor(fixed, {1}, v), 1)},
                        {sum(inc_subtensor(fixed, {n}, v), 0)},
                        {sum(inc_subtensor(g, {slice(1, 4)}, g[slice(1, 4)]), 0)}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kSumOfBroadcast, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMaxOfBroadcast, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMinOfBroadcast, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kProdOfBroadcast, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSumOfJoin, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kProdOfJoin, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMaxOfJoin, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMinOfJoin, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSumOfPart, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
