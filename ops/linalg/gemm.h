// beta * c + alpha * dot(a, b) in one node, for rules: users write the formula.
//
// A weight update W - rate * dot(X', G) becomes one product that accumulates onto W.

#ifndef BITALE_OPS_LINALG_GEMM_H_
#define BITALE_OPS_LINALG_GEMM_H_

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// beta * c + alpha * dot(a, b) of matrices c (m, n), a (m, k), b (k, n) and scalars, all of one
// floating dtype. Where beta is 0 at run time, c does not count, NaN or not, as in BLAS. ShapeError
// for other ranks or differing dims, TypeError for differing or discrete dtypes.
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
