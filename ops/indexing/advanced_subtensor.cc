#include "ops/indexing/advanced_subtensor.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/index_plan_internal.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/linear_in_first.h"
#include "ops/shape/reshape.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

// The type of what arrays from operand `first` on gather along axes from `axis` on.
TensorType gathered_type(const TypeContext& context, int64_t axis, size_t first) {
  const TensorType& type = context.type(0);
  if (context.size() <= first) context.shape_error("no index array");
  const auto count = static_cast<int64_t>(context.size() - first);
  if (axis < 0 || axis + count > type.rank()) {
    context.shape_error(
        absl::StrCat(count, " index arrays from axis ", axis, " on for rank ", type.rank()));
  }
  SymbolicDims common = context.type(first).dims;
  for (size_t i = first; i < context.size(); ++i) {
    const TensorType& array = context.type(i);
    if (!is_integer(array.dtype)) {
      context.type_error(absl::StrCat("an index array must be of integers, not ", array.str()));
    }
    bool fits = array.dims.size() == common.size();
    for (size_t k = 0; fits && k < common.size(); ++k) {
      fits = compatible(common[k], array.dims[k]);
      if (fits) common[k] = meet(common[k], array.dims[k]);
    }
    if (!fits) {
      context.shape_error(absl::StrCat("the index arrays differ in their dims: ", to_string(common),
                                       " and ", to_string(array.dims)));
    }
  }
  TensorType result{type.dtype, {}};
  result.dims.assign(type.dims.begin(), type.dims.begin() + axis);
  result.dims.insert(result.dims.end(), common.begin(), common.end());
  result.dims.insert(result.dims.end(), type.dims.begin() + axis + count, type.dims.end());
  return result;
}

IntExprs gathered_dims(ShapeContext& context, int64_t axis, size_t first) {
  const size_t operands = context.apply().inputs().size();
  const IntExprs common = context.dims(first);
  for (size_t i = first + 1; i < operands; ++i) {
    for (size_t k = 0; k < common.size(); ++k) {
      context.require_equal(common[k], context.dim(i, k), "the index arrays differ in their dims",
                            "an axis of length 1 is repeated only if that is known when the graph "
                            "is built: say broadcastable(x, axis)");
    }
  }
  const IntExprs all = context.dims(0);
  IntExprs dims(all.begin(), all.begin() + axis);
  dims.insert(dims.end(), common.begin(), common.end());
  dims.insert(dims.end(), all.begin() + axis + static_cast<int64_t>(operands - first), all.end());
  return dims;
}

// The arrays with one rank and equal dims.
Variables broadcast_arrays(const Variables& arrays) {
  int64_t rank = 0;
  for (const Variable& array : arrays) rank = std::max(rank, array.rank());
  const auto dim_at = [&](const Variable& array, int64_t axis) -> std::optional<Dim> {
    axis -= rank - array.rank();
    if (axis < 0) return std::nullopt;
    return array.type().dims[static_cast<size_t>(axis)];
  };
  ShapeItems lengths;
  std::vector<bool> repeated;  // some array has the axis with a length other than a fixed 1
  for (int64_t axis = 0; axis < rank; ++axis) {
    ShapeItem length = 1;
    bool found = false;
    for (const Variable& array : arrays) {
      const std::optional<Dim> dim = dim_at(array, axis);
      if (!dim || *dim == Dim(1)) continue;
      if (!found || dim->is_fixed()) length = length_of(array, axis - (rank - array.rank()));
      found = true;
    }
    lengths.push_back(length);
    repeated.push_back(found);
  }
  Variables result;
  for (const Variable& array : arrays) {
    bool needed = array.rank() < rank;
    for (int64_t axis = 0; axis < rank && !needed; ++axis) {
      needed = repeated[static_cast<size_t>(axis)] && dim_at(array, axis) == Dim(1);
    }
    result.push_back(needed ? broadcast_to(array, lengths) : array);
  }
  return result;
}

// True where an entry is the last that writes its place: only these have an effect on a set. Dims
// of the arrays.
Variable last_writers(const Variable& x, std::span<const Variable> arrays, int64_t axis) {
  const ShapeItems lengths = lengths_of(arrays[0]);
  ShapeItem count = 1;
  for (const ShapeItem& length : lengths) count = multiply_lengths(count, length);
  const Variable order = reshape(arange(count), lengths);
  ShapeItems places;
  for (size_t i = 0; i < arrays.size(); ++i) {
    places.push_back(length_of(x, axis + static_cast<int64_t>(i)));
  }
  const Variables list(arrays.begin(), arrays.end());
  const Variable writer = advanced_set_subtensor(full(places, -1.0, DType::kInt64), order, list, 0);
  return eq(advanced_subtensor(writer, list, 0), order);
}

Variable write(Operand x, Operand value, const Variables& indices, int64_t axis, bool increment) {
  SiteScope scope(x.site(), "");
  const Variables arrays = broadcast_arrays(indices);
  const Variable part = advanced_subtensor(x, arrays, axis);
  Variables operands = {
      x.variable(),
      fit_value(increment ? "advanced_inc_subtensor" : "advanced_set_subtensor", part, value)};
  operands.insert(operands.end(), arrays.begin(), arrays.end());
  return apply_one(std::make_shared<WriteAdvancedSubtensorOp>(axis, increment), operands, x.site());
}

Variables with_arrays(std::initializer_list<Variable> leading, std::span<const Variable> arrays) {
  Variables operands(leading);
  operands.insert(operands.end(), arrays.begin(), arrays.end());
  return operands;
}

}  // namespace

std::vector<TensorType> AdvancedSubtensorOp::infer_types(const TypeContext& context) const {
  return {gathered_type(context, axis_, 1)};
}

void AdvancedSubtensorOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, gathered_dims(context, axis_, 1));
}

Variables AdvancedSubtensorOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  const Variable& gradient = context.output_gradients[0];
  if (gradient.defined() && is_floating(gradient.dtype())) {
    gradients[0] = apply_one(
        std::make_shared<WriteAdvancedSubtensorOp>(axis_, /*increment=*/true),
        with_arrays({zeros_like(context.inputs[0]), gradient}, context.inputs.subspan(1)));
  }
  return gradients;
}

Variables AdvancedSubtensorOp::pushforward(const PushforwardContext& context) const {
  return push_first(context);
}

std::vector<TensorType> WriteAdvancedSubtensorOp::infer_types(const TypeContext& context) const {
  const TensorType part = gathered_type(context, axis_, 2);
  const TensorType& value = context.type(1);
  if (value.dtype != part.dtype) {
    context.type_error(absl::StrCat("cannot write ", std::string(name_of(value.dtype)), " into ",
                                    std::string(name_of(part.dtype))));
  }
  if (increment_ && part.dtype == DType::kBool) context.type_error("bool has no sum");
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

void WriteAdvancedSubtensorOp::infer_shape(ShapeContext& context) const {
  const IntExprs part = gathered_dims(context, axis_, 2);
  for (size_t axis = 0; axis < part.size(); ++axis) {
    context.require_equal(context.dim(1, axis), part[axis],
                          "the value does not fill the part that is written: lengths differ");
  }
  context.set_dims(0, context.dims(0));
}

Variables WriteAdvancedSubtensorOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  const Variable& gradient = context.output_gradients[0];
  if (!gradient.defined() || !is_floating(gradient.dtype())) return gradients;
  const std::span<const Variable> arrays = context.inputs.subspan(2);
  const Variable& value = context.inputs[1];
  if (context.wanted[0]) {
    gradients[0] = increment_ ? gradient
                              : apply_one(context.apply.shared_op(),
                                          with_arrays({gradient, zeros_like(value)}, arrays));
  }
  if (context.wanted[1]) {
    Variable part =
        apply_one(std::make_shared<AdvancedSubtensorOp>(axis_), with_arrays({gradient}, arrays));
    if (!increment_) {
      Variable mask = last_writers(context.inputs[0], arrays, axis_);
      std::vector<int64_t> order(static_cast<size_t>(axis_), kNewAxis);
      for (int64_t i = 0; i < arrays[0].rank(); ++i) order.push_back(i);
      order.resize(static_cast<size_t>(value.rank()), kNewAxis);
      part = where(dimshuffle(mask, order), part, zeros_like(part));
    }
    gradients[1] = specify_shape(part, value.type().dims);
  }
  return gradients;
}

Variables WriteAdvancedSubtensorOp::pushforward(const PushforwardContext& context) const {
  const Variable& tensor = context.tangents[0];
  const Variable& value = context.tangents[1];
  if (!tensor.defined() && !value.defined()) return {Variable()};
  if (increment_ && !value.defined()) return {tensor};
  return {apply_one(context.apply.shared_op(),
                    with_arrays({tensor.defined() ? tensor : zeros_like(context.inputs[0]),
                                 value.defined() ? value : zeros_like(context.inputs[1])},
                                context.inputs.subspan(2)))};
}

Variable take(Operand x, Operand indices, std::optional<int64_t> axis) {
  SiteScope scope(x.site(), "");
  const Variable tensor = axis ? x.variable() : flatten(x);
  return advanced_subtensor(tensor, {indices.variable()},
                            axis ? normalize_axis("take", *axis, tensor.rank(), x.site()) : 0);
}

Variable advanced_subtensor(Operand x, const Variables& indices, int64_t axis) {
  SiteScope scope(x.site(), "");
  return apply_one(std::make_shared<AdvancedSubtensorOp>(axis),
                   with_arrays({x.variable()}, broadcast_arrays(indices)), x.site());
}

Variable advanced_set_subtensor(Operand x, Operand value, const Variables& indices, int64_t axis) {
  return write(x, value, indices, axis, /*increment=*/false);
}

Variable advanced_inc_subtensor(Operand x, Operand value, const Variables& indices, int64_t axis) {
  return write(x, value, indices, axis, /*increment=*/true);
}

}  // namespace bitale
