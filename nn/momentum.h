// Gradient descent with momentum as updates of shared variables.

#ifndef BITALE_NN_MOMENTUM_H_
#define BITALE_NN_MOMENTUM_H_

#include "core/compile/function.h"
#include "core/graph/operand.h"

namespace bitale {

struct MomentumOptions {
  // How much of the velocity lasts from step to step: at least 0 and below 1.
  double momentum = 0.9;
  // The gradient counts as if taken where the velocity leads (Nesterov 1983).
  bool nesterov = false;
};

// For each parameter w with gradient g of `cost` and a velocity v, which starts at 0 (Polyak 1964,
// "Some methods of speeding up the convergence of iteration methods"):
//
//   v <- momentum * v - learning_rate * g
//   w <- w + v                                            or, with .nesterov,
//   w <- w + momentum * v - learning_rate * g
//
// with v its new value; the latter is the step of Sutskever, Martens, Dahl and Hinton 2013 ("On the
// importance of initialization and momentum in deep learning") told of the point that it looks
// ahead to. Returns both updates for each parameter. The velocity of a parameter W is a new shared
// variable "W.velocity" of its dtype and shape. `learning_rate`: a number or a floating scalar
// variable, TypeError for another; TypeError for a parameter that is not shared; GraphError for a
// momentum out of range. Throws what grad() throws.
Updates momentum(const Variable& cost, const Variables& params, const Operand& learning_rate,
                 const MomentumOptions& options = {}, SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_NN_MOMENTUM_H_
