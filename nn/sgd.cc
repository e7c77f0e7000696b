#include "nn/sgd.h"

#include "absl/strings/str_cat.h"
#include "autograd/grad.h"
#include "core/base/error.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"

namespace bitale {
namespace {

void check_learning_rate(const Operand& learning_rate, SourceSite site) {
  if (learning_rate.is_weak()) return;
  const Variable rate = learning_rate.variable();
  if (is_floating(rate.dtype()) && rate.rank() == 0) return;
  throw TypeError(absl::StrCat(
      "sgd: learning_rate must be a number or a floating scalar, not ", rate.str(), " ",
      rate.type().str(), "\n  made at: ", rate.site().str(), "\n  at: ", resolve_site(site).str()));
}

}  // namespace

Updates sgd(const Variable& cost, const Variables& params, const Operand& learning_rate,
            SourceSite site) {
  check_learning_rate(learning_rate, site);
  const Variables gradients = grad(cost, params, {}, site);
  SiteScope scope(site, "sgd");
  Updates updates;
  for (size_t i = 0; i < params.size(); ++i) {
    updates.emplace_back(params[i], params[i] - mul(learning_rate, gradients[i]));
  }
  return updates;
}

}  // namespace bitale
