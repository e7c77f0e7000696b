// Identities that change how gradients flow: for truncating, clipping and scaling them.
//
// All return x's elements unchanged. Once gradients are formed they are removed from the graph.

#ifndef BITALE_OPS_GRADIENT_CONTROL_GRADIENT_CONTROL_H_
#define BITALE_OPS_GRADIENT_CONTROL_GRADIENT_CONTROL_H_

#include "core/graph/operand.h"

namespace bitale {

// x, and x does not depend on anything for grad(): its gradient is undefined, and `wrt` variables
// that reach the cost only through it count as disconnected.
Variable disconnected_grad(Operand x);
// The same under Theano's older name.
Variable consider_constant(Operand x);
// x with gradient 0: `wrt` variables behind it stay connected.
Variable zero_grad(Operand x);
// x; its gradient is clipped to [low, high] elementwise. GraphError unless low <= high.
Variable grad_clip(Operand x, double low, double high);
// x; its gradient is multiplied by `factor`.
Variable grad_scale(Operand x, double factor);

}  // namespace bitale

#endif  // BITALE_OPS_GRADIENT_CONTROL_GRADIENT_CONTROL_H_
