#include "ops/creation/fill.h"

#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "ops/shape/broadcast_to.h"

namespace bitale {
namespace {

void require_lengths(std::string_view builder, const ShapeItems& dims, SourceSite site) {
  size_t axis = 0;
  for (const ShapeItem& length : dims) {
    std::string what;
    if (length.is_static()) {
      if (length.length() < 0) what = absl::StrCat("is negative: ", length.length());
    } else if (length.variable().rank() != 0 || !is_discrete(length.variable().dtype())) {
      what = absl::StrCat("must be an integer scalar, not ", length.variable().str(), " ",
                          length.variable().type().str(), ", made at ",
                          length.variable().site().str());
    }
    if (!what.empty()) {
      const std::string text = absl::StrCat(std::string(builder), ": the length of axis ", axis,
                                            " ", what, "\n  at: ", resolve_site(site).str());
      if (length.is_static()) throw ShapeError(text);
      throw TypeError(text);
    }
    ++axis;
  }
}

Variable fill(std::string_view builder, const Variable& scalar, ShapeItems dims, SourceSite site) {
  require_lengths(builder, dims, site);
  if (dims.size() == 0) return scalar;
  return broadcast_to(Operand(scalar, site), std::move(dims));
}

Variable fill_like(const Variable& x, double value, SourceSite site) {
  SiteScope scope(site, "");
  return fill("full_like", scalar_constant(x.dtype(), value, site), lengths_of(x), site);
}

}  // namespace

Variable zeros(ShapeItems dims, DType dtype, SourceSite site) {
  return fill("zeros", scalar_constant(dtype, 0.0, site), std::move(dims), site);
}

Variable ones(ShapeItems dims, DType dtype, SourceSite site) {
  return fill("ones", scalar_constant(dtype, 1.0, site), std::move(dims), site);
}

Variable full(ShapeItems dims, Operand value) {
  return fill("full", value.variable(), std::move(dims), value.site());
}

Variable full(ShapeItems dims, Operand value, DType dtype) {
  const Variable filling = value.variable_for(dtype, "full");
  if (filling.defined() && filling.dtype() != dtype) {
    // A float number without a fraction is an integer.
    const std::optional<double> number = constant_scalar(filling);
    const bool whole =
        value.is_weak_float() && std::abs(*number) < 0x1p53 && *number == std::trunc(*number);
    if (!whole) {
      const std::string what =
          value.is_weak_float()
              ? absl::StrCat("the number ", *number)
              : absl::StrCat("a value of dtype ", std::string(name_of(filling.dtype())));
      throw TypeError(absl::StrCat("full: ", what, " for a tensor of ", std::string(name_of(dtype)),
                                   "\n  at: ", resolve_site(value.site()).str()));
    }
    return full(std::move(dims), Operand(static_cast<int64_t>(*number), value.site()), dtype);
  }
  return fill("full", filling, std::move(dims), value.site());
}

Variable zeros_like(Operand x) { return fill_like(x.variable(), 0.0, x.site()); }

Variable ones_like(Operand x) { return fill_like(x.variable(), 1.0, x.site()); }

Variable full_like(Operand x, Operand value) {
  SiteScope scope(x.site(), "");
  const Variable variable = x.variable();
  const Variable filling = value.variable_for(variable.dtype(), "full_like");
  if (filling.dtype() != variable.dtype()) {
    const Variable both[] = {variable, filling};
    throw TypeError(absl::StrCat(
        "full_like: a value of dtype ", std::string(name_of(filling.dtype())), " for a tensor of ",
        std::string(name_of(variable.dtype())), "\n", describe_operands(both),
        "  at: ", resolve_site(x.site()).str(), "\n  hint: cast one of them"));
  }
  return fill("full_like", filling, lengths_of(variable), x.site());
}

Variable alloc(Operand value, ShapeItems dims) {
  return fill("alloc", value.variable(), std::move(dims), value.site());
}

}  // namespace bitale
