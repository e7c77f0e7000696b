// Where the maxima of pooling windows stand, as numbers, and back from there.
//
// PyTorch's return_indices and max_unpool. The positions of a max-pooled image take the place of
// the image where only they are needed, as by gradients.

#ifndef BITALE_OPS_POOL_POSITIONS_H_
#define BITALE_OPS_POOL_POSITIONS_H_

#include <array>

#include "ops/pool/pool.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// For each window of x (..., h, w), where its maximum stands: int32 (..., oh, ow), row * w +
// column, of the first of equal elements, and of NaN before numbers. `options.mode` plays no part.
// Errors as pool_2d, and ShapeError at a call for planes of 2^31 elements or more. No gradient
// passes.
Variable max_pool_positions(Operand x, std::array<int64_t, 2> ws, const PoolOptions& options = {});

// Planes (..., height, width) of zeros to which `values` (..., oh, ow) are added at `positions`
// (integers of the same dims): with those of max_pool_positions, the values stand where the maxima
// stood. Values of one position add up. ShapeError for other dims, TypeError for positions that are
// not integers, ExecutionError for a position that is out of range. A composite.
Variable max_unpool(Operand values, Operand positions, const ShapeItem& height,
                    const ShapeItem& width);

// Input: x.
class MaxPoolPositionsOp final : public PoolBaseOp {
 public:
  using PoolBaseOp::PoolBaseOp;
  std::string_view name() const override { return "max_pool_positions"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

}  // namespace bitale

#endif  // BITALE_OPS_POOL_POSITIONS_H_
