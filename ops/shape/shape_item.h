// One length in a list of dims: a C++ integer or an integer scalar Variable.
//
// `reshape(x, {batch, 1, 28, 28})` and `zeros({n, 10})` read alike whether `batch` and `n` are
// numbers of the program or of the graph. A scalar Variable that reaches a dim is a host integer:
// it costs no transfer, and its value takes part in the choice of the program.

#ifndef BITALE_OPS_SHAPE_SHAPE_ITEM_H_
#define BITALE_OPS_SHAPE_SHAPE_ITEM_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "core/base/dim.h"
#include "core/graph/op.h"
#include "core/graph/shape_context.h"
#include "core/graph/variable.h"

namespace bitale {

class ShapeItem {
 public:
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) ShapeItem(T length)
      : length_(static_cast<int64_t>(length)) {}  // NOLINT: numbers read as dims
  // A constant scalar becomes a number.
  ShapeItem(const Variable& length);  // NOLINT: variables read as dims

  bool is_static() const { return !variable_.defined(); }
  // Only for static items.
  int64_t length() const { return length_; }
  // Only for the others.
  const Variable& variable() const { return variable_; }
  // The length as an int64 scalar variable.
  Variable as_variable(SourceSite site = {}) const;

 private:
  int64_t length_ = 0;
  Variable variable_;
};

// A list of lengths; braces around numbers and variables convert.
class ShapeItems {
 public:
  ShapeItems() = default;
  ShapeItems(std::initializer_list<ShapeItem> items) : items_(items) {}               // NOLINT
  ShapeItems(std::vector<ShapeItem> items) : items_(std::move(items)) {}              // NOLINT
  ShapeItems(const Dims& dims) : items_(dims.begin(), dims.end()) {}                  // NOLINT
  ShapeItems(const std::vector<int64_t>& dims) : items_(dims.begin(), dims.end()) {}  // NOLINT

  size_t size() const { return items_.size(); }
  const ShapeItem& operator[](size_t i) const { return items_[i]; }
  void push_back(ShapeItem item) { items_.push_back(std::move(item)); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<ShapeItem> items_;
};

// --- For builders -------------------------------------------------------------------------------

// Length of one axis of `x`, and all of them: numbers where the type fixes them, else shape(x,
// axis).
ShapeItem length_of(const Variable& x, int64_t axis);
ShapeItems lengths_of(const Variable& x);

// Sum and product; no operators, which would compete with those of Variables.
ShapeItem add_lengths(const ShapeItem& a, const ShapeItem& b);
ShapeItem multiply_lengths(const ShapeItem& a, const ShapeItem& b);

// --- For ops that take a list of dims
// ------------------------------------------------------------- Such an op keeps the numbers as an
// attribute and the variables as trailing operands; an entry of kSymbolicLength stands for the next
// operand.

inline constexpr int64_t kInferredLength = -1;
inline constexpr int64_t kSymbolicLength = -2;

// Host-integer vectors longer than this are not worth tracking.
inline constexpr int64_t kMostValues = 64;

// The attribute.
std::vector<int64_t> encode_lengths(const ShapeItems& items);
// Appends the operands.
void append_lengths(const ShapeItems& items, Variables& operands);
// Refuses, through the context, lengths below -1 (below 0 without `allow_minus_one`), and operands
// from `first` on that are not integer scalars or not as many as the entries say.
void check_lengths(const TypeContext& context, const std::vector<int64_t>& lengths, size_t first,
                   bool allow_minus_one);
// What is known of each length from the operands: -1 stays unknown.
SymbolicDims static_lengths(const TypeContext& context, const std::vector<int64_t>& lengths,
                            size_t first);
// The lengths at a call; requires symbolic ones not to be negative. The entry of -1 is -1.
IntExprs length_expressions(ShapeContext& context, const std::vector<int64_t>& lengths,
                            size_t first);

// The dim that the integer scalar `length` stands for: fixed for a constant, the axis' own for
// shape(z, axis), else unknown.
Dim dim_of_length(const Variable& length);

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_SHAPE_ITEM_H_
