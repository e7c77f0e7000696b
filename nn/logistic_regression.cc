#include "nn/logistic_regression.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "nn/layer_checks.h"
#include "ops/creation/arange.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

constexpr std::string_view kName = "LogisticRegression";

void check_labels(const char* what, const Variable& y, SourceSite site) {
  if (y.defined() && is_integer(y.dtype()) && y.rank() == 1) return;
  throw TypeError(absl::StrCat(
      std::string(kName), "::", what, ": y must be an integer vector of class numbers, not ",
      y.defined() ? absl::StrCat(y.str(), " ", y.type().str(), "\n  made at: ", y.site().str())
                  : "no variable",
      "\n  at: ", resolve_site(site).str(), "\n  hint: cast(y, DType::kInt32)"));
}

}  // namespace

LogisticRegression::LogisticRegression(const Variable& input,
                                       const LogisticRegressionOptions& options, SourceSite site) {
  SiteScope scope(site, kName);
  check_positive(kName, "n_in", options.n_in, site);
  check_positive(kName, "n_out", options.n_out, site);
  check_layer_input(kName, input, 2, site);
  check_layer_dim(kName, input, 1, options.n_in, "n_in", site);
  const DType dtype = input.dtype();
  W_ = given_or_new(kName, options.W, "W", dtype, {options.n_in, options.n_out}, site, [&] {
    return Tensor::zeros(dtype, {options.n_in, options.n_out});
  });
  b_ = given_or_new(kName, options.b, "b", dtype, {options.n_out}, site,
                    [&] { return Tensor::zeros(dtype, {options.n_out}); });
  p_y_given_x_ = softmax(dot(input, W_) + b_);
  y_pred_ = argmax(p_y_given_x_, 1);
}

Variable LogisticRegression::negative_log_likelihood(const Variable& y, SourceSite site) const {
  check_labels("negative_log_likelihood", y, site);
  SiteScope scope(site, kName);
  return -mean(log(p_y_given_x_)[{arange(shape(y, 0)), y}]);
}

Variable LogisticRegression::errors(const Variable& y, SourceSite site) const {
  check_labels("errors", y, site);
  SiteScope scope(site, kName);
  return mean(cast(neq(y_pred_, y), float_x()));
}

}  // namespace bitale
