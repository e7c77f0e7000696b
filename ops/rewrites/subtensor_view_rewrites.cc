// Slices of views and of concatenations: what is sliced moves towards the inputs, where slices meet
// each other and what is computed.

#include <algorithm>
#include <memory>
#include <numeric>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/part_patterns.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/concatenate_op.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;
using Bound = AxisIndex::Bound;

bool is_number(const Bound& bound, int64_t number) {
  return bound.kind == Bound::Kind::kNumber && bound.number == number;
}

// --- Dimshuffle ----------------------------------------------------------------------------------

std::optional<Variables> slice_below_dimshuffle(const Apply& apply, const RuleContext& context) {
  const Apply* inner = made_by(apply.input(0), "dimshuffle");
  if (inner == nullptr) return std::nullopt;
  const Part part = part_of_subtensor(apply);
  const Variable& x = inner->input(0);
  const auto& order = dynamic_cast<const DimshuffleOp&>(inner->op()).order();
  Part of_operand(static_cast<size_t>(x.rank()), AxisPart::whole());
  for (size_t axis = 0; axis < order.size(); ++axis) {
    const AxisPart& index = part[axis];
    if (order[axis] != kNewAxis) {
      of_operand[static_cast<size_t>(order[axis])] = index;
      continue;
    }
    const bool drops = index.index.is_integer && !index.start.defined();
    if (!drops && !takes_all(index, apply.input(0), static_cast<int64_t>(axis))) {
      return context.refuse("a part of a new axis is taken", inner);
    }
  }
  std::vector<int64_t> place(of_operand.size());  // of an axis in the sliced operand
  int64_t next = 0;
  for (size_t axis = 0; axis < of_operand.size(); ++axis) {
    place[axis] = next;
    next += of_operand[axis].index.is_integer ? 0 : 1;
  }
  std::vector<int64_t> shuffled;
  for (size_t axis = 0; axis < order.size(); ++axis) {
    if (part[axis].index.is_integer) continue;
    shuffled.push_back(order[axis] == kNewAxis ? kNewAxis
                                               : place[static_cast<size_t>(order[axis])]);
  }
  const Variable sliced = take(x, of_operand);
  std::vector<int64_t> kept(static_cast<size_t>(sliced.rank()));
  std::iota(kept.begin(), kept.end(), 0);
  return replace_with(apply, shuffled == kept ? sliced : dimshuffle(sliced, shuffled));
}

constexpr Rule kDimshuffle = {
    .name = "subtensor_of_dimshuffle",
    .why = "a slice below a dimshuffle meets what is computed there",
    .op = "subtensor",
    .apply = slice_below_dimshuffle,
    .examples =
        [] {
          const Variable x = matrix("x"), v = vector("v"), n = lscalar("n");
          return Examples{
              {{transpose(x)[slice(0, 2)]}, {transpose(x[{slice(), slice(0, 2)}])}},
              {{transpose(x)[n]}, {x[{slice(), n}]}},
              {{dimshuffle(v, {'x', 0})[{0, slice(n, none)}]}, {v[slice(n, none)]}},
              {{dimshuffle(x, {1, 'x', 0})[{n}]}, {dimshuffle(x[{slice(), n}], {'x', 0})}}};
        },
    .counterexamples =
        [] {
          const Variable v = vector("v");
          return Graphs{{dimshuffle(v, {'x', 0})[slice(1, none)]}, {v[slice(1, none)]}};
        }};

// --- Reshape -------------------------------------------------------------------------------------

// The number of leading axes whose lengths a reshape of `x` to `result` keeps.
size_t kept_leading_axes(const Variable& x, const Variable& result, const Apply& reshape) {
  const auto& lengths = dynamic_cast<const ReshapeOp&>(reshape.op()).lengths();
  size_t axis = 0;
  size_t operand = 1;
  for (; axis < lengths.size() && axis < x.type().dims.size(); ++axis) {
    const auto place = static_cast<int64_t>(axis);
    const bool same =
        lengths[axis] == kSymbolicLength
            ? is_length_of(reshape.input(operand++), x, place)
            : x.type().dims[axis].is_fixed() && x.type().dims[axis] == result.type().dims[axis];
    if (!same) break;
  }
  return axis;
}

std::optional<Variables> slice_below_reshape(const Apply& apply, const RuleContext& context) {
  const Apply* inner = made_by(apply.input(0), "reshape");
  if (inner == nullptr) return std::nullopt;
  const Variable& x = inner->input(0);
  const auto& lengths = dynamic_cast<const ReshapeOp&>(inner->op()).lengths();
  const Part part = part_of_subtensor(apply);
  const size_t kept = kept_leading_axes(x, apply.input(0), *inner);
  Part of_operand(static_cast<size_t>(x.rank()), AxisPart::whole());
  ShapeItems items;
  size_t operand = 1;
  bool inferred = std::find(lengths.begin(), lengths.end(), kInferredLength) != lengths.end();
  int64_t place = 0;  // in the result
  for (size_t axis = 0; axis < lengths.size(); ++axis) {
    const bool symbolic = lengths[axis] == kSymbolicLength;
    const ShapeItem length =
        symbolic ? ShapeItem(inner->input(operand++)) : ShapeItem(lengths[axis]);
    if (part[axis].index.is_whole()) {
      items.push_back(length);
      ++place;
      continue;
    }
    if (axis >= kept) return context.refuse("an axis that the reshape makes is indexed", inner);
    of_operand[axis] = part[axis];
    if (part[axis].index.is_integer) continue;
    const Dim& dim = apply.output(0).type().dims[static_cast<size_t>(place++)];
    if (dim.is_fixed()) {
      items.push_back(dim.length());
    } else if (!inferred) {
      items.push_back(-1);
      inferred = true;
    } else {
      return context.refuse("two lengths would have to be inferred", inner);
    }
  }
  return replace_with(apply, reshape(take(x, of_operand), std::move(items)));
}

constexpr Rule kReshape = {
    .name = "subtensor_of_reshape",
    .why = "rows that are only reshaped are sliced before, where the slice meets what is computed",
    .op = "subtensor",
    .apply = slice_below_reshape,
    .examples =
        [] {
          const Variable x = tensor(float_x(), {6, 4}, "x"), n = lscalar("n");
          const Variable free = matrix("free");
          return Examples{
              {{reshape(x, {6, 1, 2, 2})[slice(n, n + 2)]},
               {reshape(x[slice(n, n + 2)], {-1, 1, 2, 2})}},
              {{reshape(x, {6, 2, 2})[slice(1, 4)]}, {reshape(x[slice(1, 4)], {3, 2, 2})}},
              {{reshape(x, {6, 2, -1})[n]}, {reshape(x[n], {2, -1})}},
              {{reshape(free, {shape(free, 0), 3, 1})[slice(0, 2)]},
               {reshape(free[slice(0, 2)], {-1, 3, 1})}}};
        },
    .counterexamples =
        [] {
          const Variable x = tensor(float_x(), {6, 4}, "x"), n = lscalar("n");
          return Graphs{{reshape(x, {6, 2, 2})[{slice(), 1}]},
                        {reshape(x, {4, 6})[slice(0, 2)]},
                        {reshape(x, {6, 2, -1})[slice(n, none)]},
                        {reshape(matrix("free"), {6, 2, 2})[1]}};
        }};

// --- Broadcasts ----------------------------------------------------------------------------------

std::optional<Variables> slice_of_broadcast(const Apply& apply, const RuleContext& context) {
  const Apply* inner = made_by(apply.input(0), "broadcast_to");
  if (inner == nullptr) return std::nullopt;
  const Variable& x = inner->input(0);
  const auto& lengths = dynamic_cast<const BroadcastToOp&>(inner->op()).lengths();
  const Part part = part_of_subtensor(apply);
  if (may_raise(part, apply.input(0))) {
    return context.refuse("an index is checked at the call", inner);
  }
  const size_t lead = lengths.size() - static_cast<size_t>(x.rank());
  bool all_kept = true;
  Part of_operand;
  ShapeItems items;
  size_t operand = 1;
  size_t place = 0;  // in the result
  for (size_t axis = 0; axis < lengths.size(); ++axis) {
    const bool symbolic = lengths[axis] == kSymbolicLength;
    const ShapeItem length =
        symbolic ? ShapeItem(inner->input(operand++)) : ShapeItem(lengths[axis]);
    const AxisPart& index = part[axis];
    const bool kept = lengths[axis] == kInferredLength;
    const bool repeated = axis < lead || (!kept && x.type().dims[axis - lead] == Dim(1));
    if (axis >= lead) {
      of_operand.push_back(!repeated                ? index
                           : index.index.is_integer ? AxisPart::position(0)
                                                    : AxisPart::whole());
    }
    if (index.index.is_integer && (repeated || kept)) continue;
    const Dim& dim = index.index.is_integer ? Dim() : apply.output(0).type().dims[place++];
    all_kept &= kept;
    if (index.index.is_whole() || kept) {
      items.push_back(length);
    } else if (repeated && dim.is_fixed()) {
      items.push_back(dim.length());
    } else {
      return context.refuse("the length that remains is known at the call only", inner);
    }
  }
  const Variable sliced = take(x, of_operand);
  return replace_with(apply, all_kept ? sliced : broadcast_to(sliced, std::move(items)));
}

constexpr Rule kBroadcast = {
    .name = "subtensor_of_broadcast",
    .why = "a part of what is repeated is repeated less",
    .op = "subtensor",
    .apply = slice_of_broadcast,
    .examples =
        [] {
          const Variable s = scalar("s"), v = vector("v"), x = matrix("x");
          return Examples{{{alloc(s, {5, 4})[{slice(1, 3), 0}]}, {alloc(s, {2})}},
                          {{alloc(s, {5, 4})[{2, 0}]}, {s}},
                          {{broadcast_to(v, {5, -1})[{1, slice(1, none)}]}, {v[slice(1, none)]}}};
        },
    .counterexamples =
        [] {
          const Variable s = scalar("s"), v = vector("v"), x = matrix("x");
          return Graphs{{full_like(x, s)[0]},
                        {full_like(x, s)[slice(1, none)]},
                        {broadcast_to(v, {5, length_of(x, 0)})[{slice(), slice(1, none)}]}};
        }};

// --- Concatenation -------------------------------------------------------------------------------

// Whether the operands have one length along every axis but the joined one: what is not computed
// any more compares none.
bool others_agree(const Apply& join, int64_t joined) {
  for (const Variable& operand : join.inputs().subspan(1)) {
    for (int64_t axis = 0; axis < operand.rank(); ++axis) {
      if (axis != joined && !same_length(join.input(0), axis, operand, axis)) return false;
    }
  }
  return true;
}

struct Piece {
  size_t operand;
  AxisPart index;
};

// The operand that alone has what is taken of the joined axis, and what is taken of it.
std::optional<Piece> piece_of(const Apply& join, int64_t axis, const AxisPart& taken) {
  const AxisIndex& index = taken.index;
  const bool whole_first = index.start.kind == Bound::Kind::kAbsent || is_number(index.start, 0);
  if (!index.is_integer && index.step == 1 && whole_first && taken.stop.defined() &&
      is_length_of(taken.stop, join.input(0), axis)) {
    return Piece{0, AxisPart::whole()};
  }
  if (!index.is_integer && index.step == 1 && join.inputs().size() == 2 && taken.start.defined() &&
      index.stop.kind == Bound::Kind::kAbsent && is_length_of(taken.start, join.input(0), axis)) {
    return Piece{1, AxisPart::whole()};
  }
  if (taken.start.defined() || taken.stop.defined() || index.step < 1) return std::nullopt;
  const int64_t start = index.start.number;
  const bool ends = index.stop.kind == Bound::Kind::kNumber;
  const int64_t stop = index.is_integer ? start + 1 : index.stop.number;
  if (start < 0 || stop < 0) return std::nullopt;
  int64_t offset = 0;
  for (size_t i = 0; i < join.inputs().size(); ++i) {
    const Dim& dim = join.input(i).type().dims[static_cast<size_t>(axis)];
    const bool is_last = i + 1 == join.inputs().size();
    const bool fits = dim.is_fixed() && (ends || index.is_integer) && stop <= offset + dim.length();
    if (start >= offset && (fits || (is_last && !index.is_integer))) {
      if (start == offset && (ends ? dim.is_fixed() && stop == offset + dim.length() : true) &&
          index.step == 1 && !index.is_integer) {
        return Piece{i, AxisPart::whole()};
      }
      AxisPart own = taken;
      own.index.start = {Bound::Kind::kNumber, start - offset};
      if (ends) own.index.stop = {Bound::Kind::kNumber, stop - offset};
      return Piece{i, own};
    }
    if (!dim.is_fixed()) return std::nullopt;
    offset += dim.length();
  }
  return std::nullopt;
}

std::optional<Variables> slice_of_join(const Apply& apply, const RuleContext& context) {
  const Apply* join = made_by(apply.input(0), "concatenate");
  if (join == nullptr) return std::nullopt;
  const int64_t axis = dynamic_cast<const ConcatenateOp&>(join->op()).axis();
  Part part = part_of_subtensor(apply);
  AxisPart& along = part[static_cast<size_t>(axis)];
  if (!others_agree(*join, axis)) {
    return context.refuse("lengths that may differ are compared at the call", join);
  }
  if (!along.index.is_whole()) {
    const std::optional<Piece> piece = piece_of(*join, axis, along);
    if (!piece) return context.refuse("what is taken does not surely lie in one operand", join);
    along = piece->index;
    return replace_with(apply, take(join->input(piece->operand), part));
  }
  if (!narrows(part)) return std::nullopt;
  if (context.use_count(apply.input(0)) != 1) {
    return context.refuse("the whole result is needed as well", join);
  }
  Variables pieces;
  for (const Variable& operand : join->inputs()) pieces.push_back(take(operand, part));
  int64_t place = 0;
  for (int64_t i = 0; i < axis; ++i) {
    place += part[static_cast<size_t>(i)].index.is_integer ? 0 : 1;
  }
  FixedSiteScope scope(join->site());
  return replace_with(apply, apply_one(std::make_shared<ConcatenateOp>(place), pieces));
}

constexpr Rule kJoin = {
    .name = "subtensor_of_concatenate",
    .why = "what lies in one of the joined tensors is taken from there",
    .op = "subtensor",
    .apply = slice_of_join,
    .examples =
        [] {
          const Variable a = tensor(float_x(), {2, 3}, "a"), b = tensor(float_x(), {4, 3}, "b");
          const Variable v = vector("v"), w = vector("w"), n = lscalar("n");
          const Variable both = concatenate({a, b});
          const Variable free = concatenate({v, w});
          return Examples{
              {{both[slice(0, 2)]}, {a}},
              {{both[slice(3, 5)]}, {b[slice(1, 3)]}},
              {{both[slice(2, none)]}, {b}},
              {{both[1]}, {a[1]}},
              {{free[slice(none, shape(v, 0))]}, {v}},
              {{free[slice(shape(v, 0), none)]}, {w}},
              {{both[{slice(), n}]}, {concatenate({a[{slice(), n}], b[{slice(), n}]})}}};
        },
    .counterexamples =
        [] {
          const Variable a = tensor(float_x(), {2, 3}, "a"), b = tensor(float_x(), {4, 3}, "b");
          const Variable both = concatenate({a, b});
          return Graphs{{both[slice(1, 3)]},
                        {both[slice(none, -3)]},
                        {concatenate({matrix("x"), matrix("y")})[0]},
                        {both[{slice(), 0}], both}};
        }};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kDimshuffle, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kReshape, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kBroadcast, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kJoin, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
