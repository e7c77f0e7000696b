// Broadcasts that repeat nothing or need not, and views on both sides of elementwise functions.

#include <algorithm>
#include <memory>
#include <numeric>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
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

// Whether a broadcast gives axis `axis` of its result the operand's own length, and checks nothing.
bool keeps_axis(const Apply& broadcast, int64_t axis, size_t operand) {
  const Variable& x = broadcast.input(0);
  const auto& lengths = dynamic_cast<const BroadcastToOp&>(broadcast.op()).lengths();
  const int64_t own = axis - (static_cast<int64_t>(lengths.size()) - x.rank());
  if (own < 0) return false;
  const int64_t entry = lengths[static_cast<size_t>(axis)];
  if (entry == kInferredLength) return true;
  if (entry == kSymbolicLength) return is_length_of(broadcast.input(operand), x, own);
  return x.type().dims[static_cast<size_t>(own)] == Dim(entry);
}

constexpr Rule kUseless = {
    .name = "useless_broadcast",
    .why = "a broadcast to the operand's own dims is the operand",
    .op = "broadcast_to",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const auto& lengths = dynamic_cast<const BroadcastToOp&>(apply.op()).lengths();
      size_t operand = 1;
      for (size_t axis = 0; axis < lengths.size(); ++axis) {
        if (!keeps_axis(apply, static_cast<int64_t>(axis), operand)) {
          return context.refuse("an axis is repeated, or its length is checked at the call");
        }
        operand += lengths[axis] == kSymbolicLength ? 1 : 0;
      }
      return replace_with(apply, apply.input(0));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          const Variable fixed = tensor(float_x(), {3, 3}, "fixed");
          return Examples{{{broadcast_like(exp(x), x)}, {exp(x)}},
                          {{broadcast_to(x, {-1, length_of(x, 1)})}, {x}},
                          {{broadcast_to(fixed, {3, 3})}, {fixed}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{broadcast_to(x, {3, 3})},
                        {broadcast_to(x, {2, -1, -1})},
                        {broadcast_to(row("r"), {3, -1})}};
        }};

// --- Beside whole operands -----------------------------------------------------------------------

// The axes of the elementwise node along which operand i, a broadcast, repeats what it is made of;
// nothing where a length would no longer be compared.
std::optional<int64_t> repeated_axes(const Apply& apply, size_t i, const Variable& whole) {
  const Apply& broadcast = *apply.input(i).owner();
  const auto& lengths = dynamic_cast<const BroadcastToOp&>(broadcast.op()).lengths();
  const ElementwiseOp* op = as_elementwise(apply);
  const int64_t rank = apply.output(0).rank();
  const int64_t padding = rank - static_cast<int64_t>(lengths.size());
  int64_t mask = (int64_t{1} << padding) - 1;
  size_t operand = 1;
  for (int64_t axis = padding; axis < rank; ++axis) {
    const int64_t own = axis - padding;
    const bool symbolic = lengths[static_cast<size_t>(own)] == kSymbolicLength;
    const bool keeps = keeps_axis(broadcast, own, operand);
    operand += symbolic ? 1 : 0;
    if (op->broadcasts(i, axis)) {
      mask |= int64_t{1} << axis;
    } else if (!keeps) {
      const int64_t inner =
          own - (static_cast<int64_t>(lengths.size()) - broadcast.input(0).rank());
      const bool one =
          inner < 0 || broadcast.input(0).type().dims[static_cast<size_t>(inner)] == Dim(1);
      if (!one || !same_length(apply.input(i), own, whole, axis)) return std::nullopt;
      mask |= int64_t{1} << axis;
    }
  }
  return mask;
}

std::optional<Variables> drop_broadcast(const Apply& apply, const RuleContext& context) {
  const ElementwiseOp* op = as_elementwise(apply);
  if (op == nullptr || apply.inputs().size() < 2 || op->name() == "second") return std::nullopt;
  for (size_t i = 0; i < apply.inputs().size(); ++i) {
    const Apply* broadcast = made_by(apply.input(i), "broadcast_to");
    if (broadcast == nullptr || broadcast->input(0).rank() == 0) continue;
    for (size_t whole = 0; whole < apply.inputs().size(); ++whole) {
      if (whole == i || !op->is_whole(whole)) continue;
      const std::optional<int64_t> mask = repeated_axes(apply, i, apply.input(whole));
      if (!mask) {
        context.refuse("the broadcast checks a length at the call", broadcast);
        continue;
      }
      Variables operands(apply.inputs().begin(), apply.inputs().end());
      operands[i] = broadcast->input(0);
      BroadcastMasks masks;
      for (size_t k = 0; k < operands.size(); ++k) {
        int64_t bits = k == i ? *mask : 0;
        for (int64_t axis = 0; k != i && axis < apply.output(0).rank(); ++axis) {
          if (op->broadcasts(k, axis)) bits |= int64_t{1} << axis;
        }
        masks.push_back(bits);
      }
      return replace_with(apply,
                          apply_one(std::make_shared<ElementwiseOp>(op->scalar(), std::move(masks),
                                                                    apply.output(0).dtype()),
                                    operands));
    }
  }
  return std::nullopt;
}

constexpr Rule kOperand = {
    .name = "broadcast_as_operand",
    .why = "what is repeated to the dims of another operand need not be repeated first",
    .apply = drop_broadcast,
    .examples =
        [] {
          const Variable x = matrix("x"), v = vector("v"), c = col("c");
          return Examples{{{x * broadcast_to(v, {length_of(x, 0), -1})}, {x * v}},
                          {{broadcast_to(c, {-1, length_of(x, 1)}) - x}, {c - x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), v = vector("v"), y = matrix("y");
          return Graphs{{y * broadcast_to(v, {length_of(x, 0), -1})},
                        {v * broadcast_to(v, {4, -1})},
                        {x * broadcast_like(v, x)}};
        }};

// --- Views around elementwise functions ----------------------------------------------------------

// The order that gives axis i of the result as a dimshuffle of a dimshuffle, whose axes are aligned
// with the last ones of `rank`.
std::vector<int64_t> composed(const std::vector<int64_t>& outer, const std::vector<int64_t>& inner,
                              int64_t rank) {
  const int64_t padding = rank - static_cast<int64_t>(inner.size());
  std::vector<int64_t> order;
  for (const int64_t axis : outer) {
    const bool is_new = axis == kNewAxis || axis < padding;
    order.push_back(is_new ? kNewAxis : inner[static_cast<size_t>(axis - padding)]);
  }
  return order;
}

bool is_identity(const std::vector<int64_t>& order, int64_t rank) {
  std::vector<int64_t> kept(static_cast<size_t>(rank));
  std::iota(kept.begin(), kept.end(), 0);
  return order == kept;
}

// Whether every operand has length 1 along the axes that the order leaves out.
bool drops_only_ones(const Apply& function, const std::vector<int64_t>& order) {
  const int64_t rank = function.output(0).rank();
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (std::find(order.begin(), order.end(), axis) != order.end()) continue;
    for (const Variable& operand : function.inputs()) {
      const int64_t own = axis - (rank - operand.rank());
      if (own >= 0 && operand.type().dims[static_cast<size_t>(own)] != Dim(1)) return false;
    }
  }
  return true;
}

std::optional<Variables> shuffle_operands(const Apply& apply, const RuleContext& context) {
  const Apply* function = apply.input(0).owner();
  const ElementwiseOp* op = function != nullptr ? as_elementwise(*function) : nullptr;
  if (op == nullptr) return std::nullopt;
  bool any = false;
  for (const Variable& operand : function->inputs()) {
    const bool shuffled = made_by(operand, "dimshuffle") != nullptr;
    if (!shuffled && operand.rank() != 0) return std::nullopt;
    any |= shuffled;
  }
  const auto& order = dynamic_cast<const DimshuffleOp&>(apply.op()).order();
  if (!any || !drops_only_ones(*function, order)) return std::nullopt;
  if (context.use_count(apply.input(0)) != 1) {
    return context.refuse("the function is needed in its own order as well", function);
  }
  Variables operands;
  BroadcastMasks masks;
  for (size_t i = 0; i < function->inputs().size(); ++i) {
    int64_t mask = 0;
    for (size_t axis = 0; axis < order.size(); ++axis) {
      if (order[axis] != kNewAxis && op->broadcasts(i, order[axis])) mask |= int64_t{1} << axis;
    }
    const Apply* inner = made_by(function->input(i), "dimshuffle");
    if (inner == nullptr) {
      operands.push_back(function->input(i));
      masks.push_back((int64_t{1} << order.size()) - 1);
      continue;
    }
    const std::vector<int64_t> both = composed(
        order, dynamic_cast<const DimshuffleOp&>(inner->op()).order(), function->output(0).rank());
    const Variable& x = inner->input(0);
    operands.push_back(is_identity(both, x.rank()) ? x : dimshuffle(x, both));
    masks.push_back(mask);
  }
  FixedSiteScope scope(function->site());
  return replace_with(apply,
                      apply_one(std::make_shared<ElementwiseOp>(op->scalar(), std::move(masks),
                                                                function->output(0).dtype()),
                                operands));
}

constexpr Rule kShuffled = {
    .name = "dimshuffle_of_elementwise",
    .why = "dimshuffles on both sides of a function of elements are one, or none",
    .op = "dimshuffle",
    .apply = shuffle_operands,
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y"), s = scalar("s"), v = vector("v");
          return Examples{
              {{transpose(exp(transpose(x)))}, {exp(x)}},
              {{transpose(transpose(x) * s)}, {x * s}},
              {{transpose(transpose(x) - transpose(y))}, {x - y}},
              {{transpose(transpose(x) * dimshuffle(v, {'x', 0}))}, {x * dimshuffle(v, {0, 'x'})}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          const Variable e = exp(transpose(x));
          return Graphs{{transpose(exp(x))}, {transpose(e), e}, {transpose(transpose(x) + y)}};
        }};

constexpr Rule kReshaped = {
    .name = "reshape_of_elementwise",
    .why = "reshapes on both sides of a function of one element are one, or none",
    .op = "reshape",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* function = apply.input(0).owner();
      if (function == nullptr || as_elementwise(*function) == nullptr) return std::nullopt;
      if (function->inputs().size() != 1) return std::nullopt;
      if (made_by(function->input(0), "reshape") == nullptr) return std::nullopt;
      if (context.use_count(apply.input(0)) != 1) {
        return context.refuse("the function is needed under its own dims as well", function);
      }
      Variables operands(apply.inputs().begin(), apply.inputs().end());
      operands[0] = function->input(0);
      const Variable reshaped = apply_one(apply.shared_op(), operands);
      const ElementwiseOp* op = as_elementwise(*function);
      FixedSiteScope scope(function->site());
      return replace_with(apply,
                          apply_one(std::make_shared<ElementwiseOp>(op->scalar(), BroadcastMasks{0},
                                                                    function->output(0).dtype()),
                                    {reshaped}));
    },
    .examples =
        [] {
          const Variable x = tensor3("x");
          return Examples{{{reshape(exp(reshape(x, {-1})), {3, -1})},
                           {exp(reshape(reshape(x, {-1}), {3, -1}))}}};
        },
    .counterexamples =
        [] {
          const Variable x = tensor3("x");
          const Variable e = exp(reshape(x, {-1}));
          return Graphs{{reshape(exp(x), {-1})}, {reshape(e, {3, -1}), e}};
        }};

// --- Axes of length 1 before a reshape -----------------------------------------------------------

constexpr Rule kExpanded = {
    .name = "reshape_of_expanded",
    .why = "axes of length 1 come and go by the reshape alone",
    .op = "reshape",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* inner = made_by(apply.input(0), "dimshuffle");
      if (inner == nullptr) return std::nullopt;
      std::vector<int64_t> moved = dynamic_cast<const DimshuffleOp&>(inner->op()).order();
      std::erase(moved, kNewAxis);
      if (!std::is_sorted(moved.begin(), moved.end())) {
        return context.refuse("the dimshuffle moves axes", inner);
      }
      Variables operands(apply.inputs().begin(), apply.inputs().end());
      operands[0] = inner->input(0);
      return replace_with(apply, apply_one(apply.shared_op(), operands));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), r = row("r");
          return Examples{{{reshape(dimshuffle(x, {0, 'x', 1}), {-1})}, {reshape(x, {-1})}},
                          {{reshape(dimshuffle(r, {1}), {3, -1})}, {reshape(r, {3, -1})}}};
        },
    .counterexamples = [] { return Graphs{{reshape(transpose(matrix("x")), {-1})}}; }};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kUseless, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kOperand, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kShuffled, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kReshaped, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kExpanded, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
