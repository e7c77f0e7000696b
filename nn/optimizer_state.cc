#include "nn/optimizer_state.h"

#include <cmath>
#include <shared_mutex>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shared.h"
#include "core/tensor/container.h"

namespace bitale {
namespace {

std::string at(SourceSite site) { return "\n  at: " + resolve_site(site).str(); }

Dims shape_of_value(const Variable& param) {
  const SharedContainer& container = *param.container();
  const std::shared_lock<std::shared_mutex> lock(container.mutex());
  return container.shape();
}

}  // namespace

void check_learning_rate(std::string_view optimizer, const Operand& rate, SourceSite site) {
  if (rate.is_weak()) return;
  const Variable variable = rate.variable();
  if (is_floating(variable.dtype()) && variable.rank() == 0) return;
  throw TypeError(absl::StrCat(std::string(optimizer),
                               ": learning_rate must be a number or a floating scalar, not ",
                               variable.str(), " ", variable.type().str(),
                               "\n  made at: ", variable.site().str(), at(site)));
}

void check_shared(std::string_view optimizer, const Variables& params, SourceSite site) {
  for (size_t i = 0; i < params.size(); ++i) {
    const Variable& param = params[i];
    if (param.defined() && param.is_shared()) continue;
    throw TypeError(
        absl::StrCat(std::string(optimizer), ": parameter ", i, " must be a shared variable",
                     param.defined() ? absl::StrCat(", not ", param.str(), " ", param.type().str(),
                                                    "\n  made at: ", param.site().str())
                                     : "",
                     at(site)));
  }
}

void check_decay(std::string_view optimizer, std::string_view what, double value, SourceSite site) {
  if (value >= 0 && value < 1) return;
  throw GraphError(absl::StrCat(std::string(optimizer), ": ", std::string(what),
                                " must be at least 0 and below 1, not ", value, at(site)));
}

void check_epsilon(std::string_view optimizer, double value, SourceSite site) {
  if (std::isfinite(value) && value > 0) return;
  throw GraphError(
      absl::StrCat(std::string(optimizer), ": epsilon must be positive, not ", value, at(site)));
}

Variable zeros_beside(const Variable& param, std::string_view what, SourceSite site) {
  const std::string prefix = param.name().empty() ? "" : param.name() + ".";
  return shared(Tensor::zeros(param.dtype(), shape_of_value(param)), prefix + std::string(what),
                {.dims = param.type().dims, .borrow = true}, site);
}

}  // namespace bitale
