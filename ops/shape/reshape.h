// The same elements, in row-major order, under other dims.
//
// Views: no element moves where the strides allow it. Gradients are reshapes back.

#ifndef BITALE_OPS_SHAPE_RESHAPE_H_
#define BITALE_OPS_SHAPE_RESHAPE_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// numpy's and Theano's reshape: `x` of any dtype and rank under `dims`, of which one may be -1
// (what remains). ShapeError when built if the counts of fixed dims differ or several dims are -1,
// at a call if the counts differ then.
Variable reshape(Operand x, ShapeItems dims);

// The same with the dims in an integer vector of `ndim` elements, as Theano spells it.
Variable reshape(Operand x, const Variable& shape, int64_t ndim);

// `x` under the dims of `like`, which has the same number of elements; their names are kept.
Variable reshape_like(Operand x, const Variable& like);

// Theano's flatten: keeps the first ndim - 1 axes and joins the others into one. ShapeError unless
// 1 <= ndim <= max(rank, 1).
Variable flatten(Operand x, int64_t ndim = 1);

class ReshapeOp final : public Op {
 public:
  // As encode_lengths() gives them.
  explicit ReshapeOp(std::vector<int64_t> lengths) : lengths_(std::move(lengths)) {}

  const std::vector<int64_t>& lengths() const { return lengths_; }

  std::string_view name() const override { return "reshape"; }
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

#endif  // BITALE_OPS_SHAPE_RESHAPE_H_
