#include "ops/creation/fill.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "ops/shape/broadcast_to.h"

namespace bitale {
namespace {

Variable fill(const Variable& scalar, ShapeItems dims, SourceSite site) {
  if (dims.size() == 0) return scalar;
  return broadcast_to(Operand(scalar, site), std::move(dims));
}

Variable fill_like(const Variable& x, double value, SourceSite site) {
  SiteScope scope(site, "");
  return fill(scalar_constant(x.dtype(), value, site), lengths_of(x), site);
}

}  // namespace

Variable zeros(ShapeItems dims, DType dtype, SourceSite site) {
  return full(std::move(dims), 0.0, dtype, site);
}

Variable ones(ShapeItems dims, DType dtype, SourceSite site) {
  return full(std::move(dims), 1.0, dtype, site);
}

Variable full(ShapeItems dims, Operand value) {
  return fill(value.variable(), std::move(dims), value.site());
}

Variable full(ShapeItems dims, double value, DType dtype, SourceSite site) {
  return fill(scalar_constant(dtype, value, site), std::move(dims), site);
}

Variable zeros_like(Operand x) { return fill_like(x.variable(), 0.0, x.site()); }

Variable ones_like(Operand x) { return fill_like(x.variable(), 1.0, x.site()); }

Variable full_like(Operand x, Operand value) {
  SiteScope scope(x.site(), "");
  const Variable variable = x.variable();
  const Variable filling = value.variable_for(variable.dtype(), "full_like");
  if (filling.dtype() != variable.dtype()) {
    const Variable both[] = {variable, filling};
    throw TypeError(absl::StrCat("full_like: a value of dtype ",
                                 std::string(name_of(filling.dtype())), " for a tensor of ",
                                 std::string(name_of(variable.dtype())), "\n",
                                 describe_operands(both), "  at: ", resolve_site(x.site()).str(),
                                 "\n  hint: cast one of them"));
  }
  return fill(filling, lengths_of(variable), x.site());
}

Variable alloc(Operand value, ShapeItems dims) {
  return fill(value.variable(), std::move(dims), value.site());
}

}  // namespace bitale
