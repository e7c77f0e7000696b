// Fills (a scalar broadcast to dims) stay scalars as long as possible. Gradients are full of them.

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "ops/rewrites/patterns.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// Folded fills are no larger.
constexpr int64_t kMostCompared = 256;

// What all elements of a constant are, as of a fill that was folded; not defined() otherwise.
Variable repeated_in_constant(const Variable& x) {
  if (!x.is_constant() || x.rank() == 0) return {};
  const Tensor& value = x.value();
  if (value.size() == 0 || value.size() > kMostCompared || !value.is_contiguous()) return {};
  const auto* const bytes = static_cast<const char*>(value.raw_data());
  const size_t width = size_of(x.dtype());
  for (int64_t i = 1; i < value.size(); ++i) {
    if (std::memcmp(bytes + static_cast<size_t>(i) * width, bytes, width) != 0) return {};
  }
  const Tensor element = Tensor::empty(x.dtype(), {});
  std::memcpy(element.raw_data(), bytes, width);
  return Variable::make_constant(element, "", {});
}

// Whether operand `whole` gives every axis that operand `i` does not repeat its length.
bool covers(const Apply& apply, size_t whole, size_t i) {
  const ElementwiseOp* op = as_elementwise(apply);
  if (whole == i || !op->is_whole(whole)) return false;
  const Variable& fill = apply.input(i);
  const int64_t padding = apply.output(0).rank() - fill.rank();
  for (int64_t axis = 0; axis < fill.rank(); ++axis) {
    if (op->broadcasts(i, axis + padding)) continue;
    if (!same_length(fill, axis, apply.input(whole), axis + padding)) return false;
  }
  return true;
}

// The elementwise op of `apply` with the operands in `scalars` repeated along all axes.
OpPtr with_scalars(const Apply& apply, int64_t rank, const std::vector<bool>& scalars) {
  const ElementwiseOp* op = as_elementwise(apply);
  BroadcastMasks masks;
  for (size_t i = 0; i < apply.inputs().size(); ++i) {
    int64_t mask = 0;
    for (int64_t axis = 0; axis < rank; ++axis) {
      if (scalars[i] || op->broadcasts(i, axis)) mask |= int64_t{1} << axis;
    }
    masks.push_back(mask);
  }
  return std::make_shared<ElementwiseOp>(op->scalar(), std::move(masks), apply.output(0).dtype());
}

std::optional<Variables> sink(const Apply& apply, const RuleContext&) {
  if (as_elementwise(apply) == nullptr || apply.inputs().size() < 2) return std::nullopt;
  for (size_t i = 0; i < apply.inputs().size(); ++i) {
    Variable scalar = filled_with(apply.input(i));
    if (!scalar.defined()) scalar = repeated_in_constant(apply.input(i));
    if (!scalar.defined()) continue;
    for (size_t whole = 0; whole < apply.inputs().size(); ++whole) {
      if (!covers(apply, whole, i)) continue;
      Variables inputs(apply.inputs().begin(), apply.inputs().end());
      inputs[i] = scalar;
      std::vector<bool> scalars(inputs.size(), false);
      scalars[i] = true;
      return replace_with(apply,
                          apply_one(with_scalars(apply, apply.output(0).rank(), scalars), inputs));
    }
  }
  return std::nullopt;
}

const RuleRegistrar fill_sink(
    {.name = "fill_as_scalar_operand",
     .phase = Phase::kCanonicalize,
     .why = "a repeated scalar beside an operand of the same dims need not be repeated first",
     .apply = sink,
     .examples =
         [] {
           const Variable x = matrix("x"), s = scalar("s");
           return Examples{{{x * full_like(x, s)}, {x * s}},
                           {{full_like(x, 2) - x}, {2 - x}},
                           {{where(gt(x, 0), x, zeros_like(x))}, {where(gt(x, 0), x, 0)}},
                           {{x + constant(Tensor::ones(float_x(), {1, 1}))}, {x + 1}}};
         },
     .counterexamples =
         [] {
           const Variable x = matrix("x"), y = matrix("y"), s = scalar("s");
           return Graphs{{vector("v") * full_like(x, s)}, {y * full_like(x, s)}, {x * s}};
         }});

std::optional<Variables> lift(const Apply& apply, const RuleContext&) {
  const ElementwiseOp* op = as_elementwise(apply);
  if (op == nullptr) return std::nullopt;
  const Apply* fill = nullptr;
  Variables scalars;
  for (size_t i = 0; i < apply.inputs().size(); ++i) {
    const Variable& input = apply.input(i);
    if (input.rank() == 0) {
      scalars.push_back(input);
      continue;
    }
    const Variable scalar = filled_with(input);
    if (!scalar.defined() || fill != nullptr || !op->is_whole(i)) return std::nullopt;
    fill = input.owner();
    scalars.push_back(scalar);
  }
  if (fill == nullptr) return std::nullopt;
  Variables operands(fill->inputs().begin(), fill->inputs().end());
  operands[0] =
      apply_one(std::make_shared<ElementwiseOp>(op->scalar(), BroadcastMasks(scalars.size(), 0),
                                                apply.output(0).dtype()),
                scalars);
  return replace_with(apply, apply_one(fill->shared_op(), operands));
}

const RuleRegistrar fill_lift(
    {.name = "fill_after_scalars",
     .phase = Phase::kCanonicalize,
     .why = "a function of one repeated scalar is computed once and then repeated",
     .apply = lift,
     .examples =
         [] {
           const Variable x = matrix("x"), s = scalar("s");
           return Examples{{{exp(full_like(x, s))}, {full_like(x, exp(s))}},
                           {{full_like(x, s) * scalar_constant(x.dtype(), 2)},
                            {full_like(x, s * scalar_constant(x.dtype(), 2))}},
                           {{cast(full_like(x, s), DType::kInt32)},
                            {alloc(cast(s, DType::kInt32), lengths_of(x))}}};
         },
     .counterexamples =
         [] {
           const Variable x = matrix("x"), s = scalar("s");
           return Graphs{
               {exp(x)}, {exp(s)}, {x + full_like(x, s)}, {exp(broadcast_like(vector("v"), x))}};
         }});

// --- Fills under other dims ----------------------------------------------------------------------

const RuleRegistrar broadcast_chain(
    {.name = "broadcast_chain",
     .phase = Phase::kCanonicalize,
     .why = "what is repeated twice is repeated once to the last dims",
     .op = "broadcast_to",
     .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
       const Apply* inner = made_by(apply.input(0), "broadcast_to");
       if (inner == nullptr) inner = made_by(apply.input(0), "dimshuffle");
       if (inner == nullptr || inner->input(0).rank() != 0) return std::nullopt;
       for (int64_t length : dynamic_cast<const BroadcastToOp&>(apply.op()).lengths()) {
         if (length == kInferredLength) return std::nullopt;
       }
       // An axis that is not repeated again checks its length, which a scalar cannot.
       for (const Dim& dim : apply.input(0).type().dims) {
         if (dim != Dim(1)) return std::nullopt;
       }
       Variables operands(apply.inputs().begin(), apply.inputs().end());
       operands[0] = inner->input(0);
       return replace_with(apply, apply_one(apply.shared_op(), operands));
     },
     .examples =
         [] {
           const Variable x = matrix("x"), s = scalar("s");
           return Examples{{{broadcast_like(alloc(s, {1, 1}), x)}, {full_like(x, s)}},
                           {{broadcast_like(dimshuffle(s, {'x'}), x)}, {full_like(x, s)}}};
         },
     .counterexamples =
         [] {
           const Variable x = matrix("x"), s = scalar("s");
           return Graphs{{broadcast_to(alloc(s, {length_of(x, 1)}), lengths_of(x))},
                         {full_like(x, s)}};
         }});

const RuleRegistrar dimshuffled_fill(
    {.name = "dimshuffled_fill",
     .phase = Phase::kCanonicalize,
     .why = "a fill under other axes is a fill",
     .op = "dimshuffle",
     .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
       const Variable scalar = filled_with(apply.input(0));
       if (!scalar.defined()) return std::nullopt;
       const Apply& fill = *apply.input(0).owner();
       const auto& lengths = dynamic_cast<const BroadcastToOp&>(fill.op()).lengths();
       ShapeItems items;
       for (const int64_t axis : dynamic_cast<const DimshuffleOp&>(apply.op()).order()) {
         if (axis == kNewAxis) {
           items.push_back(1);
         } else if (lengths[static_cast<size_t>(axis)] == kSymbolicLength) {
           const auto before = std::count(lengths.begin(), lengths.begin() + axis, kSymbolicLength);
           items.push_back(fill.input(1 + static_cast<size_t>(before)));
         } else {
           items.push_back(lengths[static_cast<size_t>(axis)]);
         }
       }
       return replace_with(apply, alloc(scalar, std::move(items)));
     },
     .examples =
         [] {
           const Variable x = matrix("x"), s = scalar("s");
           return Examples{
               {{transpose(full_like(x, s))}, {alloc(s, {length_of(x, 1), length_of(x, 0)})}},
               {{dimshuffle(alloc(s, {3, 1}), {0})}, {alloc(s, {3})}},
               {{dimshuffle(alloc(s, {3}), {'x', 0})}, {alloc(s, {1, 3})}}};
         },
     .counterexamples =
         [] {
           return Graphs{{transpose(matrix("x"))}, {dimshuffle(scalar("s"), {'x'})}};
         }});

// The sum of equal terms as their number times one.
std::optional<Variables> sum_of_fill(const Apply& apply, const RuleContext&) {
  const Variable scalar = filled_with(apply.input(0));
  if (!scalar.defined() || scalar.dtype() != apply.output(0).dtype()) return std::nullopt;
  const DType dtype = scalar.dtype();
  if (dtype == DType::kFloat16 || dtype == DType::kBFloat16) return std::nullopt;
  const auto& op = dynamic_cast<const ReduceOp&>(apply.op());
  const Apply& fill = *apply.input(0).owner();
  const auto& lengths = dynamic_cast<const BroadcastToOp&>(fill.op()).lengths();
  ShapeItem count = 1;
  ShapeItems kept;
  size_t operand = 1;
  for (size_t axis = 0; axis < lengths.size(); ++axis) {
    const bool symbolic = lengths[axis] == kSymbolicLength;
    const ShapeItem length = symbolic ? ShapeItem(fill.input(operand++)) : ShapeItem(lengths[axis]);
    const bool reduced = std::find(op.axes().begin(), op.axes().end(),
                                   static_cast<int64_t>(axis)) != op.axes().end();
    if (reduced) {
      count = multiply_lengths(count, length);
      if (op.keepdims()) kept.push_back(1);
    } else {
      kept.push_back(length);
    }
  }
  const Variable total = mul(scalar, cast(count.as_variable(), dtype));
  return replace_with(apply, alloc(total, std::move(kept)));
}

const RuleRegistrar fill_total(
    {.name = "sum_of_fill",
     .phase = Phase::kCanonicalize,
     .why = "the sum of equal terms is their number times one of them",
     .op = "sum",
     .apply = sum_of_fill,
     .examples =
         [] {
           const Variable x = matrix("x"), s = scalar("s");
           const Variable count = cast(length_of(x, 1).as_variable(), s.dtype());
           return Examples{
               {{sum(alloc(s, {4, 3}), 1)}, {alloc(s * 3, {4})}},
               {{sum(full_like(x, s), 1)}, {alloc(s * count, {length_of(x, 0)})}},
               {{sum(full_like(x, s), 1, true)}, {alloc(s * count, {length_of(x, 0), 1})}}};
         },
     .counterexamples =
         [] {
           return Graphs{{sum(matrix("x"), 1)}, {sum(broadcast_like(vector("v"), matrix("x")))}};
         },
     .exactness = Exactness::kReassociates});

}  // namespace
}  // namespace bitale
