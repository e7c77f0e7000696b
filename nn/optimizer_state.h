// What optimizers have in common: what they check of their arguments, with the optimizer's name in
// the message, and the state that they keep beside parameters.

#ifndef BITALE_NN_OPTIMIZER_STATE_H_
#define BITALE_NN_OPTIMIZER_STATE_H_

#include <string_view>

#include "core/graph/operand.h"

namespace bitale {

// TypeError unless `rate` is a number or a floating scalar.
void check_learning_rate(std::string_view optimizer, const Operand& rate, SourceSite site);

// TypeError unless each of `params` is a shared variable: state is made in its shape.
void check_shared(std::string_view optimizer, const Variables& params, SourceSite site);

// GraphError unless `value` is at least 0 and below 1. `what` names it: "beta1".
void check_decay(std::string_view optimizer, std::string_view what, double value, SourceSite site);

// GraphError unless `value` is finite and positive.
void check_epsilon(std::string_view optimizer, double value, SourceSite site);

// A new shared variable of zeros with the dtype, shape and dims of `param`, which is shared. It is
// called "W.velocity" for a parameter W and `what` "velocity", and "velocity" for one without name.
Variable zeros_beside(const Variable& param, std::string_view what, SourceSite site);

}  // namespace bitale

#endif  // BITALE_NN_OPTIMIZER_STATE_H_
