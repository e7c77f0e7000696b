// Indexing by integer arrays: gathers, and scatters as their gradients.

#ifndef BITALE_OPS_INDEXING_ADVANCED_SUBTENSOR_H_
#define BITALE_OPS_INDEXING_ADVANCED_SUBTENSOR_H_

#include <optional>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// numpy's take: the entries of `x` at the integers `indices` (any rank) along `axis`, whose place
// the dims of `indices` take; without an axis, `x` is flattened first. Negative indices count from
// the end; one out of range raises ExecutionError at the call.
Variable take(Operand x, Operand indices, std::optional<int64_t> axis = std::nullopt);

// x[..., a, b, ...] with integer arrays for consecutive axes from `axis` on. The arrays broadcast
// against each other; their common dims take the place of the axes they index.
Variable advanced_subtensor(Operand x, const Variables& indices, int64_t axis = 0);
// `x` with the entries at those places set to, or increased by, `value`, which broadcasts to their
// dims. Entries are written in row-major order of the arrays: the last set wins, increments add up
// in that order on every device.
Variable advanced_set_subtensor(Operand x, Operand value, const Variables& indices,
                                int64_t axis = 0);
Variable advanced_inc_subtensor(Operand x, Operand value, const Variables& indices,
                                int64_t axis = 0);

// Operands: the tensor, then index arrays of one rank and equal dims.
class AdvancedSubtensorOp final : public Op {
 public:
  explicit AdvancedSubtensorOp(int64_t axis) : axis_(axis) {}

  int64_t axis() const { return axis_; }

  std::string_view name() const override { return "advanced_subtensor"; }
  Attributes attributes() const override { return {{"axis", axis_}}; }
  Traits traits() const override { return {.can_raise = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  int64_t axis_;
};

// Operands: the tensor, the value (of exactly the gathered dims), then index arrays as above.
class WriteAdvancedSubtensorOp final : public Op {
 public:
  WriteAdvancedSubtensorOp(int64_t axis, bool increment) : axis_(axis), increment_(increment) {}

  int64_t axis() const { return axis_; }
  bool increment() const { return increment_; }

  std::string_view name() const override {
    return increment_ ? "advanced_inc_subtensor" : "advanced_set_subtensor";
  }
  Attributes attributes() const override { return {{"axis", axis_}}; }
  Traits traits() const override { return {.can_raise = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  int64_t axis_;
  bool increment_;
};

}  // namespace bitale

#endif  // BITALE_OPS_INDEXING_ADVANCED_SUBTENSOR_H_
