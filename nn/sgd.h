// Stochastic gradient descent as updates of shared variables.

#ifndef BITALE_NN_SGD_H_
#define BITALE_NN_SGD_H_

#include "core/compile/function.h"
#include "core/graph/operand.h"

namespace bitale {

// params[i] - learning_rate * grad(cost, params[i]) for each parameter. `learning_rate`: a number
// or a floating scalar variable, TypeError for another. Throws what grad() throws.
Updates sgd(const Variable& cost, const Variables& params, const Operand& learning_rate,
            SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_NN_SGD_H_
