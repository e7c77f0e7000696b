#include "ops/shape/specify_shape.h"

#include "absl/strings/str_cat.h"
#include "core/graph/shape_context.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/linear_in_first.h"

namespace bitale {

std::vector<TensorType> SpecifyShapeOp::infer_types(const TypeContext& context) const {
  TensorType type = context.type(0);
  if (dims_.size() != type.dims.size()) {
    context.shape_error(
        absl::StrCat(dims_.size(), " dims for rank ", type.rank(), ": ", to_string(dims_)));
  }
  for (size_t axis = 0; axis < dims_.size(); ++axis) {
    if (!compatible(dims_[axis], type.dims[axis])) {
      context.shape_error(absl::StrCat("axis ", axis, " has length ", type.dims[axis].str(),
                                       ", which cannot be ", dims_[axis].str()));
    }
    type.dims[axis] = meet(type.dims[axis], dims_[axis]);
  }
  return {std::move(type)};
}

void SpecifyShapeOp::infer_shape(ShapeContext& context) const {
  IntExprs dims = context.dims(0);
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (!dims_[axis].is_fixed()) continue;
    context.require_equal(dims[axis], dims_[axis].length(),
                          "an axis has another length than was specified",
                          "specify_shape and broadcastable promise a length for every call");
    dims[axis] = dims_[axis].length();
  }
  context.set_dims(0, std::move(dims));
  pass_value(context);
}

Variables SpecifyShapeOp::pullback(const PullbackContext& context) const {
  const Variable& gradient = context.output_gradients[0];
  if (!gradient.defined() || !is_floating(gradient.dtype())) return {Variable()};
  // The operand's type knows less: what broadcasts in the gradient must not on its way back.
  std::vector<int64_t> forgotten;
  for (size_t axis = 0; axis < dims_.size(); ++axis) {
    if (context.inputs[0].type().dims[axis] != Dim(1)) {
      forgotten.push_back(static_cast<int64_t>(axis));
    }
  }
  return {unbroadcast(gradient, forgotten)};
}

Variables SpecifyShapeOp::pushforward(const PushforwardContext& context) const {
  return push_first(context);
}

std::optional<ViewOutput> SpecifyShapeOp::view(const ViewInput& input, const Dims&,
                                               ShapeContext&) const {
  return ViewOutput{input.strides, 0};
}

std::vector<TensorType> UnbroadcastOp::infer_types(const TypeContext& context) const {
  TensorType type = context.type(0);
  for (const int64_t axis : axes_) {
    if (axis >= type.rank()) {
      context.shape_error(absl::StrCat("axis ", axis, " is out of range for rank ", type.rank()));
    }
    type.dims[static_cast<size_t>(axis)] = Dim();
  }
  return {std::move(type)};
}

void UnbroadcastOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, context.dims(0));
}

Variables UnbroadcastOp::pullback(const PullbackContext& context) const {
  const Variable& gradient = context.output_gradients[0];
  if (!gradient.defined() || !is_floating(gradient.dtype())) return {Variable()};
  return {specify_shape(gradient, context.inputs[0].type().dims)};
}

Variables UnbroadcastOp::pushforward(const PushforwardContext& context) const {
  return push_first(context);
}

std::optional<ViewOutput> UnbroadcastOp::view(const ViewInput& input, const Dims&,
                                              ShapeContext&) const {
  return ViewOutput{input.strides, 0};
}

Variable specify_shape(Operand x, SymbolicDims dims) {
  const Variable variable = x.variable();
  bool narrows = dims.size() != variable.type().dims.size();
  for (size_t axis = 0; axis < dims.size() && !narrows; ++axis) {
    const Dim& known = variable.type().dims[axis];
    narrows = !compatible(known, dims[axis]) || meet(known, dims[axis]) != known;
  }
  if (!narrows) return variable;
  return apply_one(std::make_shared<SpecifyShapeOp>(std::move(dims)), {variable}, x.site());
}

Variable broadcastable(Operand x, std::vector<int64_t> axes) {
  SymbolicDims dims(static_cast<size_t>(x.variable().rank()));
  for (const int64_t axis : axes) {
    dims[static_cast<size_t>(
        normalize_axis("broadcastable", axis, static_cast<int64_t>(dims.size()), x.site()))] = 1;
  }
  return specify_shape(x, std::move(dims));
}

Variable unbroadcast(Operand x, std::vector<int64_t> axes) {
  const Variable variable = x.variable();
  std::vector<int64_t> fixed;
  for (int64_t axis : axes) {
    axis = normalize_axis("unbroadcast", axis, variable.rank(), x.site());
    if (variable.type().dims[static_cast<size_t>(axis)] == Dim(1)) fixed.push_back(axis);
  }
  if (fixed.empty()) return variable;
  return apply_one(std::make_shared<UnbroadcastOp>(std::move(fixed)), {variable}, x.site());
}

}  // namespace bitale
