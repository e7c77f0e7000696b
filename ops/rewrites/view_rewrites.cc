// Views of views, and views that show their operand as it is.

#include <algorithm>
#include <memory>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/rewrites/part_patterns.h"
#include "ops/rewrites/patterns.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// --- dimshuffle ----------------------------------------------------------------------------------

bool keeps_order(const std::vector<int64_t>& order, int64_t rank) {
  if (static_cast<int64_t>(order.size()) != rank) return false;
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

constexpr Rule kDimshuffle = {
    .name = "useless_dimshuffle",
    .why = "a dimshuffle that keeps the order is its operand; two in sequence are one",
    .op = "dimshuffle",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const auto& order = dynamic_cast<const DimshuffleOp&>(apply.op()).order();
      if (keeps_order(order, apply.input(0).rank())) return replace_with(apply, apply.input(0));
      const Apply* inner = made_by(apply.input(0), "dimshuffle");
      if (inner == nullptr) return std::nullopt;
      const auto& first = dynamic_cast<const DimshuffleOp&>(inner->op()).order();
      std::vector<int64_t> composed;
      for (const int64_t axis : order) {
        composed.push_back(axis == kNewAxis ? kNewAxis : first[static_cast<size_t>(axis)]);
      }
      const Variable& x = inner->input(0);
      return replace_with(apply, keeps_order(composed, x.rank()) ? x : dimshuffle(x, composed));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{dimshuffle(x, {0, 1})}, {x}},
                          {{transpose(transpose(x))}, {x}},
                          {{squeeze(expand_dims(x, 1), {1})}, {x}},
                          {{dimshuffle(transpose(x), {1, 'x', 0})}, {dimshuffle(x, {0, 'x', 1})}}};
        },
    .counterexamples =
        [] {
          return Graphs{{transpose(matrix("x"))}, {dimshuffle(row("r"), {1})}};
        }};

// --- reshape -------------------------------------------------------------------------------------

// Whether a reshape of `x` keeps all lengths. One may be unknown if it is inferred: the others
// decide it.
bool keeps_dims(const Apply& apply, const Variable& x) {
  const auto& lengths = dynamic_cast<const ReshapeOp&>(apply.op()).lengths();
  if (static_cast<int64_t>(lengths.size()) != x.rank()) return false;
  size_t operand = 1;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto axis = static_cast<int64_t>(i);
    if (lengths[i] == kInferredLength) continue;
    if (lengths[i] == kSymbolicLength) {
      if (!is_length_of(apply.input(operand++), x, axis)) return false;
    } else if (x.type().dims[i] != Dim(lengths[i])) {
      return false;
    }
  }
  return true;
}

constexpr Rule kReshape = {
    .name = "useless_reshape",
    .why = "a reshape to the operand's own dims is the operand; of two in sequence the last counts",
    .op = "reshape",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable& x = apply.input(0);
      if (keeps_dims(apply, x)) return replace_with(apply, x);
      const Apply* inner = made_by(x, "reshape");
      if (inner == nullptr) return std::nullopt;
      Variables operands(apply.inputs().begin(), apply.inputs().end());
      operands[0] = inner->input(0);
      return replace_with(apply, apply_one(apply.shared_op(), operands));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          const Variable fixed = tensor(float_x(), {3, 3}, "fixed");
          return Examples{{{reshape(fixed, {3, 3})}, {fixed}},
                          {{reshape(fixed, {-1, 3})}, {fixed}},
                          {{reshape(x, {shape(x, 0), shape(x, 1)})}, {x}},
                          {{reshape(reshape(x, {-1}), {1, -1})}, {reshape(x, {1, -1})}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{reshape(x, {shape(x, 1), shape(x, 0)})}, {reshape(x, {-1})}};
        }};

// --- subtensor -----------------------------------------------------------------------------------

bool takes_whole(const Part& part, const Variable& x) {
  for (size_t axis = 0; axis < part.size(); ++axis) {
    if (!takes_all(part[axis], x, static_cast<int64_t>(axis))) return false;
  }
  return true;
}

constexpr Rule kSubtensor = {
    .name = "useless_subtensor",
    .why = "a slice of everything is the operand",
    .op = "subtensor",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      if (!takes_whole(part_of_subtensor(apply), apply.input(0))) return std::nullopt;
      return replace_with(apply, apply.input(0));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          const Variable fixed = tensor(float_x(), {3, 3}, "fixed");
          return Examples{{{x[slice()]}, {x}},
                          {{x[slice(0, shape(x, 0))]}, {x}},
                          {{fixed[slice(0, 5)]}, {fixed}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{x[0]},
                        {x[slice(1, none)]},
                        {x[slice(0, 3)]},
                        {x[slice(none, none, -1)]},
                        {x[slice(0, shape(x, 1))]}};
        }};

constexpr Rule kSetSubtensor = {
    .name = "set_whole_tensor",
    .why = "what is written over everything is the result",
    .op = "set_subtensor",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      if (!takes_whole(part_of_write(apply), apply.input(0))) return std::nullopt;
      return replace_with(apply, apply.input(1));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{set_subtensor(x, {slice()}, y)}, {y}}};
        },
    .counterexamples =
        [] { return Graphs{{set_subtensor(matrix("x"), {slice(1, none)}, matrix("y"))}}; }};

constexpr Rule kIncSubtensor = {
    .name = "inc_whole_zeros",
    .why = "what is added to zeros everywhere is the result (but for the sign of -0 + 0)",
    .op = "inc_subtensor",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      if (!is_uniform(apply.input(0), 0)) return std::nullopt;
      if (!takes_whole(part_of_write(apply), apply.input(0))) return std::nullopt;
      return replace_with(apply, apply.input(1));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{inc_subtensor(zeros_like(x), {slice(0, shape(x, 0))}, y)}, {y}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{inc_subtensor(x, {slice()}, y)},
                        {inc_subtensor(zeros_like(x), {slice(1, none)}, y)}};
        },
    .exactness = Exactness::kReassociates};

// --- Lengths -------------------------------------------------------------------------------------

constexpr Rule kShapeAxis = {
    .name = "shape_of_origin",
    .why =
        "a length is asked of what decides it, so that equal lengths merge and nothing else is "
        "kept",
    .op = "shape_axis",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const int64_t axis = dynamic_cast<const ShapeAxisOp&>(apply.op()).axis();
      const AxisOrigin origin = origin_of_axis(apply.input(0), axis);
      if (!origin.variable.defined()) {
        return replace_with(apply, scalar_constant_int(DType::kInt64, 1));
      }
      const Dim& dim = origin.variable.type().dims[static_cast<size_t>(origin.axis)];
      if (origin.variable == apply.input(0) && !dim.is_fixed()) return std::nullopt;
      return replace_with(apply, shape(origin.variable, origin.axis));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), v = vector("v");
          return Examples{{{shape(exp(x + v), 0)}, {shape(x, 0)}},
                          {{shape(softmax(transpose(x)), 1)}, {shape(x, 0)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{shape(matrix("x"), 0)}, {shape(reshape(matrix("x"), {-1}), 0)}};
        }};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kDimshuffle, Phase::kSimplify)),
    RuleRegistrar(in_phase(kDimshuffle, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kDimshuffle, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kReshape, Phase::kSimplify)),
    RuleRegistrar(in_phase(kReshape, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSubtensor, Phase::kSimplify)),
    RuleRegistrar(in_phase(kSubtensor, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSetSubtensor, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kIncSubtensor, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kShapeAxis, Phase::kSimplify)),
    RuleRegistrar(in_phase(kShapeAxis, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
