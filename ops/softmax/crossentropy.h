// Losses, one value per row or element: take mean() or sum() of them yourself.
//
// From logits rather than from probabilities wherever there is a choice:
// crossentropy_softmax_sparse and binary_crossentropy_with_logits stay finite and exact for logits
// of +-1e4, float32 included.

#ifndef BITALE_OPS_SOFTMAX_CROSSENTROPY_H_
#define BITALE_OPS_SOFTMAX_CROSSENTROPY_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// -log(softmax(logits))[i, y[i]] for each row i. logits: float (n, classes); y: integer (n,).
// Result (n,) of the logits' dtype. A label outside [0, classes) is an Error at the call that names
// row and label. ShapeError for other ranks or different n, TypeError for a y that is not integer.
Variable crossentropy_softmax_sparse(Operand logits, Operand y);

// Its gradient: g[i] * (softmax(logits) - onehot(y))[i, j], where g: (n,). Shape of logits.
Variable crossentropy_softmax_sparse_grad(Operand g, Operand logits, Operand y);

// Theano's categorical_crossentropy, per row. p: probabilities (n, classes). y: either integer
// labels (n,), giving -log(p[i, y[i]]), or a distribution (n, classes) of p's rank, giving -sum(y *
// log(p), 1) where terms with y = 0 count 0.
Variable categorical_crossentropy(Operand p, Operand y);

// Theano's binary_crossentropy, per element: -(y log(p) + (1 - y) log(1 - p)); p and y
// broadcast; y may have any dtype (labels are 0 and 1). Nothing is clipped: where p is exactly the
// label, 0 or 1, the loss is 0 with finite derivatives; where it is exactly the other, infinite.
Variable binary_crossentropy(Operand p, Operand y);

// The same from logits z, where p = sigmoid(z): y softplus(-z) + (1 - y) softplus(z).
Variable binary_crossentropy_with_logits(Operand z, Operand y);

// (a - b)^2 per element.
Variable squared_error(Operand a, Operand b);

// The ops behind crossentropy_softmax_sparse (logits, y) and _grad (g, logits, y); named as they
// are. With `from_end`, negative labels count from the end as indices do: what the rule that
// replaces -log(softmax(x))[arange(n), y] needs, so that it refuses no label that was good before.
class CrossentropySoftmaxSparseOp final : public Op {
 public:
  explicit CrossentropySoftmaxSparseOp(bool gradient, bool from_end = false)
      : gradient_(gradient), from_end_(from_end) {}

  bool is_gradient() const { return gradient_; }
  bool counts_from_end() const { return from_end_; }

  std::string_view name() const override;
  Attributes attributes() const override;
  Traits traits() const override { return {.can_raise = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  // The gradient's node for labels counted as here.
  Variable gradient_node(const Variable& g, const Variable& logits, const Variable& y) const;

  bool gradient_;
  bool from_end_;
};

}  // namespace bitale

#endif  // BITALE_OPS_SOFTMAX_CROSSENTROPY_H_
