#include "autograd/pushforward.h"

#include "absl/strings/str_cat.h"
#include "autograd/backward.h"
#include "autograd/derivative_checks.h"
#include "autograd/forward.h"
#include "autograd/named_grad.h"
#include "autograd/stabilize.h"
#include "core/base/error.h"
#include "ops/creation/fill.h"

namespace bitale {

Variables lop(const Variables& outputs, const Variables& wrt, const Variables& output_gradients,
              const GradOptions& options, SourceSite site) {
  require_floating("lop", "output", outputs, site);
  require_defined("lop", "consider_constant", options.consider_constant, site);
  require_floating("lop", "wrt", wrt, site);
  if (!options.known_grads.empty()) {
    throw GradientError(
        absl::StrCat("lop: .known_grads must be empty\n  at: ", resolve_site(site).str()));
  }
  const Variables weights =
      require_derivatives("lop", "output gradient", output_gradients, outputs, site);
  BackwardRequest request;
  request.wrt = wrt;
  request.constants = options.consider_constant;
  Variables boundary = wrt;
  boundary.insert(boundary.end(), request.constants.begin(), request.constants.end());
  const Variables stable = stabilized_clone(outputs, boundary);
  for (size_t i = 0; i < stable.size(); ++i) request.seeds.emplace_back(stable[i], weights[i]);
  BackwardResult result = run_backward(request);
  for (size_t i = 0; i < wrt.size(); ++i) {
    if (result.gradients[i].defined()) continue;
    if (options.disconnected_inputs != Disconnected::kIgnore) {
      report_disconnected(
          options.disconnected_inputs,
          absl::StrCat("lop: no gradient reaches wrt ", i, ", ", wrt[i].str(), "\n  wrt ", i, ": ",
                       describe(wrt[i]), "\n  why: ",
                       why_disconnected(stable, wrt[i], request.constants, result.cuts),
                       "\n  at: ", resolve_site(site).str()));
    }
    SiteScope scope(site, "");
    if (!options.undefined_if_disconnected) result.gradients[i] = zeros_like(wrt[i]);
  }
  return result.gradients;
}

Variable lop(const Variable& output, const Variable& wrt, const Variable& output_gradient,
             const GradOptions& options, SourceSite site) {
  return lop(Variables{output}, Variables{wrt}, Variables{output_gradient}, options, site)[0];
}

Variables named_rop(const EntryPoint& entry, const Variables& outputs, const Variables& wrt,
                    const Variables& tangents, const RopOptions& options, SourceSite site) {
  require_floating(entry.name, "output", outputs, site);
  require_floating(entry.name, "wrt", wrt, site);
  const Variables moves = require_derivatives(entry.name, entry.role, tangents, wrt, site);
  const Variables stable = stabilized_clone(outputs, wrt);
  Variables results = run_forward(stable, wrt, moves);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (results[i].defined()) continue;
    if (options.disconnected_outputs != Disconnected::kIgnore) {
      report_disconnected(
          options.disconnected_outputs,
          absl::StrCat(std::string(entry.name), ": output ", i, ", ", outputs[i].str(),
                       ", does not move with any wrt\n  output ", i, ": ", describe(outputs[i]),
                       "\n  at: ", resolve_site(site).str()));
    }
    SiteScope scope(site, "");
    results[i] = zeros_like(outputs[i]);
  }
  return results;
}

Variables rop(const Variables& outputs, const Variables& wrt, const Variables& tangents,
              const RopOptions& options, SourceSite site) {
  return named_rop({.name = "rop", .role = "tangent"}, outputs, wrt, tangents, options, site);
}

Variable rop(const Variable& output, const Variable& wrt, const Variable& tangent,
             const RopOptions& options, SourceSite site) {
  return rop(Variables{output}, Variables{wrt}, Variables{tangent}, options, site)[0];
}

Variables hessian_vector_product(const Variable& cost, const Variables& wrt, const Variables& v,
                                 SourceSite site) {
  constexpr std::string_view kName = "hessian_vector_product";
  const Variables gradients = named_grad({kName}, cost, wrt, {}, site);
  return named_rop({.name = kName, .role = "direction"}, gradients, wrt, v,
                   {.disconnected_outputs = Disconnected::kIgnore}, site);
}

Variable hessian_vector_product(const Variable& cost, const Variable& wrt, const Variable& v,
                                SourceSite site) {
  return hessian_vector_product(cost, Variables{wrt}, Variables{v}, site)[0];
}

}  // namespace bitale
