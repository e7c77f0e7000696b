#include "nn/layer_checks.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace bitale {
namespace {

std::string places(const Variable& variable, SourceSite site) {
  return absl::StrCat("\n  variable: ", variable.str(), " ", variable.type().str(), ", made at ",
                      variable.site().str(), "\n  at: ", resolve_site(site).str());
}

}  // namespace

void check_layer_input(std::string_view layer, const Variable& input, int64_t rank,
                       SourceSite site) {
  const std::string name(layer);
  if (!input.defined()) {
    throw TypeError(
        absl::StrCat(name, ": the input is no variable\n  at: ", resolve_site(site).str()));
  }
  if (!is_floating(input.dtype())) {
    throw TypeError(absl::StrCat(name, ": the input must be of a floating dtype, not ",
                                 std::string(name_of(input.dtype())), places(input, site)));
  }
  if (input.rank() != rank) {
    throw ShapeError(absl::StrCat(name, ": the input must have rank ", rank, ", not ", input.rank(),
                                  places(input, site)));
  }
}

void check_layer_dim(std::string_view layer, const Variable& input, int64_t axis, int64_t length,
                     std::string_view what, SourceSite site) {
  const Dim& dim = input.type().dims[axis];
  if (!dim.is_fixed() || dim.length() == length) return;
  throw ShapeError(absl::StrCat(std::string(layer), ": ", std::string(what), " is ", length,
                                ", but axis ", axis, " of the input has length ", dim.length(),
                                places(input, site)));
}

void check_positive(std::string_view layer, std::string_view what, int64_t value, SourceSite site) {
  if (value > 0) return;
  throw ShapeError(absl::StrCat(std::string(layer), ": ", std::string(what),
                                " must be positive, not ", value,
                                "\n  at: ", resolve_site(site).str()));
}

void check_given_weights(std::string_view layer, const Variable& given, std::string_view name,
                         DType dtype, const Dims& dims, SourceSite site) {
  if (given.defined() && given.is_shared() &&
      equals_or_narrows(given.type(), fixed_type(dtype, dims))) {
    return;
  }
  throw TypeError(absl::StrCat(std::string(layer), ": ", std::string(name),
                               " must be a shared variable of type ", fixed_type(dtype, dims).str(),
                               given.defined() ? places(given, site) : ""));
}

}  // namespace bitale
