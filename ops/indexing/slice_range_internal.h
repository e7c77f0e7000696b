// numpy's arithmetic of slices, for plain integers (kernels) and integer expressions (shape rules).

#ifndef BITALE_OPS_INDEXING_SLICE_RANGE_INTERNAL_H_
#define BITALE_OPS_INDEXING_SLICE_RANGE_INTERNAL_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/graph/known_integer.h"
#include "core/graph/shape_context.h"
#include "ops/indexing/subtensor.h"

namespace bitale::slices {

inline int64_t min(int64_t a, int64_t b) { return std::min(a, b); }
inline int64_t max(int64_t a, int64_t b) { return std::max(a, b); }
inline int64_t less(int64_t a, int64_t b) { return a < b; }
inline int64_t select(int64_t condition, int64_t a, int64_t b) { return condition ? a : b; }

// A position counted from the front.
template <typename T>
T from_front(T position, T length) {
  return select(less(position, T(0)), position + length, position);
}

// Where a bound of a slice lies, clamped to the axis.
template <typename T>
T clamp_bound(T bound, T length, int64_t step) {
  const T position = from_front(bound, length);
  if (step > 0) return min(max(position, T(0)), length);
  return min(max(position, T(-1)), length - T(1));
}

// The first position of an axis' part; `bound` is that of `axis.start`, if it has one.
template <typename T>
T first_position(const AxisIndex& axis, T bound, T length) {
  if (axis.is_integer) return from_front(bound, length);
  if (axis.start.kind != AxisIndex::Bound::Kind::kAbsent) {
    return clamp_bound(bound, length, axis.step);
  }
  return axis.step > 0 ? T(0) : length - T(1);
}

// What one axis' index takes.
struct AxisRange {
  IntExpr start = 0;
  IntExpr length = 0;  // 1 for an integer
  // The axis stays in the part.
  bool kept = true;
};

// Of a slice of an axis of length `length`.
AxisRange slice_range(const AxisIndex& axis, IntExpr start, IntExpr stop, IntExpr length);

// The ranges at a call; `first` is the first operand that holds a bound. States, through the
// context, that integers are in range.
std::vector<AxisRange> axis_ranges(ShapeContext& context, const AxisIndices& indices, size_t first);

// The number of bounds that are operands.
size_t operand_bounds(const AxisIndices& indices);

// The part's type, for operand bounds from `first` on. Refuses through the context what
// SubtensorOp refuses.
TensorType part_type(const TypeContext& context, const AxisIndices& indices, size_t first);

}  // namespace bitale::slices

#endif  // BITALE_OPS_INDEXING_SLICE_RANGE_INTERNAL_H_
