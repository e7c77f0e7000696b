#include "ops/shape/concatenate.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/subtensor.h"
#include "ops/shape/concatenate_op.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/specify_shape.h"
#include "ops/shape/split_op.h"

namespace bitale {
namespace {

// The part of `x` along `axis`, other axes whole.
Variable slice_of(const Variable& x, int64_t axis, const ShapeItem& start, const ShapeItem& stop) {
  Indices indices(static_cast<size_t>(axis), slice(none, none));
  indices.push_back(slice(start, stop));
  return subtensor(x, indices);
}

Variables common_dtype(std::string_view name, const std::vector<Operand>& operands,
                       SourceSite site) {
  if (operands.empty()) {
    throw ShapeError(absl::StrCat(
        std::string(name), ": nothing to join: no operand\n  at: ", resolve_site(site).str()));
  }
  Variables variables = resolve_operands(name, operands);
  std::optional<DType> common;
  for (const Variable& variable : variables) {
    if (!variable.defined()) return variables;  // apply_op says which one
    common = common ? promote(*common, variable.dtype()) : variable.dtype();
  }
  for (Variable& variable : variables) {
    if (variable.dtype() != *common) variable = cast(variable, *common);
  }
  return variables;
}

}  // namespace

std::vector<TensorType> ConcatenateOp::infer_types(const TypeContext& context) const {
  TensorType result = context.type(0);
  if (result.rank() == 0) {
    context.shape_error("scalars have no axis to join along", "stack makes a vector of scalars");
  }
  const auto joined = static_cast<size_t>(axis_);
  bool all_fixed = true;
  int64_t length = 0;
  for (size_t i = 0; i < context.size(); ++i) {
    const TensorType& type = context.type(i);
    if (type.rank() != result.rank()) {
      context.shape_error(absl::StrCat("operand ", i, " has rank ", type.rank(),
                                       ", operand 0 has rank ", result.rank()));
    }
    if (type.dtype != result.dtype) {
      context.type_error(absl::StrCat("operand ", i, " is ", std::string(name_of(type.dtype)),
                                      ", operand 0 is ", std::string(name_of(result.dtype))));
    }
    for (size_t axis = 0; axis < type.dims.size(); ++axis) {
      if (axis == joined) continue;
      if (!compatible(result.dims[axis], type.dims[axis])) {
        context.shape_error(absl::StrCat("axis ", axis, " has length ", type.dims[axis].str(),
                                         " in operand ", i, ", ", result.dims[axis].str(),
                                         " before; only axis ", axis_, " may differ"));
      }
      result.dims[axis] = meet(result.dims[axis], type.dims[axis]);
    }
    const Dim& dim = type.dims[joined];
    all_fixed = all_fixed && dim.is_fixed();
    length += dim.is_fixed() ? dim.length() : 0;
  }
  result.dims[joined] = all_fixed ? Dim(length) : Dim();
  return {std::move(result)};
}

void ConcatenateOp::infer_shape(ShapeContext& context) const {
  const size_t count = context.apply().inputs().size();
  const auto joined = static_cast<size_t>(axis_);
  IntExprs dims = context.dims(0);
  bool values_known = dims.size() == 1 && context.has_value(0);
  for (size_t i = 1; i < count; ++i) {
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const IntExpr dim = context.dim(i, axis);
      if (axis == joined) {
        dims[axis] = dims[axis] + dim;
      } else {
        context.require_equal(dims[axis], dim, "lengths differ beside the axis that is joined");
      }
    }
    values_known = values_known && context.has_value(i);
  }
  values_known = values_known && dims[0].is_constant() && dims[0].constant() <= kMostValues;
  if (values_known) {
    IntExprs elements;
    for (size_t i = 0; i < count; ++i) {
      const IntExpr length = context.dim(i, 0);
      if (!length.is_constant()) values_known = false;
      for (int64_t k = 0; values_known && k < length.constant(); ++k) {
        elements.push_back(context.value(i, static_cast<size_t>(k)));
      }
    }
    if (values_known) context.set_value(0, std::move(elements));
  }
  context.set_dims(0, std::move(dims));
}

Variables ConcatenateOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  const Variable& gradient = context.output_gradients[0];
  if (!gradient.defined() || !is_floating(gradient.dtype())) return gradients;
  ShapeItem start = 0;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const ShapeItem stop = add_lengths(start, length_of(context.inputs[i], axis_));
    if (context.wanted[i]) {
      gradients[i] =
          specify_shape(slice_of(gradient, axis_, start, stop), context.inputs[i].type().dims);
    }
    start = stop;
  }
  return gradients;
}

Variables ConcatenateOp::pushforward(const PushforwardContext& context) const {
  Variables tangents;
  bool any = false;
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    any = any || context.tangents[i].defined();
    tangents.push_back(context.tangents[i].defined() ? context.tangents[i]
                                                     : zeros_like(context.inputs[i]));
  }
  if (!any) return {Variable()};
  return {apply_one(context.apply.shared_op(), tangents)};
}

Variable concatenate(const std::vector<Operand>& operands, int64_t axis, SourceSite site) {
  SiteScope scope(site, "");
  const Variables variables = common_dtype("concatenate", operands, site);
  if (variables[0].rank() > 0) {
    axis = normalize_axis("concatenate", axis, variables[0].rank(), site);
    if (variables.size() == 1) return variables[0];
  }
  return apply_one(std::make_shared<ConcatenateOp>(axis), variables, site);
}

Variable concatenate(const Variables& operands, int64_t axis, SourceSite site) {
  return concatenate(std::vector<Operand>(operands.begin(), operands.end()), axis, site);
}

namespace {

void require_equal_dims(const Variables& variables, SourceSite site) {
  for (size_t i = 1; i < variables.size(); ++i) {
    const SymbolicDims& first = variables[0].type().dims;
    const SymbolicDims& dims = variables[i].type().dims;
    bool equal = first.size() == dims.size();
    for (size_t axis = 0; equal && axis < dims.size(); ++axis) {
      equal = compatible(first[axis], dims[axis]);
    }
    if (equal) continue;
    throw ShapeError(absl::StrCat("stack: operand ", i, " has the dims ", to_string(dims),
                                  ", operand 0 has ", to_string(first), "\n",
                                  describe_operands(variables), "  at: ", resolve_site(site).str(),
                                  "\n  hint: concatenate joins along an axis that may differ"));
  }
}

}  // namespace

Variable stack(const std::vector<Operand>& operands, int64_t axis, SourceSite site) {
  SiteScope scope(site, "");
  const Variables variables = common_dtype("stack", operands, site);
  require_equal_dims(variables, site);
  axis = normalize_axis("stack", axis, variables[0].rank() + 1, site);
  SiteScope label(site, "stack");
  std::vector<Operand> expanded;
  for (const Variable& variable : variables) expanded.push_back(expand_dims(variable, axis));
  return concatenate(expanded, axis, site);
}

Variable stack(const Variables& operands, int64_t axis, SourceSite site) {
  return stack(std::vector<Operand>(operands.begin(), operands.end()), axis, site);
}

Variables split(Operand x, ShapeItems lengths, int64_t axis) {
  SiteScope scope(x.site(), "");
  Variable tensor = x.variable();
  axis = normalize_axis("split", axis, tensor.rank(), x.site());
  std::vector<ShapeItem> borders = {0};
  for (const ShapeItem& length : lengths) {
    if (length.is_static() && length.length() < 0) {
      throw ShapeError(absl::StrCat("split: a length is negative: ", length.length(),
                                    "\n  at: ", resolve_site(x.site()).str()));
    }
    borders.push_back(add_lengths(borders.back(), length));
  }
  const ShapeItem& total = borders.back();
  const Dim& dim = tensor.type().dims[static_cast<size_t>(axis)];
  if (!total.is_static() || dim != Dim(total.length())) {
    Variables operands = {tensor};
    append_lengths(lengths, operands);
    tensor =
        apply_one(std::make_shared<SplitOp>(axis, encode_lengths(lengths)), operands, x.site());
  }
  SiteScope label(x.site(), "split");
  Variables parts;
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    parts.push_back(slice_of(tensor, axis, borders[i], borders[i + 1]));
  }
  return parts;
}

}  // namespace bitale
