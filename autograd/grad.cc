#include "autograd/grad.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "autograd/backward.h"
#include "autograd/derivative_checks.h"
#include "autograd/stabilize.h"
#include "core/base/error.h"
#include "core/graph/operand.h"
#include "ops/creation/fill.h"

namespace bitale {
namespace {

void check_cost(const Variable& cost, const GradOptions& options, SourceSite site) {
  if (!cost.defined()) {
    if (!options.known_grads.empty()) return;
    throw GradientError(absl::StrCat(
        "grad: the cost is no variable (a default-constructed Variable)\n  at: ",
        resolve_site(site).str(), "\n  hint: it may be left out only with .known_grads"));
  }
  if (cost.rank() == 0 && is_floating(cost.dtype())) return;
  throw GradientError(absl::StrCat(
      "grad: the cost must be a floating scalar, but it is ", cost.type().str(),
      "\n  cost: ", describe(cost), "\n  at: ", resolve_site(site).str(), "\n  hint: ",
      cost.rank() == 0 ? "only floating variables have derivatives"
                       : "reduce it with sum() or mean(), or see lop() and jacobian()"));
}

// The request for `cost` with the options' known gradients, over the stabilized graph.
BackwardRequest make_request(const Variable& cost, const Variables& wrt, const GradOptions& options,
                             SourceSite site) {
  BackwardRequest request;
  request.wrt = wrt;
  request.constants = options.consider_constant;
  Variables keys, values;
  for (const auto& [variable, gradient] : options.known_grads) {
    keys.push_back(variable);
    values.push_back(gradient);
  }
  require_floating("grad", "key of known_grads", keys, site);
  values = require_derivatives("grad", "value of known_grads", values, keys, site);
  for (size_t i = 0; i < keys.size(); ++i) request.known.emplace_back(keys[i], values[i]);
  if (cost.defined()) {
    Variables boundary = wrt;
    boundary.insert(boundary.end(), options.consider_constant.begin(),
                    options.consider_constant.end());
    boundary.insert(boundary.end(), keys.begin(), keys.end());
    const Variable stable = stabilized_clone({cost}, boundary)[0];
    GradientSiteScope scope(cost.site());
    request.seeds.emplace_back(stable, scalar_constant(cost.dtype(), 1.0));
  }
  return request;
}

}  // namespace

Variables grad(const Variable& cost, const Variables& wrt, const GradOptions& options,
               SourceSite site) {
  check_cost(cost, options, site);
  require_floating("grad", "wrt", wrt, site);
  const BackwardRequest request = make_request(cost, wrt, options, site);
  BackwardResult result = run_backward(request);
  for (size_t i = 0; i < wrt.size(); ++i) {
    if (result.gradients[i].defined()) continue;
    Variables starts;
    for (const auto& [start, gradient] : request.seeds) starts.push_back(start);
    for (const auto& [start, gradient] : request.known) starts.push_back(start);
    if (options.disconnected_inputs != Disconnected::kIgnore) {
      report_disconnected(
          options.disconnected_inputs,
          absl::StrCat(
              "grad: no gradient reaches wrt ", i, ", ", wrt[i].str(), "\n  wrt ", i, ": ",
              describe(wrt[i]), cost.defined() ? absl::StrCat("\n  cost: ", describe(cost)) : "",
              "\n  why: ", why_disconnected(starts, wrt[i], request.constants, result.cuts),
              "\n  at: ", resolve_site(site).str()));
    }
    SiteScope scope(site, "");
    if (!options.undefined_if_disconnected) result.gradients[i] = zeros_like(wrt[i]);
  }
  return result.gradients;
}

Variable grad(const Variable& cost, const Variable& wrt, const GradOptions& options,
              SourceSite site) {
  return grad(cost, Variables{wrt}, options, site)[0];
}

}  // namespace bitale
