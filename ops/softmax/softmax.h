// softmax and log_softmax along one axis.
//
// Both subtract the maximum first: logits of any finite size give finite values. A row of which one
// element is +inf, or all are -inf, gives NaN, as the limit is not defined. For a cross-entropy
// take crossentropy.h: -log(softmax(x)) loses what log_softmax keeps (a rule mends it where it sees
// it). Over an empty axis both are empty.
//
// Both are composites: they state a formula and keep their identity for rules and kernels. So are
// their pullbacks, which are ops of their own.

#ifndef BITALE_OPS_SOFTMAX_SOFTMAX_H_
#define BITALE_OPS_SOFTMAX_SOFTMAX_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// exp(x) / sum(exp(x), axis). Shape of x; floatX for discrete operands. ShapeError for an axis out
// of range. Theano's softmax (which knows the last axis only), scipy.special.softmax.
Variable softmax(Operand x, int64_t axis = -1);

// x - logsumexp(x, axis): log(softmax(x, axis)) without underflow.
Variable log_softmax(Operand x, int64_t axis = -1);

// For y = softmax(x): the gradient of x where g is that of y: y * (g - sum(g * y, axis)).
Variable softmax_grad(Operand g, Operand y, int64_t axis = -1);

// For y = log_softmax(x): the gradient of x where g is that of y: g - exp(y) * sum(g, axis).
Variable log_softmax_grad(Operand g, Operand y, int64_t axis = -1);

// The ops behind the four builders above; named as they are. One class: they differ in formula and
// derivative, and all work along one axis on operands of one shape.
class SoftmaxOp final : public Op {
 public:
  enum class Kind : uint8_t { kSoftmax, kLogSoftmax, kSoftmaxGrad, kLogSoftmaxGrad };

  // `axis` is not negative.
  SoftmaxOp(Kind kind, int64_t axis) : kind_(kind), axis_(axis) {}

  Kind kind() const { return kind_; }
  int64_t axis() const { return axis_; }

  std::string_view name() const override;
  Attributes attributes() const override { return {{"axis", axis_}}; }
  Traits traits() const override { return {.composite = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;

 private:
  Kind kind_;
  int64_t axis_;
};

}  // namespace bitale

#endif  // BITALE_OPS_SOFTMAX_SOFTMAX_H_
