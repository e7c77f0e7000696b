#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/graph/shape_context.h"
#include "ops/creation/fill.h"
#include "ops/indexing/slice_range_internal.h"
#include "ops/indexing/subtensor.h"
#include "ops/shape/linear_in_first.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

using Bound = AxisIndex::Bound;

// `first` and `value` beside the operand bounds, which start at `bounds` among `inputs`.
Variables with_bounds(std::initializer_list<Variable> leading, std::span<const Variable> inputs,
                      size_t bounds) {
  Variables operands(leading);
  operands.insert(operands.end(), inputs.begin() + static_cast<std::ptrdiff_t>(bounds),
                  inputs.end());
  return operands;
}

}  // namespace

std::string to_string(const AxisIndices& indices) {
  int operand = 0;
  const auto text = [&](const Bound& bound) {
    switch (bound.kind) {
      case Bound::Kind::kAbsent:
        return std::string();
      case Bound::Kind::kNumber:
        return absl::StrCat(bound.number);
      case Bound::Kind::kOperand:
        break;
    }
    return absl::StrCat("$", operand++);
  };
  return absl::StrJoin(indices, ", ", [&](std::string* out, const AxisIndex& axis) {
    const std::string start = text(axis.start);
    const std::string stop = text(axis.stop);
    absl::StrAppend(out, start);
    if (axis.is_integer) return;
    absl::StrAppend(out, ":", stop);
    if (axis.step != 1) absl::StrAppend(out, ":", axis.step);
  });
}

std::vector<TensorType> SubtensorOp::infer_types(const TypeContext& context) const {
  return {slices::part_type(context, indices_, 1)};
}

void SubtensorOp::infer_shape(ShapeContext& context) const {
  const std::vector<slices::AxisRange> ranges = slices::axis_ranges(context, indices_, 1);
  IntExprs dims;
  for (const slices::AxisRange& range : ranges) {
    if (range.kept) dims.push_back(range.length);
  }
  context.set_dims(0, std::move(dims));

  if (!context.has_value(0)) return;
  if (ranges.empty()) {
    context.set_value(0, {context.value(0)});
    return;
  }
  const slices::AxisRange& range = ranges[0];
  if (!range.start.is_constant() || !range.length.is_constant()) return;
  const int64_t last = range.start.constant() + (range.length.constant() - 1) * indices_[0].step;
  const IntExpr length = context.dim(0, 0);
  if (!length.is_constant() || range.length.constant() == 0) return;
  for (const int64_t position : {range.start.constant(), last}) {
    if (position < 0 || position >= length.constant()) return;
  }
  IntExprs elements;
  for (int64_t i = 0; i < range.length.constant(); ++i) {
    elements.push_back(
        context.value(0, static_cast<size_t>(range.start.constant() + i * indices_[0].step)));
  }
  context.set_value(0, std::move(elements));
}

Variables SubtensorOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  if (context.output_gradients[0].defined() && is_floating(context.inputs[0].dtype())) {
    gradients[0] =
        apply_one(std::make_shared<WriteSubtensorOp>(indices_, /*increment=*/true),
                  with_bounds({zeros_like(context.inputs[0]), context.output_gradients[0]},
                              context.inputs, 1));
  }
  return gradients;
}

Variables SubtensorOp::pushforward(const PushforwardContext& context) const {
  return push_first(context);
}

std::optional<ViewOutput> SubtensorOp::view(const ViewInput& input, const Dims&,
                                            ShapeContext& context) const {
  ViewOutput view;
  const std::vector<slices::AxisRange> ranges = slices::axis_ranges(context, indices_, 1);
  for (size_t axis = 0; axis < ranges.size(); ++axis) {
    view.offset = view.offset + ranges[axis].start * input.strides[axis];
    if (ranges[axis].kept) view.strides.push_back(input.strides[axis] * indices_[axis].step);
  }
  return view;
}

std::vector<TensorType> WriteSubtensorOp::infer_types(const TypeContext& context) const {
  const TensorType part = slices::part_type(context, indices_, 2);
  const TensorType& value = context.type(1);
  if (value.dtype != part.dtype) {
    context.type_error(absl::StrCat("cannot write ", std::string(name_of(value.dtype)), " into ",
                                    std::string(name_of(part.dtype))));
  }
  if (increment_ && part.dtype == DType::kBool) {
    context.type_error("bool has no sum", "set_subtensor, or logical_or with a mask, may be meant");
  }
  bool fits = value.rank() == part.rank();
  for (size_t axis = 0; fits && axis < part.dims.size(); ++axis) {
    fits = compatible(value.dims[axis], part.dims[axis]);
  }
  if (!fits) {
    context.shape_error(absl::StrCat("the value has dims ", to_string(value.dims), ", the part ",
                                     to_string(part.dims)));
  }
  return {context.type(0)};
}

void WriteSubtensorOp::infer_shape(ShapeContext& context) const {
  size_t axis = 0;
  for (const slices::AxisRange& range : slices::axis_ranges(context, indices_, 2)) {
    if (!range.kept) continue;
    context.require_equal(context.dim(1, axis++), range.length,
                          "the value does not fill the part that is written: lengths differ");
  }
  context.set_dims(0, context.dims(0));
}

Variables WriteSubtensorOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  const Variable& gradient = context.output_gradients[0];
  if (!gradient.defined() || !is_floating(gradient.dtype())) return gradients;
  const Variable& value = context.inputs[1];
  if (context.wanted[0]) {
    gradients[0] = increment_
                       ? gradient
                       : apply_one(context.apply.shared_op(),
                                   with_bounds({gradient, zeros_like(value)}, context.inputs, 2));
  }
  if (context.wanted[1]) {
    const Variable part = apply_one(std::make_shared<SubtensorOp>(indices_),
                                    with_bounds({gradient}, context.inputs, 2));
    gradients[1] = specify_shape(part, value.type().dims);
  }
  return gradients;
}

Variables WriteSubtensorOp::pushforward(const PushforwardContext& context) const {
  const Variable& tensor = context.tangents[0];
  const Variable& value = context.tangents[1];
  if (!tensor.defined() && !value.defined()) return {Variable()};
  if (increment_ && !value.defined()) return {tensor};
  return {apply_one(context.apply.shared_op(),
                    with_bounds({tensor.defined() ? tensor : zeros_like(context.inputs[0]),
                                 value.defined() ? value : zeros_like(context.inputs[1])},
                                context.inputs, 2))};
}

}  // namespace bitale
