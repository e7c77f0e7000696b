#include "nn/initializers.h"

#include <cmath>
#include <utility>

#include "core/base/error.h"

namespace bitale {

double uniform_bound(InitRule rule, double fan_in, double fan_out) {
  if (!(fan_in > 0) || !(fan_out > 0)) {
    throw GraphError("initial weights need positive fan_in and fan_out, not " +
                     std::to_string(fan_in) + " and " + std::to_string(fan_out));
  }
  return rule == InitRule::kGlorotUniform ? std::sqrt(6.0 / (fan_in + fan_out))
                                          : std::sqrt(3.0 / fan_in);
}

Tensor uniform_weights(RandomState& rng, InitRule rule, double fan_in, double fan_out, Dims shape,
                       DType dtype) {
  const double bound = uniform_bound(rule, fan_in, fan_out);
  return rng.uniform(-bound, bound, std::move(shape)).cast(dtype);
}

}  // namespace bitale
