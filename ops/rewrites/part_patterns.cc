#include "ops/rewrites/part_patterns.h"

#include <algorithm>
#include <memory>

#include "ops/elementwise/elementwise.h"
#include "ops/indexing/slice_range_internal.h"

namespace bitale {
namespace {

using Bound = AxisIndex::Bound;

Part part_with_bounds(const AxisIndices& indices, const Apply& apply, size_t operand) {
  Part part;
  for (const AxisIndex& index : indices) {
    AxisPart axis{index, {}, {}};
    if (index.start.kind == Bound::Kind::kOperand) axis.start = apply.input(operand++);
    if (index.stop.kind == Bound::Kind::kOperand) axis.stop = apply.input(operand++);
    part.push_back(std::move(axis));
  }
  return part;
}

// The part as an op and its operands state it.
void append(const Part& part, AxisIndices& indices, Variables& operands) {
  for (const AxisPart& axis : part) {
    indices.push_back(axis.index);
    if (axis.start.defined()) operands.push_back(axis.start);
    if (axis.stop.defined()) operands.push_back(axis.stop);
  }
}

bool has_operands(const AxisPart& part) { return part.start.defined() || part.stop.defined(); }

Bound number(int64_t value) { return {Bound::Kind::kNumber, value}; }

// A slice of an axis of fixed length, by what it takes.
struct FixedRange {
  int64_t start;
  int64_t length;
  int64_t step;
};

FixedRange fixed_range(const AxisIndex& index, int64_t length) {
  const slices::AxisRange range =
      slices::slice_range(index, index.start.number, index.stop.number, length);
  return {range.start.constant(), range.length.constant(), index.step};
}

// The shortest spelling of a slice of an axis of this length.
AxisPart spelled(FixedRange range, int64_t length) {
  AxisPart part;
  if (range.length == 0) {
    part.index.start = number(0);
    part.index.stop = number(0);
    return part;
  }
  if (range.length == 1) range.step = 1;
  const int64_t end = range.start + (range.length - 1) * range.step + (range.step > 0 ? 1 : -1);
  part.index.step = range.step;
  const int64_t first = range.step > 0 ? 0 : length - 1;
  const int64_t past_last = range.step > 0 ? length : -1;
  if (range.start != first) part.index.start = number(range.start);
  if (end != past_last) part.index.stop = number(end);
  return part;
}

std::optional<AxisPart> compose_fixed(const AxisIndex& inner, const AxisIndex& outer,
                                      int64_t length) {
  const FixedRange range = fixed_range(inner, length);
  if (outer.is_integer) {
    const int64_t position = slices::from_front(outer.start.number, range.length);
    if (position < 0 || position >= range.length) return std::nullopt;
    return AxisPart::position(range.start + position * range.step);
  }
  const FixedRange of_range = fixed_range(outer, range.length);
  return spelled(
      {range.start + of_range.start * range.step, of_range.length, of_range.step * range.step},
      length);
}

// A bound that does not count from the end: a number, or an operand that is never negative.
struct Offset {
  int64_t number = 0;
  Variable variable;
};
std::optional<Offset> offset_of(const Bound& bound, const Variable& operand) {
  if (bound.kind == Bound::Kind::kOperand) {
    if (!is_never_negative(operand)) return std::nullopt;
    return Offset{0, operand};
  }
  if (bound.number < 0) return std::nullopt;
  return Offset{bound.number, {}};
}

Offset sum(const Offset& a, const Offset& b) {
  if (!a.variable.defined()) return {a.number + b.number, b.variable};
  if (!b.variable.defined()) return {a.number + b.number, a.variable};
  return {a.number + b.number, add(a.variable, b.variable)};
}

Variable as_variable(const Offset& offset) {
  if (!offset.variable.defined()) return scalar_constant_int(DType::kInt64, offset.number);
  return offset.number == 0 ? offset.variable : add(offset.variable, offset.number);
}

Offset smaller(const Offset& a, const Offset& b) {
  if (!a.variable.defined() && !b.variable.defined()) return {std::min(a.number, b.number), {}};
  return {0, minimum(as_variable(a), as_variable(b))};
}

void set_bound(const Offset& offset, Bound& bound, Variable& operand) {
  if (offset.variable.defined()) {
    bound.kind = Bound::Kind::kOperand;
    operand = as_variable(offset);
  } else {
    bound = number(offset.number);
  }
}

// Slices of step 1 whose bounds count from the front: x[a:b][c:d] is x[a+c : min(b, a+d)].
std::optional<AxisPart> compose_from_front(const AxisPart& inner, const AxisPart& outer) {
  if (inner.index.step != 1 || outer.index.step != 1 || outer.index.is_integer) return std::nullopt;
  const auto a = offset_of(inner.index.start, inner.start);
  const auto b = offset_of(inner.index.stop, inner.stop);
  const auto c = offset_of(outer.index.start, outer.start);
  const auto d = offset_of(outer.index.stop, outer.stop);
  if (!a || !b || !c || !d) return std::nullopt;
  const bool inner_ends = inner.index.stop.kind != Bound::Kind::kAbsent;
  const bool outer_ends = outer.index.stop.kind != Bound::Kind::kAbsent;
  AxisPart part;
  set_bound(sum(*a, *c), part.index.start, part.start);
  if (part.index.start == number(0)) part.index.start = Bound();
  if (inner_ends && outer_ends) {
    set_bound(smaller(*b, sum(*a, *d)), part.index.stop, part.stop);
  } else if (inner_ends || outer_ends) {
    set_bound(inner_ends ? *b : sum(*a, *d), part.index.stop, part.stop);
  }
  return part;
}

constexpr int kMostSteps = 4;

bool is_never_negative(const Variable& x, int steps) {
  if (is_integer(x.dtype()) && !is_signed_integer(x.dtype())) return true;
  if (const std::optional<double> value = scalar_number(x)) return *value >= 0;
  const Apply* apply = x.owner();
  if (apply == nullptr || steps == 0) return false;
  const std::string_view name = apply->op().name();
  if (name == "shape_axis") return true;
  const auto operand = [&](size_t i) { return is_never_negative(apply->input(i), steps - 1); };
  if (name == "add" || name == "mul" || name == "minimum" || name == "int_div") {
    return operand(0) && operand(1);
  }
  return name == "maximum" && (operand(0) || operand(1));
}

}  // namespace

AxisPart AxisPart::position(int64_t value) {
  AxisPart part;
  part.index.is_integer = true;
  part.index.start = number(value);
  return part;
}

Part part_of_subtensor(const Apply& apply) {
  return part_with_bounds(dynamic_cast<const SubtensorOp&>(apply.op()).indices(), apply, 1);
}

Part part_of_write(const Apply& apply) {
  return part_with_bounds(dynamic_cast<const WriteSubtensorOp&>(apply.op()).indices(), apply, 2);
}

Variable take(const Variable& x, const Part& part) {
  AxisIndices indices;
  Variables operands = {x};
  append(part, indices, operands);
  const bool all_whole = std::ranges::all_of(indices, &AxisIndex::is_whole);
  return all_whole ? x : apply_one(std::make_shared<SubtensorOp>(std::move(indices)), operands);
}

Variable write(const Variable& x, const Part& part, const Variable& value, bool increment) {
  AxisIndices indices;
  Variables operands = {x, value};
  append(part, indices, operands);
  return apply_one(std::make_shared<WriteSubtensorOp>(std::move(indices), increment), operands);
}

bool takes_all(const AxisPart& part, const Variable& x, int64_t axis) {
  const AxisIndex& index = part.index;
  if (index.is_integer || index.step != 1 || part.start.defined()) return false;
  if (index.start.kind == Bound::Kind::kNumber && index.start.number != 0) return false;
  if (part.stop.defined()) return is_length_of(part.stop, x, axis);
  const Dim& dim = x.type().dims[static_cast<size_t>(axis)];
  return index.stop.kind == Bound::Kind::kAbsent ||
         (dim.is_fixed() && index.stop.number >= dim.length());
}

bool takes_every_element(const AxisPart& part) {
  const AxisIndex& index = part.index;
  return !index.is_integer && index.start.kind == Bound::Kind::kAbsent &&
         index.stop.kind == Bound::Kind::kAbsent && (index.step == 1 || index.step == -1);
}

bool narrows(const Part& part) { return !std::ranges::all_of(part, takes_every_element); }

bool may_raise(const Part& part, const Variable& x) {
  for (size_t axis = 0; axis < part.size(); ++axis) {
    if (!part[axis].index.is_integer) continue;
    // A number at a fixed axis was checked when the node was built.
    if (part[axis].start.defined() || !x.type().dims[axis].is_fixed()) return true;
  }
  return false;
}

std::optional<Part> compose(const Variable& x, const Part& inner, const Variable& middle,
                            const Part& outer) {
  Part composed;
  size_t kept = 0;
  for (size_t axis = 0; axis < inner.size(); ++axis) {
    if (inner[axis].index.is_integer) {
      composed.push_back(inner[axis]);
      continue;
    }
    const auto place = static_cast<int64_t>(kept);
    const AxisPart& of_part = outer[kept++];
    if (takes_all(of_part, middle, place)) {
      composed.push_back(inner[axis]);
      continue;
    }
    if (takes_all(inner[axis], x, static_cast<int64_t>(axis))) {
      composed.push_back(of_part);
      continue;
    }
    std::optional<AxisPart> both;
    const Dim& dim = x.type().dims[axis];
    if (dim.is_fixed() && !has_operands(inner[axis]) && !has_operands(of_part)) {
      both = compose_fixed(inner[axis].index, of_part.index, dim.length());
    } else {
      both = compose_from_front(inner[axis], of_part);
    }
    if (!both) return std::nullopt;
    composed.push_back(*both);
  }
  return composed;
}

bool is_never_negative(const Variable& integer) { return is_never_negative(integer, kMostSteps); }

}  // namespace bitale
