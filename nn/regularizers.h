// Penalties on weights, to be added to a cost.

#ifndef BITALE_NN_REGULARIZERS_H_
#define BITALE_NN_REGULARIZERS_H_

#include "core/graph/operand.h"

namespace bitale {

// Sum of absolute values over all of `weights`: a scalar. GraphError for an empty list.
Variable l1_norm(const Variables& weights, SourceSite site = SourceSite::current());

// Sum of squares over all of `weights`: a scalar. GraphError for an empty list.
Variable l2_norm_squared(const Variables& weights, SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_NN_REGULARIZERS_H_
