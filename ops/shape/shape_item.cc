#include "ops/shape/shape_item.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/intern.h"
#include "core/graph/operand.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"

namespace bitale {
namespace {

std::optional<int64_t> constant_length(const Variable& variable) {
  if (!variable.is_constant() || variable.rank() != 0 || !is_integer(variable.dtype())) {
    return std::nullopt;
  }
  return variable.value().item<int64_t>();
}

}  // namespace

ShapeItem::ShapeItem(const Variable& length) : variable_(length) {
  if (!length.defined())
    throw TypeError("a length is no variable (a default-constructed Variable)");
  if (const auto value = constant_length(length)) {
    length_ = *value;
    variable_ = Variable();
  }
}

Variable ShapeItem::as_variable(SourceSite site) const {
  return is_static() ? scalar_constant_int(DType::kInt64, length_, site) : variable_;
}

ShapeItem length_of(const Variable& x, int64_t axis) {
  const Dim& dim = x.type().dims[static_cast<size_t>(axis)];
  if (dim.is_fixed()) return dim.length();
  return shape(x, axis);
}

ShapeItems lengths_of(const Variable& x) {
  ShapeItems items;
  for (int64_t axis = 0; axis < x.rank(); ++axis) items.push_back(length_of(x, axis));
  return items;
}

ShapeItem add_lengths(const ShapeItem& a, const ShapeItem& b) {
  if (a.is_static() && b.is_static()) return a.length() + b.length();
  if (a.is_static() && a.length() == 0) return b;
  if (b.is_static() && b.length() == 0) return a;
  return add(a.as_variable(), b.as_variable());
}

ShapeItem multiply_lengths(const ShapeItem& a, const ShapeItem& b) {
  if (a.is_static() && b.is_static()) return a.length() * b.length();
  if (a.is_static() && a.length() == 1) return b;
  if (b.is_static() && b.length() == 1) return a;
  return mul(a.as_variable(), b.as_variable());
}

std::vector<int64_t> encode_lengths(const ShapeItems& items) {
  std::vector<int64_t> lengths;
  for (const ShapeItem& item : items) {
    // Below -1 nothing is meant: check_lengths() refuses it, so it must not read as symbolic.
    const int64_t length = item.is_static() ? item.length() : kSymbolicLength;
    lengths.push_back(item.is_static() && length <= kSymbolicLength ? length - 1 : length);
  }
  return lengths;
}

void append_lengths(const ShapeItems& items, Variables& operands) {
  for (const ShapeItem& item : items) {
    if (!item.is_static()) operands.push_back(item.variable());
  }
}

void check_lengths(const TypeContext& context, const std::vector<int64_t>& lengths, size_t first,
                   bool allow_minus_one) {
  size_t operands = first;
  for (size_t axis = 0; axis < lengths.size(); ++axis) {
    const int64_t length = lengths[axis];
    if (length == kSymbolicLength) ++operands;
    if (length < kSymbolicLength || (length == kInferredLength && !allow_minus_one)) {
      const int64_t written = length < kSymbolicLength ? length + 1 : length;
      context.shape_error(absl::StrCat("the length of axis ", axis, " is negative: ", written));
    }
  }
  if (operands != context.size()) {
    context.shape_error(absl::StrCat("takes ", operands, " operands, not ", context.size()));
  }
  for (size_t i = first; i < context.size(); ++i) {
    const TensorType& type = context.type(i);
    if (!is_integer(type.dtype) || type.rank() != 0) {
      context.type_error(absl::StrCat("a length must be an integer scalar, not ", type.str()));
    }
  }
}

SymbolicDims static_lengths(const TypeContext& context, const std::vector<int64_t>& lengths,
                            size_t first) {
  SymbolicDims dims;
  for (const int64_t length : lengths) {
    if (length == kSymbolicLength) {
      dims.push_back(dim_of_length(context.input(first++)));
    } else {
      dims.push_back(length == kInferredLength ? Dim() : Dim(length));
    }
  }
  return dims;
}

IntExprs length_expressions(ShapeContext& context, const std::vector<int64_t>& lengths,
                            size_t first) {
  IntExprs expressions;
  for (const int64_t length : lengths) {
    if (length != kSymbolicLength) {
      expressions.push_back(length);
      continue;
    }
    const size_t input = first++;
    const IntExpr value = context.value(input);
    if (!dim_of_length(context.apply().input(input)).is_fixed() &&
        !(context.apply().input(input).is_output() &&
          context.apply().input(input).owner()->op().traits().shape_only)) {
      const std::string* what =
          intern(absl::StrCat("the length of axis ", expressions.size(), " is negative: $left"));
      context.require_equal(value, max(value, 0), what->c_str(),
                            "lengths come from integers that must be 0 or more at every call");
    }
    expressions.push_back(value);
  }
  return expressions;
}

Dim dim_of_length(const Variable& length) {
  if (const auto value = constant_length(length)) return *value >= 0 ? Dim(*value) : Dim();
  const Apply* owner = length.owner();
  if (owner == nullptr) return Dim();
  const auto* op = dynamic_cast<const ShapeAxisOp*>(&owner->op());
  if (op == nullptr) return Dim();
  return owner->input(0).type().dims[static_cast<size_t>(op->axis())];
}

}  // namespace bitale
