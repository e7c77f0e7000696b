// Elements repeated along new axes and axes of length 1, without copying them.

#ifndef BITALE_OPS_SHAPE_BROADCAST_TO_H_
#define BITALE_OPS_SHAPE_BROADCAST_TO_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// numpy's broadcast_to: `x` (any dtype) under `dims`, at least as many as it has axes, aligned at
// the last. An axis repeats if the type fixes its length at 1; the others must equal their dim, or
// their dim is -1 (kept). A view with stride 0. ShapeError when built for fixed dims, else at the
// call.
Variable broadcast_to(Operand x, ShapeItems dims);
// The same with the dims of `like`; their names are kept.
Variable broadcast_like(Operand x, const Variable& like);

// What the gradient `g` of a broadcast result is to an operand of type `type`: summed over the axes
// that the broadcast repeated (those in front, and those of fixed length 1 that are not so in `g`).
Variable sum_to_type(Operand g, const TensorType& type);

class BroadcastToOp final : public Op {
 public:
  // As encode_lengths() gives them.
  explicit BroadcastToOp(std::vector<int64_t> lengths) : lengths_(std::move(lengths)) {}

  const std::vector<int64_t>& lengths() const { return lengths_; }

  std::string_view name() const override { return "broadcast_to"; }
  Attributes attributes() const override { return {{"dims", lengths_}}; }
  Traits traits() const override { return {.view = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  std::optional<ViewOutput> view(const ViewInput& input, const Dims& output_shape,
                                 ShapeContext& context) const override;

 private:
  std::vector<int64_t> lengths_;
};

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_BROADCAST_TO_H_
