#include "absl/strings/str_cat.h"
#include "core/base/intern.h"
#include "ops/indexing/slice_range_internal.h"

namespace bitale::slices {
namespace {

using Bound = AxisIndex::Bound;

// The part of an axis of dim `dim`, as far as the type tells.
Dim part_dim(const AxisIndex& axis, const Dim& dim) {
  const bool from_start =
      axis.start.kind == Bound::Kind::kAbsent ||
      (axis.start.kind == Bound::Kind::kNumber && axis.start.number == 0 && axis.step == 1);
  if (from_start && axis.stop.kind == Bound::Kind::kAbsent && (axis.step == 1 || axis.step == -1)) {
    return dim;
  }
  if (!dim.is_fixed() || axis.start.kind == Bound::Kind::kOperand ||
      axis.stop.kind == Bound::Kind::kOperand) {
    return Dim();
  }
  return Dim(
      slice_range(axis, axis.start.number, axis.stop.number, dim.length()).length.constant());
}

}  // namespace

AxisRange slice_range(const AxisIndex& axis, IntExpr start, IntExpr stop, IntExpr length) {
  AxisRange range;
  range.start = first_position(axis, start, length);
  IntExpr end = axis.step > 0 ? length : IntExpr(-1);
  if (axis.stop.kind != Bound::Kind::kAbsent) end = clamp_bound(stop, length, axis.step);
  const IntExpr ahead = axis.step > 0 ? end - range.start : range.start - end;
  const int64_t stride = axis.step > 0 ? axis.step : -axis.step;
  const bool whole = axis.start.kind == Bound::Kind::kAbsent &&
                     axis.stop.kind == Bound::Kind::kAbsent && stride == 1;
  range.length = whole ? length : max(ceil_div(ahead, stride), 0);
  return range;
}

std::vector<AxisRange> axis_ranges(ShapeContext& context, const AxisIndices& indices,
                                   size_t first) {
  const auto bound = [&](const Bound& b) {
    return b.kind == Bound::Kind::kOperand ? context.value(first++) : IntExpr(b.number);
  };
  std::vector<AxisRange> ranges;
  for (size_t axis = 0; axis < indices.size(); ++axis) {
    const IntExpr length = context.dim(0, axis);
    const IntExpr start = bound(indices[axis].start);
    const IntExpr stop = bound(indices[axis].stop);
    if (!indices[axis].is_integer) {
      ranges.push_back(slice_range(indices[axis], start, stop, length));
      continue;
    }
    constexpr const char* kHint = "valid indices run from -length to length - 1";
    // Equal to its clamped self only within the axis; an empty axis has no index at all.
    context.require_equal(start, min(max(start, 0 - length), length - 1),
                          intern(absl::StrCat("index $left is out of range for axis ", axis,
                                              "; the nearest valid one is $right"))
                              ->c_str(),
                          kHint);
    if (!length.is_constant() || length.constant() == 0) {
      context.require(length, "an axis of length 0 has no element to index");
    }
    ranges.push_back({from_front(start, length), 1, false});
  }
  return ranges;
}

size_t operand_bounds(const AxisIndices& indices) {
  size_t count = 0;
  for (const AxisIndex& axis : indices) {
    count += axis.start.kind == Bound::Kind::kOperand;
    count += axis.stop.kind == Bound::Kind::kOperand;
  }
  return count;
}

TensorType part_type(const TypeContext& context, const AxisIndices& indices, size_t first) {
  const TensorType& type = context.type(0);
  if (indices.size() != type.dims.size()) {
    context.shape_error(absl::StrCat(indices.size(), " indices for rank ", type.rank()));
  }
  if (context.size() != first + operand_bounds(indices)) {
    context.shape_error("the operands do not match the symbolic indices");
  }
  for (size_t i = first; i < context.size(); ++i) {
    if (!is_integer(context.type(i).dtype) || context.type(i).rank() != 0) {
      context.type_error(
          absl::StrCat("an index or a bound of a slice must be an integer scalar, not ",
                       context.type(i).str()),
          "cast(i, DType::kInt64) makes an integer of a number");
    }
  }
  TensorType part{type.dtype, {}};
  for (size_t axis = 0; axis < indices.size(); ++axis) {
    const AxisIndex& index = indices[axis];
    const Dim& dim = type.dims[axis];
    if (!index.is_integer) {
      if (index.step == 0) {
        context.shape_error(absl::StrCat("the slice of axis ", axis, " has step 0"));
      }
      part.dims.push_back(part_dim(index, dim));
      continue;
    }
    const int64_t number = index.start.number;
    if (index.start.kind == Bound::Kind::kNumber && dim.is_fixed() &&
        (number >= dim.length() || number < -dim.length())) {
      context.shape_error(absl::StrCat("index ", number, " is out of range for axis ", axis,
                                       " of length ", dim.length()));
    }
  }
  return part;
}

}  // namespace bitale::slices
