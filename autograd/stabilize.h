// The numerically safe form of what is about to be differentiated. Not for users.

#ifndef BITALE_AUTOGRAD_STABILIZE_H_
#define BITALE_AUTOGRAD_STABILIZE_H_

#include "core/graph/variable.h"

namespace bitale {

// `outputs` after the stabilize rules: the derivative of log(softmax(x)) written out is 0/0 where
// the one of log_softmax(x) is a number. The `boundary` variables keep their identity, and rules do
// not look behind them. Whatever no rule touched is the original again, not a copy; the originals
// are not changed.
Variables stabilized_clone(const Variables& outputs, const Variables& boundary);

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_STABILIZE_H_
