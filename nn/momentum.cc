#include "nn/momentum.h"

#include "autograd/grad.h"
#include "nn/optimizer_state.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {

Updates momentum(const Variable& cost, const Variables& params, const Operand& learning_rate,
                 const MomentumOptions& options, SourceSite site) {
  constexpr std::string_view kName = "momentum";
  check_learning_rate(kName, learning_rate, site);
  check_shared(kName, params, site);
  check_decay(kName, "momentum", options.momentum, site);
  const Variables gradients = grad(cost, params, {}, site);
  SiteScope scope(site, kName);
  Updates updates;
  for (size_t i = 0; i < params.size(); ++i) {
    const Variable velocity = zeros_beside(params[i], "velocity", site);
    const Variable step = mul(learning_rate, gradients[i]);
    const Variable next = options.momentum * velocity - step;
    updates.emplace_back(velocity, next);
    updates.emplace_back(params[i], options.nesterov ? params[i] + options.momentum * next - step
                                                     : params[i] + next);
  }
  return updates;
}

}  // namespace bitale
