#include "autograd/grad.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "autograd/backward.h"
#include "autograd/derivative_checks.h"
#include "autograd/named_grad.h"
#include "autograd/stabilize.h"
#include "core/base/error.h"
#include "core/graph/operand.h"
#include "ops/creation/fill.h"

namespace bitale {
namespace {

void check_cost(std::string_view name, const Variable& cost, const GradOptions& options,
                SourceSite site) {
  if (!cost.defined()) {
    if (!options.known_grads.empty()) return;
    throw GradientError(absl::StrCat(
        std::string(name), ": the cost is no variable (a default-constructed Variable)\n  at: ",
        resolve_site(site).str(), "\n  hint: it may be left out only with .known_grads"));
  }
  if (cost.rank() == 0 && is_floating(cost.dtype())) return;
  throw GradientError(absl::StrCat(
      std::string(name), ": the cost must be a floating scalar, but it is ", cost.type().str(),
      "\n  cost: ", describe(cost), "\n  at: ", resolve_site(site).str(), "\n  hint: ",
      cost.rank() == 0 ? "only floating variables have derivatives"
                       : "reduce it with sum() or mean(), or see lop() and jacobian()"));
}

// The request for `cost` with the options' known gradients, over the stabilized graph.
BackwardRequest make_request(std::string_view name, const Variable& cost, const Variables& wrt,
                             const GradOptions& options, SourceSite site) {
  BackwardRequest request;
  request.wrt = wrt;
  require_defined(name, "consider_constant", options.consider_constant, site);
  request.constants = options.consider_constant;
  Variables keys, values;
  for (const auto& [variable, gradient] : options.known_grads) {
    keys.push_back(variable);
    values.push_back(gradient);
  }
  require_floating(name, "key of known_grads", keys, site);
  values = require_derivatives(name, "value of known_grads", values, keys, site);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (std::find(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(i), keys[i]) !=
        keys.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw GradientError(absl::StrCat(std::string(name), ": known_grads holds ", keys[i].str(),
                                       " twice\n  variable: ", describe(keys[i]),
                                       "\n  at: ", resolve_site(site).str()));
    }
    request.known.emplace_back(keys[i], values[i]);
  }
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

Variables named_grad(const EntryPoint& entry, const Variable& cost, const Variables& wrt,
                     const GradOptions& options, SourceSite site) {
  check_cost(entry.name, cost, options, site);
  require_floating(entry.name, "wrt", wrt, site);
  const BackwardRequest request = make_request(entry.name, cost, wrt, options, site);
  const Variable& whole = entry.differentiated.defined() ? entry.differentiated : cost;
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
              std::string(entry.name), ": no gradient reaches wrt ", i, ", ", wrt[i].str(),
              "\n  wrt ", i, ": ", describe(wrt[i]),
              whole.defined() ? absl::StrCat("\n  ", std::string(entry.role), ": ", describe(whole))
                              : "",
              "\n  why: ", why_disconnected(starts, wrt[i], request.constants, result.cuts),
              "\n  at: ", resolve_site(site).str()));
    }
    SiteScope scope(site, "");
    if (!options.undefined_if_disconnected) result.gradients[i] = zeros_like(wrt[i]);
  }
  return result.gradients;
}

Variables grad(const Variable& cost, const Variables& wrt, const GradOptions& options,
               SourceSite site) {
  return named_grad({"grad"}, cost, wrt, options, site);
}

Variable grad(const Variable& cost, const Variable& wrt, const GradOptions& options,
              SourceSite site) {
  return grad(cost, Variables{wrt}, options, site)[0];
}

}  // namespace bitale
