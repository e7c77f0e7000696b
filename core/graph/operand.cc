#include "core/graph/operand.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/options.h"
#include "core/graph/op.h"

namespace bitale {
namespace {

// Whether `dtype` holds `value` exactly.
bool integer_fits(int64_t value, DType dtype) {
  if (is_floating(dtype)) {
    // A float64 beyond the largest int64 is rounded, and does not come back.
    const double rounded = Tensor(value).cast(dtype).item<double>();
    return std::fabs(rounded) < 0x1p63 ? static_cast<int64_t>(rounded) == value
                                       : rounded == -0x1p63 && value == INT64_MIN;
  }
  return visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::same_as<T, bool>) {
      return value == 0 || value == 1;
    } else if constexpr (std::integral<T>) {
      return std::in_range<T>(value);
    } else {
      return false;
    }
  });
}

// The common dtype of those operands that have one; nothing if all are numbers. TypeError where two
// have none in common.
std::optional<DType> common_dtype(std::string_view op_name, std::span<const Operand> operands) {
  std::optional<DType> common;
  Variables seen;
  for (const Operand& operand : operands) {
    if (operand.is_weak() || !operand.is_defined()) continue;  // apply_op says which is missing
    seen.push_back(operand.variable());
    const DType dtype = seen.back().dtype();
    try {
      common = common ? promote(*common, dtype) : dtype;
    } catch (const TypeError&) {
      throw TypeError(absl::StrCat(std::string(op_name), ": ", std::string(name_of(*common)),
                                   " and ", std::string(name_of(dtype)),
                                   " have no common integer type\n", describe_operands(seen),
                                   "  at: ", resolve_site(operand.site()).str(),
                                   "\n  hint: cast one of them, e.g. cast(x, DType::kInt64)"));
    }
  }
  return common;
}

}  // namespace

Operand::Operand(const Tensor& value, SourceSite site)
    : variable_(constant(value, "", site)), site_(site) {}

Variable Operand::variable() const {
  switch (weak_) {
    case Weak::kNone:
      if (!variable_.defined()) {
        throw TypeError("an operand is no variable (a default-constructed Variable)\n  at: " +
                        resolve_site(site_).str());
      }
      return variable_;
    case Weak::kBool:
      return scalar_constant_int(DType::kBool, integer_, site_);
    case Weak::kInteger:
      return scalar_constant_int(DType::kInt64, integer_, site_);
    case Weak::kFloat:
      break;
  }
  return scalar_constant(float_x(), float_, site_);
}

Variable Operand::variable_for(DType dtype, std::string_view op_name) const {
  if (weak_ == Weak::kNone) return variable_;
  if (weak_ == Weak::kFloat) {
    return scalar_constant(is_floating(dtype) ? dtype : float_x(), float_, site_);
  }
  if (weak_ == Weak::kInteger && dtype == DType::kBool) dtype = DType::kInt64;
  if (!integer_fits(integer_, dtype)) {
    throw TypeError(absl::StrCat(
        std::string(op_name), ": the number ", integer_, " does not fit the ",
        std::string(name_of(dtype)), " operand beside it\n  at: ", resolve_site(site_).str(),
        "\n  hint: cast the operand to a wider dtype first",
        is_floating(dtype) ? ", or round the number: write it as a float" : ""));
  }
  return scalar_constant_int(dtype, integer_, site_);
}

Variables resolve_operands(std::string_view op_name, std::initializer_list<Operand> operands) {
  return resolve_operands(op_name, std::span(operands.begin(), operands.size()));
}

Variables resolve_operands(std::string_view op_name, std::span<const Operand> operands) {
  std::optional<DType> common = common_dtype(op_name, operands);
  const bool weak_float = std::ranges::any_of(operands, &Operand::is_weak_float);
  if (!common && weak_float) common = float_x();
  Variables variables;
  variables.reserve(operands.size());
  for (const Operand& operand : operands) {
    if (!operand.is_defined()) {
      variables.emplace_back();
    } else {
      variables.push_back(common ? operand.variable_for(*common, op_name) : operand.variable());
    }
  }
  return variables;
}

Variable constant(const Tensor& value, std::string name, SourceSite site) {
  // The caller may write to the tensor; a constant stays what it was.
  return Variable::make_constant(value.defined() ? value.copy() : value, std::move(name), site);
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
