#include "nn/sgd.h"

#include "autograd/grad.h"
#include "nn/optimizer_state.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {

Updates sgd(const Variable& cost, const Variables& params, const Operand& learning_rate,
            SourceSite site) {
  check_learning_rate("sgd", learning_rate, site);
  const Variables gradients = grad(cost, params, {}, site);
  SiteScope scope(site, "sgd");
  Updates updates;
  for (size_t i = 0; i < params.size(); ++i) {
    updates.emplace_back(params[i], params[i] - mul(learning_rate, gradients[i]));
  }
  return updates;
}

}  // namespace bitale
