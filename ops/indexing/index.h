// What stands between the brackets of `x[...]`, as in numpy:
//
//   x[3]   x[i]                       integers, symbolic ones too; negative: from the end
//   x[slice(a, b)]   x[slice(none, none, -1)]     slices, with symbolic or absent bounds
//   x[{slice(), newaxis, 2}]          several axes; axes that are not mentioned are kept whole
//   x[{ellipsis, 0}]                  whole axes as many as are missing
//   p[{arange(n), y}]                 integer arrays: one element (or sub-tensor) per entry

#ifndef BITALE_OPS_INDEXING_INDEX_H_
#define BITALE_OPS_INDEXING_INDEX_H_

#include <concepts>
#include <cstdint>
#include <vector>

#include "core/graph/variable.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// An absent bound: Python's None.
struct None {};
inline constexpr None none;
// A new axis of length 1.
struct NewAxis {};
inline constexpr NewAxis newaxis;
// Whole axes, as many as are missing. At most one per index list.
struct Ellipsis {};
inline constexpr Ellipsis ellipsis;

// The start or stop of a slice, or an integer index: absent, a number, or an integer scalar
// Variable.
class SliceBound {
 public:
  SliceBound(None) {}  // NOLINT: bounds read as values
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) SliceBound(T value)
      : SliceBound(ShapeItem(value)) {}                                // NOLINT
  SliceBound(const Variable& value) : SliceBound(ShapeItem(value)) {}  // NOLINT
  SliceBound(const ShapeItem& value)                                   // NOLINT
      : kind_(value.is_static() ? Kind::kNumber : Kind::kVariable),
        number_(value.is_static() ? value.length() : 0),
        variable_(value.is_static() ? Variable() : value.variable()) {}

  bool is_absent() const { return kind_ == Kind::kAbsent; }
  bool is_number() const { return kind_ == Kind::kNumber; }
  bool is_variable() const { return kind_ == Kind::kVariable; }
  int64_t number() const { return number_; }
  const Variable& variable() const { return variable_; }

 private:
  enum class Kind : uint8_t { kAbsent, kNumber, kVariable };
  Kind kind_ = Kind::kAbsent;
  int64_t number_ = 0;
  Variable variable_;
};

class Index {
 public:
  enum class Kind : uint8_t { kInteger, kSlice, kNewAxis, kEllipsis, kArray };

  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>)
      Index(T value, SourceSite site = SourceSite::current())  // NOLINT: indices read as values
      : kind_(Kind::kInteger), start_(value), site_(site) {}
  // A scalar is an integer index, anything else an array of them.
  Index(const Variable& value, SourceSite site = SourceSite::current());  // NOLINT
  Index(NewAxis, SourceSite site = SourceSite::current())                 // NOLINT
      : kind_(Kind::kNewAxis), site_(site) {}
  Index(Ellipsis, SourceSite site = SourceSite::current())  // NOLINT
      : kind_(Kind::kEllipsis), site_(site) {}
  // A slice; slice() below reads better.
  Index(SliceBound start, SliceBound stop, int64_t step, SourceSite site)
      : kind_(Kind::kSlice), start_(start), stop_(stop), step_(step), site_(site) {}

  Kind kind() const { return kind_; }
  // The integer, or the start of a slice.
  const SliceBound& start() const { return start_; }
  const SliceBound& stop() const { return stop_; }
  int64_t step() const { return step_; }
  // Only for arrays.
  const Variable& array() const { return array_; }
  SourceSite site() const { return site_; }

 private:
  Kind kind_;
  SliceBound start_ = none;
  SliceBound stop_ = none;
  int64_t step_ = 1;
  Variable array_;
  SourceSite site_;
};

using Indices = std::vector<Index>;

// Python's slice: from start up to, not including, stop, every step-th. Bounds are clamped to the
// axis, negative ones count from the end; step may be negative, and is never 0 (ShapeError where it
// is used).
inline Index slice(SliceBound start, SliceBound stop, int64_t step = 1,
                   SourceSite site = SourceSite::current()) {
  return Index(start, stop, step, site);
}
// The whole axis: Python's `:`.
inline Index slice(SourceSite site = SourceSite::current()) { return Index(none, none, 1, site); }

}  // namespace bitale

#endif  // BITALE_OPS_INDEXING_INDEX_H_
