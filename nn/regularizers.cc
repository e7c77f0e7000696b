#include "nn/regularizers.h"

#include "core/base/error.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

Variable sum_over(const char* name, const Variables& weights, SourceSite site,
                  Variable (*term)(const Variable&)) {
  if (weights.empty()) {
    throw GraphError(std::string(name) +
                     ": no weights are given\n  at: " + resolve_site(site).str());
  }
  SiteScope scope(site, name);
  Variable total = sum(term(weights[0]));
  for (size_t i = 1; i < weights.size(); ++i) total = total + sum(term(weights[i]));
  return total;
}

}  // namespace

Variable l1_norm(const Variables& weights, SourceSite site) {
  return sum_over("l1_norm", weights, site, [](const Variable& w) { return abs(w); });
}

Variable l2_norm_squared(const Variables& weights, SourceSite site) {
  return sum_over("l2_norm_squared", weights, site, [](const Variable& w) { return sqr(w); });
}

}  // namespace bitale
