// Basic indexing (integers and slices: views) and its inverses, writing into a part of a tensor.
//
// `x[...]` is short for subtensor(x, {...}); with integer arrays among the indices it gathers
// (ops/indexing/advanced_subtensor.h).

#ifndef BITALE_OPS_INDEXING_SUBTENSOR_H_
#define BITALE_OPS_INDEXING_SUBTENSOR_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "ops/indexing/index.h"

namespace bitale {

// numpy's x[indices], for `x` of any dtype. ShapeError for more indices than axes, several
// ellipses, a step of 0, and an integer out of range (a number at a fixed axis: when built, else at
// the call); TypeError for an index that is not of an integer dtype. Symbolic integers are host
// integers: they select at a call, without a new program for each value.
Variable subtensor(Operand x, const Indices& indices);

// `x` with the part at `indices` replaced by, or increased by, `value`, which broadcasts to that
// part and has the dtype of `x` or one that promotes to it. Pure: a new tensor; the plan writes in
// place where nobody else needs `x`. Repeated positions of integer arrays: the last value wins, or
// all add up in order.
Variable set_subtensor(Operand x, const Indices& indices, Operand value);
Variable inc_subtensor(Operand x, const Indices& indices, Operand value);

// Theano's spelling: `part` is x[indices]; the result is `x` with that part written. TypeError
// unless `part` was made by indexing (newaxis apart).
Variable set_subtensor(const Variable& part, Operand value);
Variable inc_subtensor(const Variable& part, Operand value);

// How one axis is indexed, with bounds as numbers or operands.
struct AxisIndex {
  struct Bound {
    enum class Kind : uint8_t { kAbsent, kNumber, kOperand };
    Kind kind = Kind::kAbsent;
    int64_t number = 0;
    friend bool operator==(const Bound&, const Bound&) = default;
  };
  // Takes one position and removes the axis; else a slice.
  bool is_integer = false;
  Bound start;  // of an integer: the position
  Bound stop;
  int64_t step = 1;

  bool is_whole() const {
    return !is_integer && start.kind == Bound::Kind::kAbsent && stop.kind == Bound::Kind::kAbsent &&
           step == 1;
  }
  friend bool operator==(const AxisIndex&, const AxisIndex&) = default;
};

// One entry per axis of the indexed tensor. Operand bounds follow the other operands of the op, in
// order of the axes, start before stop.
using AxisIndices = std::vector<AxisIndex>;

// "2:5, $0, ::-1": `$` and a number stands for an operand.
std::string to_string(const AxisIndices& indices);

class SubtensorOp final : public Op {
 public:
  explicit SubtensorOp(AxisIndices indices)
      : indices_(std::move(indices)), text_(to_string(indices_)) {}

  const AxisIndices& indices() const { return indices_; }

  std::string_view name() const override { return "subtensor"; }
  Attributes attributes() const override { return {{"indices", text_}}; }
  Traits traits() const override { return {.view = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  std::optional<ViewOutput> view(const ViewInput& input, const Dims& output_shape,
                                 ShapeContext& context) const override;

 private:
  AxisIndices indices_;
  std::string text_;
};

// Operands: the tensor, the value (of exactly the part's dims), operand bounds.
class WriteSubtensorOp final : public Op {
 public:
  WriteSubtensorOp(AxisIndices indices, bool increment)
      : indices_(std::move(indices)), text_(to_string(indices_)), increment_(increment) {}

  const AxisIndices& indices() const { return indices_; }
  bool increment() const { return increment_; }

  std::string_view name() const override { return increment_ ? "inc_subtensor" : "set_subtensor"; }
  Attributes attributes() const override { return {{"indices", text_}}; }
  // Bounds are host integers.
  bool needs_elements(size_t input) const override { return input < 2; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  AxisIndices indices_;
  std::string text_;
  bool increment_;
};

}  // namespace bitale

#endif  // BITALE_OPS_INDEXING_SUBTENSOR_H_
