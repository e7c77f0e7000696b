// beta * c + alpha * (a times b) in one node, for rules: users write the formula.
//
// A weight update W - rate * dot(X', G) becomes one product that accumulates onto W.

#ifndef BITALE_OPS_LINALG_GEMM_H_
#define BITALE_OPS_LINALG_GEMM_H_

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// beta * c + alpha * product, of scalars alpha and beta and one floating dtype. The product is
// dot(a, b) of a matrix and a matrix or vector on either side, or matmul(a, b) of stacks of equal
// rank that do not broadcast. c has the product's rank, or is a scalar: 0 to scale a product alone.
// c counts whatever beta is: unlike in BLAS, 0 times NaN is NaN. ShapeError for other ranks or
// differing dims, TypeError for differing or discrete dtypes.
Variable gemm(Operand c, Operand a, Operand b, Operand alpha, Operand beta);

// Inputs: c, a, b, alpha, beta. A composite; only rules create it.
class GemmOp final : public Op {
 public:
  std::string_view name() const override { return "gemm"; }
  Traits traits() const override { return {.composite = true, .internal = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;
};

}  // namespace bitale

#endif  // BITALE_OPS_LINALG_GEMM_H_
