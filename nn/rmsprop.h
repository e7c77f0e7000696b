// RMSprop as updates of shared variables.

#ifndef BITALE_NN_RMSPROP_H_
#define BITALE_NN_RMSPROP_H_

#include "core/compile/function.h"
#include "core/graph/operand.h"

namespace bitale {

struct RmspropOptions {
  // How much of the mean of squares lasts from step to step: at least 0 and below 1.
  double decay = 0.9;
  // Added to the root, so that small gradients are not blown up: positive.
  double epsilon = 1e-8;
};

// For each parameter w with gradient g of `cost` and a running mean of squares s, which starts at 0
// (Tieleman and Hinton 2012, "Lecture 6.5-rmsprop", COURSERA: Neural Networks for Machine
// Learning):
//
//   s <- decay * s + (1 - decay) * g^2
//   w <- w - learning_rate * g / (sqrt(s) + epsilon)
//
// with s its new value. Returns both updates for each parameter. The mean of a parameter W is a new
// shared variable "W.mean_square" of its dtype and shape. `learning_rate`: a number or a floating
// scalar variable, TypeError for another; TypeError for a parameter that is not shared; GraphError
// for an option out of range. Throws what grad() throws.
Updates rmsprop(const Variable& cost, const Variables& params, const Operand& learning_rate,
                const RmspropOptions& options = {}, SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_NN_RMSPROP_H_
