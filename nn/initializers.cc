#include "nn/initializers.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace bitale {

double uniform_bound(InitRule rule, double fan_in, double fan_out, SourceSite site) {
  const bool uses_fan_out = rule == InitRule::kGlorotUniform;
  if (!(fan_in > 0) || (uses_fan_out && !(fan_out >= 0))) {
    throw GraphError(absl::StrCat(
        "initial weights need a positive fan_in",
        uses_fan_out ? " and a fan_out that is not negative" : "", ", not ", fan_in,
        uses_fan_out ? absl::StrCat(" and ", fan_out) : "", "\n  at: ", resolve_site(site).str()));
  }
  return uses_fan_out ? std::sqrt(6.0 / (fan_in + fan_out)) : std::sqrt(3.0 / fan_in);
}

Tensor uniform_weights(RandomState& rng, InitRule rule, double fan_in, double fan_out, Dims shape,
                       DType dtype, SourceSite site) {
  const double bound = uniform_bound(rule, fan_in, fan_out, site);
  return rng.uniform(-bound, bound, std::move(shape)).cast(dtype);
}

}  // namespace bitale
