#include "nn/adam.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/graph/shared.h"
#include "nn/optimizer_state.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {
namespace {

constexpr std::string_view kName = "adam";

void check_options(const AdamOptions& options, SourceSite site) {
  check_decay(kName, "beta1", options.beta1, site);
  check_decay(kName, "beta2", options.beta2, site);
  check_epsilon(kName, options.epsilon, site);
  if (std::isfinite(options.weight_decay) && options.weight_decay >= 0) return;
  throw GraphError(absl::StrCat("adam: weight_decay must be at least 0, not ", options.weight_decay,
                                "\n  at: ", resolve_site(site).str()));
}

// What all elements share in one step, in float64: 1 - 0.999^t has few digits in float32.
struct Scalars {
  // m * rate / (sqrt(v) + epsilon) is the step with the means as they are: the root of 1 - beta2^t
  // is taken out of numerator and denominator.
  Variable rate;
  Variable epsilon;
  // What is left of a parameter, before the step.
  Variable kept;
};

Scalars scalars_of(const Operand& learning_rate, const Variable& step, const AdamOptions& options) {
  const Variable t = cast(step, DType::kFloat64);
  const Variable root = sqrt(1.0 - pow(options.beta2, t));
  const Variable rate = mul(learning_rate, scalar_constant(DType::kFloat64, 1));
  return {rate * root / (1.0 - pow(options.beta1, t)), options.epsilon * root,
          1.0 - rate * options.weight_decay};
}

}  // namespace

Updates adam(const Variable& cost, const Variables& params, const Operand& learning_rate,
             const AdamOptions& options, SourceSite site) {
  check_learning_rate(kName, learning_rate, site);
  check_shared(kName, params, site);
  check_options(options, site);
  const Variables gradients = grad(cost, params, {}, site);
  SiteScope scope(site, kName);
  const Variable count = shared(Tensor(int64_t{0}), "adam.step", {}, site);
  const Variable step = count + 1;
  const Scalars scalars = scalars_of(learning_rate, step, options);
  Updates updates = {{count, step}};
  for (size_t i = 0; i < params.size(); ++i) {
    const Variable& g = gradients[i];
    const DType dtype = params[i].dtype();
    const Variable mean = zeros_beside(params[i], "mean", site);
    const Variable mean_square = zeros_beside(params[i], "mean_square", site);
    const Variable m = options.beta1 * mean + (1 - options.beta1) * g;
    const Variable v = options.beta2 * mean_square + (1 - options.beta2) * sqr(g);
    const Variable kept =
        options.weight_decay == 0 ? params[i] : params[i] * cast(scalars.kept, dtype);
    updates.emplace_back(mean, m);
    updates.emplace_back(mean_square, v);
    updates.emplace_back(
        params[i], kept - m * cast(scalars.rate, dtype) / (sqrt(v) + cast(scalars.epsilon, dtype)));
  }
  return updates;
}

}  // namespace bitale
