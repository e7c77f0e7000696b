// A slice of a result becomes the result of slices: what is not asked for is not computed.
//
// A rule applies only where nobody needs the whole result. Operands whose lengths are compared at a
// call, and may differ, stay whole.

#include <algorithm>
#include <memory>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/rewrites/part_patterns.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/concatenate_op.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

constexpr const char* kNeededWhole = "the whole result is needed as well";
constexpr const char* kNothingSaved = "all elements are taken";
constexpr const char* kLengthsDiffer = "lengths that may differ are compared at the call";

// Whether slices are all that is made of `x`: a single one, or a few rows that together are no more
// work than the whole.
constexpr size_t kMostRows = 4;
bool only_sliced(const Variable& x, const RuleContext& context) {
  const std::span<const Use> uses = context.graph().uses(x);
  if (uses.size() == 1) return true;
  return uses.size() <= kMostRows && std::ranges::all_of(uses, [](const Use& use) {
           if (use.user == nullptr || use.index != 0) return false;
           const auto* op = dynamic_cast<const SubtensorOp*>(&use.user->op());
           return op != nullptr && std::ranges::any_of(op->indices(), &AxisIndex::is_integer);
         });
}

size_t kept_axes(const Part& part) {
  return static_cast<size_t>(
      std::ranges::count_if(part, [](const AxisPart& axis) { return !axis.index.is_integer; }));
}

// --- Elementwise ---------------------------------------------------------------------------------

// What `part` of the result takes of operand `i`: of an axis that is repeated, the only element.
Part part_of_operand(const Apply& apply, size_t i, const Part& part) {
  const ElementwiseOp* op = as_elementwise(apply);
  const int64_t rank = apply.output(0).rank();
  Part own;
  for (int64_t axis = rank - apply.input(i).rank(); axis < rank; ++axis) {
    const AxisPart& of_result = part[static_cast<size_t>(axis)];
    if (!op->broadcasts(i, axis)) {
      own.push_back(of_result);
    } else {
      own.push_back(of_result.index.is_integer ? AxisPart::position(0) : AxisPart::whole());
    }
  }
  return own;
}

// Whether the operands have one length along every axis that is sliced.
bool lengths_agree(const Apply& apply, const Part& part) {
  const ElementwiseOp* op = as_elementwise(apply);
  const Variable result = apply.output(0);
  for (int64_t axis = 0; axis < result.rank(); ++axis) {
    if (part[static_cast<size_t>(axis)].index.is_whole()) continue;
    const Variable* first = nullptr;
    for (const Variable& input : apply.inputs()) {
      const auto i = static_cast<size_t>(&input - apply.inputs().data());
      if (op->broadcasts(i, axis)) continue;
      const int64_t own = axis - (result.rank() - input.rank());
      if (first != nullptr &&
          !same_length(*first, axis - (result.rank() - first->rank()), input, own)) {
        return false;
      }
      if (first == nullptr) first = &input;
    }
  }
  return true;
}

std::optional<Variables> lift_elementwise(const Apply& apply, const RuleContext& context) {
  const Apply* inner = apply.input(0).owner();
  const ElementwiseOp* op = inner != nullptr ? as_elementwise(*inner) : nullptr;
  if (op == nullptr) return std::nullopt;
  const Part part = part_of_subtensor(apply);
  if (!narrows(part)) return context.refuse(kNothingSaved, inner);
  if (!only_sliced(apply.input(0), context)) return context.refuse(kNeededWhole, inner);
  if (!lengths_agree(*inner, part)) return context.refuse(kLengthsDiffer, inner);
  Variables operands;
  BroadcastMasks masks;
  for (size_t i = 0; i < inner->inputs().size(); ++i) {
    operands.push_back(take(inner->input(i), part_of_operand(*inner, i, part)));
    int64_t mask = 0;
    int64_t place = 0;
    for (size_t axis = 0; axis < part.size(); ++axis) {
      if (part[axis].index.is_integer) continue;
      if (op->broadcasts(i, static_cast<int64_t>(axis))) mask |= int64_t{1} << place;
      ++place;
    }
    masks.push_back(mask);
  }
  FixedSiteScope scope(inner->site());
  return replace_with(apply,
                      apply_one(std::make_shared<ElementwiseOp>(op->scalar(), std::move(masks),
                                                                inner->output(0).dtype()),
                                operands));
}

constexpr Rule kElementwise = {
    .name = "subtensor_of_elementwise",
    .why =
        "of what is computed element by element, only what is taken need be; a gradient then "
        "visits nothing else",
    .op = "subtensor",
    .apply = lift_elementwise,
    .examples =
        [] {
          const Variable x = matrix("x"), y = row("y"), s = scalar("s"), v = vector("v");
          const Variable n = lscalar("n");
          const Variable root = sqrt(x);
          return Examples{{{exp(x)[slice(0, 2)]}, {exp(x[slice(0, 2)])}},
                          {{sqrt(x)[{0, 1}]}, {sqrt(x[{0, 1}])}},
                          {{(x * s)[n]}, {x[n] * s}},
                          {{(x - y)[n]}, {x[n] - y[0]}},
                          {{(x + v)[slice(n, none)]}, {x[slice(n, none)] + v}},
                          {{root[0] + root[1]}, {sqrt(x[0]) + sqrt(x[1])}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          const Variable e = exp(x);
          return Graphs{{e[slice(0, 2)], e},
                        {e[slice(1, none)] - e[slice(none, -1)]},
                        {(x + y)[0]},
                        {e[slice(none, none, -1)]},
                        {x[0]}};
        }};

// --- Products and reductions ---------------------------------------------------------------------

constexpr Rule kDot = {
    .name = "subtensor_of_dot",
    .why = "rows of a product are the product of rows, and columns that of columns",
    .op = "subtensor",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* product = made_by(apply.input(0), "dot");
      if (product == nullptr) return std::nullopt;
      const Part part = part_of_subtensor(apply);
      if (!narrows(part)) return context.refuse(kNothingSaved, product);
      if (context.use_count(apply.input(0)) != 1) return context.refuse(kNeededWhole, product);
      Variable left = product->input(0);
      Variable right = product->input(1);
      size_t axis = 0;
      if (left.rank() == 2) left = take(left, {part[axis++], AxisPart::whole()});
      if (right.rank() == 2) right = take(right, {AxisPart::whole(), part[axis]});
      FixedSiteScope scope(product->site());
      return replace_with(apply, dot(left, right));
    },
    .examples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), v = vector("v"), n = lscalar("n");
          return Examples{
              {{dot(a, b)[slice(0, 2)]}, {dot(a[slice(0, 2)], b)}},
              {{dot(a, b)[{n, slice(1, none)}]}, {dot(a[n], b[{slice(), slice(1, none)}])}},
              {{dot(a, v)[0]}, {dot(a[0], v)}},
              {{dot(v, b)[slice(n, none)]}, {dot(v, b[{slice(), slice(n, none)}])}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), b = matrix("b");
          const Variable product = dot(a, b);
          return Graphs{{product[0], product}, {product[slice(none, none, -1)]}};
        },
    .exactness = Exactness::kReassociates};

// What `part` of a stack of products takes of operand i: its own matrices, and of them the rows or
// columns.
Part part_of_stack(const Apply& stack, size_t i, const Part& part) {
  const auto& op = dynamic_cast<const MatmulOp&>(stack.op());
  Part own;
  for (size_t axis = 0; axis + 2 < part.size(); ++axis) {
    if (!op.broadcasts(i, axis)) {
      own.push_back(part[axis]);
    } else {
      own.push_back(part[axis].index.is_integer ? AxisPart::position(0) : AxisPart::whole());
    }
  }
  own.push_back(i == 0 ? part[part.size() - 2] : AxisPart::whole());
  own.push_back(i == 0 ? AxisPart::whole() : part[part.size() - 1]);
  return own;
}

std::optional<Variables> lift_matmul(const Apply& apply, const RuleContext& context) {
  const Apply* stack = made_by(apply.input(0), "matmul");
  if (stack == nullptr) return std::nullopt;
  const auto& op = dynamic_cast<const MatmulOp&>(stack->op());
  const Part part = part_of_subtensor(apply);
  if (!narrows(part)) return context.refuse(kNothingSaved, stack);
  if (context.use_count(apply.input(0)) != 1) return context.refuse(kNeededWhole, stack);
  const size_t rank = part.size();
  const Variable& left = stack->input(0);
  const Variable& right = stack->input(1);
  bool keeps_stack = false;
  for (size_t axis = 0; axis + 2 < rank; ++axis) {
    const auto at = static_cast<int64_t>(axis);
    keeps_stack = keeps_stack || !part[axis].index.is_integer;
    const bool is_compared = !op.broadcasts(0, axis) && !op.broadcasts(1, axis);
    if (!part[axis].index.is_whole() && is_compared && !same_length(left, at, right, at)) {
      return context.refuse(kLengthsDiffer, stack);
    }
  }
  if (keeps_stack && (part[rank - 2].index.is_integer || part[rank - 1].index.is_integer)) {
    return context.refuse("of every product of the stack one row or column is taken", stack);
  }
  FixedSiteScope scope(stack->site());
  const Variable a = take(left, part_of_stack(*stack, 0, part));
  const Variable b = take(right, part_of_stack(*stack, 1, part));
  return replace_with(apply, keeps_stack ? matmul(a, b) : dot(a, b));
}

constexpr Rule kMatmul = {
    .name = "subtensor_of_matmul",
    .why = "of a stack of products, only those that are taken need be computed",
    .op = "subtensor",
    .apply = lift_matmul,
    .examples =
        [] {
          const Variable a = tensor(float_x(), {"batch", Dim(), Dim()}, "a");
          const Variable b = tensor(float_x(), {"batch", Dim(), Dim()}, "b");
          const Variable w = tensor(float_x(), {1, Dim(), Dim()}, "w"), n = lscalar("n");
          return Examples{
              {{matmul(a, b)[slice(0, 2)]}, {matmul(a[slice(0, 2)], b[slice(0, 2)])}},
              {{matmul(a, b)[{n, 0}]}, {dot(a[{n, 0}], b[n])}},
              {{matmul(w, b)[0]}, {dot(w[0], b[0])}},
              {{matmul(a, b)[{slice(), slice(1, none), slice(n, none)}]},
               {matmul(a[{slice(), slice(1, none)}], b[{slice(), slice(), slice(n, none)}])}}};
        },
    .counterexamples =
        [] {
          const Variable a = tensor(float_x(), {"batch", Dim(), Dim()}, "a");
          const Variable b = tensor(float_x(), {"batch", Dim(), Dim()}, "b");
          const Variable product = matmul(a, b);
          return Graphs{{product[0], product},
                        {matmul(a, b)[{slice(), 0}]},
                        {matmul(tensor3("x"), tensor3("y"))[0]}};
        },
    .exactness = Exactness::kReassociates};

std::optional<Variables> lift_reduction(const Apply& apply, const RuleContext& context) {
  const Apply* inner = apply.input(0).owner();
  const auto* op = inner != nullptr ? dynamic_cast<const ReduceOp*>(&inner->op()) : nullptr;
  if (op == nullptr) return std::nullopt;
  const Part part = part_of_subtensor(apply);
  if (!narrows(part)) return context.refuse(kNothingSaved, inner);
  if (context.use_count(apply.input(0)) != 1) return context.refuse(kNeededWhole, inner);
  Part of_operand;
  std::vector<int64_t> axes;
  size_t place = 0;   // in the reduced result
  int64_t after = 0;  // in the sliced operand
  for (int64_t axis = 0; axis < inner->input(0).rank(); ++axis) {
    const bool reduced = std::binary_search(op->axes().begin(), op->axes().end(), axis);
    if (reduced) {
      of_operand.push_back(AxisPart::whole());
      axes.push_back(after);
      if (op->keepdims() && !part[place++].index.is_whole()) {
        return context.refuse("an axis that was reduced is indexed", inner);
      }
    } else {
      of_operand.push_back(part[place++]);
    }
    after += of_operand.back().index.is_integer ? 0 : 1;
  }
  FixedSiteScope scope(inner->site());
  return replace_with(apply,
                      reduce(op->kind(), take(inner->input(0), of_operand), axes, op->keepdims()));
}

constexpr Rule kReduction = {
    .name = "subtensor_of_reduction",
    .why = "only the rows that are taken need be reduced",
    .op = "subtensor",
    .apply = lift_reduction,
    .examples =
        [] {
          const Variable x = tensor3("x"), n = lscalar("n");
          return Examples{{{sum(x, 1)[slice(0, 2)]}, {sum(x[slice(0, 2)], 1)}},
                          {{max(x, {0, 2})[n]}, {max(x[{slice(), n}], {0, 1})}},
                          {{sum(x, 2, true)[1]}, {sum(x[1], 1, true)}},
                          {{argmax(x, 0)[{slice(), slice(n, none)}]},
                           {argmax(x[{slice(), slice(), slice(n, none)}], 0)}}};
        },
    .counterexamples =
        [] {
          const Variable x = tensor3("x");
          const Variable total = sum(x, 1);
          return Graphs{{total[0], total}, {sum(x, 2, true)[{slice(), slice(), 0}]}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kSoftmax = {
    .name = "subtensor_of_softmax",
    .why = "only the rows that are taken need be normalised",
    .op = "subtensor",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* inner = apply.input(0).owner();
      const auto* op = inner != nullptr ? dynamic_cast<const SoftmaxOp*>(&inner->op()) : nullptr;
      if (op == nullptr || inner->inputs().size() != 1) return std::nullopt;
      const Part part = part_of_subtensor(apply);
      if (!part[static_cast<size_t>(op->axis())].index.is_whole()) {
        return context.refuse("what sums to one is cut", inner);
      }
      if (!narrows(part)) return context.refuse(kNothingSaved, inner);
      if (context.use_count(apply.input(0)) != 1) return context.refuse(kNeededWhole, inner);
      const auto axis =
          static_cast<int64_t>(kept_axes(Part(part.begin(), part.begin() + op->axis())));
      FixedSiteScope scope(inner->site());
      return replace_with(apply, apply_one(std::make_shared<SoftmaxOp>(op->kind(), axis),
                                           {take(inner->input(0), part)}));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), n = lscalar("n");
          return Examples{{{softmax(x)[n]}, {softmax(x[n])}},
                          {{log_softmax(x, 0)[{slice(), slice(1, none)}]},
                           {log_softmax(x[{slice(), slice(1, none)}], 0)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          const Variable p = softmax(x);
          return Graphs{{p[{slice(), 0}]}, {p[0], p}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kElementwise, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kElementwise, Phase::kStabilize)),
    RuleRegistrar(in_phase(kDot, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMatmul, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kReduction, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSoftmax, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
