#include "core/graph/operand.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/options.h"

namespace bitale {
namespace {

bool integer_fits(int64_t value, DType dtype) {
  return visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::same_as<T, bool>) {
      return value == 0 || value == 1;
    } else if constexpr (std::integral<T>) {
      return std::in_range<T>(value);
    } else {
      return true;
    }
  });
}

}  // namespace

Operand::Operand(const Tensor& value, SourceSite site)
    : variable_(Variable::make_constant(value, "", site)), site_(site) {}

Variable Operand::variable() const {
  switch (weak_) {
    case Weak::kNone: return variable_;
    case Weak::kBool: return scalar_constant_int(DType::kBool, integer_, site_);
    case Weak::kInteger: return scalar_constant_int(DType::kInt64, integer_, site_);
    case Weak::kFloat: break;
  }
  return scalar_constant(float_x(), float_, site_);
}

Variable Operand::variable_for(DType dtype, std::string_view op_name) const {
  if (weak_ == Weak::kNone) return variable_;
  if (weak_ == Weak::kFloat) {
    return scalar_constant(is_floating(dtype) ? dtype : float_x(), float_, site_);
  }
  if (is_floating(dtype)) {
    return scalar_constant(dtype, static_cast<double>(integer_), site_);
  }
  if (weak_ == Weak::kInteger && dtype == DType::kBool) dtype = DType::kInt64;
  if (!integer_fits(integer_, dtype)) {
    throw TypeError(absl::StrCat(std::string(op_name), ": the number ", integer_,
                                 " does not fit the ", std::string(name_of(dtype)),
                                 " operand beside it\n  at: ", resolve_site(site_).str(),
                                 "\n  hint: cast the operand to a wider dtype first"));
  }
  return scalar_constant_int(dtype, integer_, site_);
}

Variables resolve_operands(std::string_view op_name, std::initializer_list<Operand> operands) {
  std::optional<DType> common;
  bool weak_float = false;
  for (const Operand& operand : operands) {
    if (operand.is_weak()) {
      weak_float = weak_float || operand.is_weak_float();
      continue;
    }
    const Variable variable = operand.variable();
    if (!variable.defined()) continue;  // apply_op says which operand is missing
    common = common ? promote(*common, variable.dtype()) : variable.dtype();
  }
  if (!common && weak_float) common = float_x();
  Variables variables;
  variables.reserve(operands.size());
  for (const Operand& operand : operands) {
    variables.push_back(common ? operand.variable_for(*common, op_name) : operand.variable());
  }
  return variables;
}

Variable constant(const Tensor& value, std::string name, SourceSite site) {
  return Variable::make_constant(value, std::move(name), site);
}

Variable scalar_constant(DType dtype, double value, SourceSite site) {
  return Variable::make_constant(Tensor(value).cast(dtype), "", site);
}

Variable scalar_constant_int(DType dtype, int64_t value, SourceSite site) {
  return Variable::make_constant(Tensor(value).cast(dtype), "", site);
}

std::optional<double> constant_scalar(const Variable& variable) {
  if (!variable.is_constant() || variable.value().size() != 1) return std::nullopt;
  return variable.value().item<double>();
}

}  // namespace bitale
