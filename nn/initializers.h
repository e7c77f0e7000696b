// Initial values of weights, drawn as the tutorial draws them: numpy's RandomState, uniform,
// float64, then cast.

#ifndef BITALE_NN_INITIALIZERS_H_
#define BITALE_NN_INITIALIZERS_H_

#include <cstdint>

#include "core/base/site.h"
#include "core/tensor/random_state.h"
#include "core/tensor/tensor.h"

namespace bitale {

enum class InitRule : uint8_t {
  // +-sqrt(6 / (fan_in + fan_out)): Glorot and Bengio 2010, for tanh; the tutorial's rule.
  kGlorotUniform,
  // +-sqrt(3 / fan_in): unit variance of the sum; the other rule of the tutorial's text.
  kFanInUniform,
};

// Half the width of the rule's interval. GraphError unless fan_in is positive and fan_out, where
// the rule looks at it, at least 0.
double uniform_bound(InitRule rule, double fan_in, double fan_out,
                     SourceSite site = SourceSite::current());

// Weights of `shape`, uniform within the rule's bounds, of dtype `dtype`.
Tensor uniform_weights(RandomState& rng, InitRule rule, double fan_in, double fan_out, Dims shape,
                       DType dtype, SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_NN_INITIALIZERS_H_
