#include "nn/rmsprop.h"

#include "autograd/grad.h"
#include "nn/optimizer_state.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {

Updates rmsprop(const Variable& cost, const Variables& params, const Operand& learning_rate,
                const RmspropOptions& options, SourceSite site) {
  constexpr std::string_view kName = "rmsprop";
  check_learning_rate(kName, learning_rate, site);
  check_shared(kName, params, site);
  check_decay(kName, "decay", options.decay, site);
  check_epsilon(kName, options.epsilon, site);
  const Variables gradients = grad(cost, params, {}, site);
  SiteScope scope(site, kName);
  Updates updates;
  for (size_t i = 0; i < params.size(); ++i) {
    const Variable mean_square = zeros_beside(params[i], "mean_square", site);
    const Variable next = options.decay * mean_square + (1 - options.decay) * sqr(gradients[i]);
    updates.emplace_back(mean_square, next);
    updates.emplace_back(
        params[i], params[i] - mul(learning_rate, gradients[i]) / (sqrt(next) + options.epsilon));
  }
  return updates;
}

}  // namespace bitale
