#include "ops/shape/split_op.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/intern.h"
#include "core/graph/shape_context.h"
#include "ops/shape/linear_in_first.h"
#include "ops/shape/shape_item.h"
#include "ops/shape/specify_shape.h"

namespace bitale {

SymbolicDims SplitOp::known_lengths() const {
  SymbolicDims known;
  for (const int64_t length : lengths_) {
    known.push_back(length == kSymbolicLength ? Dim() : Dim(length));
  }
  return known;
}

std::vector<TensorType> SplitOp::infer_types(const TypeContext& context) const {
  check_lengths(context, lengths_, 1, /*allow_minus_one=*/false);
  TensorType type = context.type(0);
  if (std::ranges::find(lengths_, kSymbolicLength) != lengths_.end()) return {std::move(type)};
  int64_t total = 0;
  for (const int64_t length : lengths_) total += length;
  Dim& dim = type.dims[static_cast<size_t>(axis_)];
  if (!compatible(dim, Dim(total))) {
    context.shape_error(absl::StrCat("the lengths ", to_string(known_lengths()), " sum to ", total,
                                     ", axis ", axis_, " has length ", dim.str()));
  }
  dim = total;
  return {std::move(type)};
}

void SplitOp::infer_shape(ShapeContext& context) const {
  IntExpr total = 0;
  size_t operand = 1;
  for (const int64_t length : lengths_) {
    if (length != kSymbolicLength) {
      total = total + length;
      continue;
    }
    const IntExpr value = context.value(operand++);
    context.require_equal(value, max(value, 0), "a length is negative: $left");
    total = total + value;
  }
  const std::string* what =
      intern(absl::StrCat("the lengths ", to_string(known_lengths()), " sum to $right, axis ",
                          axis_, " has length $left"));
  context.require_equal(context.dim(0, static_cast<size_t>(axis_)), total, what->c_str());
  context.set_dims(0, context.dims(0));
  pass_value(context);
}

Variables SplitOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  const Variable& gradient = context.output_gradients[0];
  if (!gradient.defined() || !is_floating(gradient.dtype())) return gradients;
  // The operand's type knows less: an axis that broadcasts in the gradient must not on its way
  // back.
  const bool may_broadcast = context.inputs[0].type().dims[static_cast<size_t>(axis_)] == Dim(1);
  gradients[0] = may_broadcast ? gradient : unbroadcast(gradient, axis_);
  return gradients;
}

Variables SplitOp::pushforward(const PushforwardContext& context) const {
  return push_first(context);
}

std::optional<ViewOutput> SplitOp::view(const ViewInput& input, const Dims&, ShapeContext&) const {
  return ViewOutput{input.strides, 0};
}

}  // namespace bitale
