#include "nn/hidden_layer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "nn/layer_checks.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"

namespace bitale {
namespace {

constexpr std::string_view kName = "HiddenLayer";

Tensor scaled(const Tensor& values, double gain) {
  if (gain == 1) return values;
  std::vector<double> scaled = values.to_vector<double>();
  for (double& value : scaled) value *= gain;
  return Tensor::from(scaled, values.shape()).cast(values.dtype());
}

}  // namespace

Variable tanh_activation(const Variable& x) { return tanh(x); }

HiddenLayer::HiddenLayer(RandomState& rng, const Variable& input, const HiddenLayerOptions& options,
                         SourceSite site) {
  SiteScope scope(site, kName);
  check_positive(kName, "n_in", options.n_in, site);
  check_positive(kName, "n_out", options.n_out, site);
  if (!std::isfinite(options.gain)) {
    throw GraphError(absl::StrCat(std::string(kName), ": gain must be finite, not ", options.gain,
                                  "\n  at: ", resolve_site(site).str()));
  }
  check_layer_input(kName, input, 2, site);
  check_layer_dim(kName, input, 1, options.n_in, "n_in", site);
  const DType dtype = input.dtype();
  W_ = given_or_new(kName, options.W, "W", dtype, {options.n_in, options.n_out}, site, [&] {
    return scaled(uniform_weights(rng, options.init, static_cast<double>(options.n_in),
                                  static_cast<double>(options.n_out), {options.n_in, options.n_out},
                                  dtype, site),
                  options.gain);
  });
  b_ = given_or_new(kName, options.b, "b", dtype, {options.n_out}, site,
                    [&] { return Tensor::zeros(dtype, {options.n_out}); });
  const Variable sums = dot(input, W_) + b_;
  output_ = options.activation ? options.activation(sums) : sums;
}

}  // namespace bitale
