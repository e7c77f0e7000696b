// Adam, with or without decoupled weight decay (AdamW), as updates of shared variables.

#ifndef BITALE_NN_ADAM_H_
#define BITALE_NN_ADAM_H_

#include "core/compile/function.h"
#include "core/graph/operand.h"

namespace bitale {

struct AdamOptions {
  // How much of the running means of gradients and of their squares lasts from step to step: at
  // least 0 and below 1.
  double beta1 = 0.9;
  double beta2 = 0.999;
  // Added to the root, so that small gradients are not blown up: positive.
  double epsilon = 1e-8;
  // AdamW: each step also takes learning_rate * weight_decay * w off a parameter w, past all means.
  // At least 0, finite.
  double weight_decay = 0;
};

// For each parameter w with gradient g of `cost`, and running means m and v, which start at 0, in
// step t = 1, 2, ... (Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm
// 1; the last term is that of Loshchilov and Hutter 2019, "Decoupled weight decay regularization"):
//
//   m <- beta1 * m + (1 - beta1) * g
//   v <- beta2 * v + (1 - beta2) * g^2
//   w <- w - learning_rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
//          - learning_rate * weight_decay * w
//
// with m and v their new values. What depends on t alone is computed in float64, once for all
// elements. Returns three updates for each parameter, and that of the step count. The means of a
// parameter W are new shared variables "W.mean" and "W.mean_square" of its dtype and shape; the
// count is a new shared int64 scalar "adam.step". `learning_rate`: a number or a floating scalar
// variable, TypeError for another; TypeError for a parameter that is not shared; GraphError for an
// option out of range. Throws what grad() throws.
Updates adam(const Variable& cost, const Variables& params, const Operand& learning_rate,
             const AdamOptions& options = {}, SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_NN_ADAM_H_
