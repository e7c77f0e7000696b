#include "ops/shape/broadcast_to.h"

#include "absl/strings/str_cat.h"
#include "core/base/intern.h"
#include "core/graph/shape_context.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/linear_in_first.h"
#include "ops/shape/specify_shape.h"

namespace bitale {

std::vector<TensorType> BroadcastToOp::infer_types(const TypeContext& context) const {
  check_lengths(context, lengths_, 1, /*allow_minus_one=*/true);
  const TensorType& type = context.type(0);
  SymbolicDims dims = static_lengths(context, lengths_, 1);
  const size_t rank = type.dims.size();
  if (rank > dims.size()) {
    context.shape_error(absl::StrCat("cannot broadcast rank ", rank, " to ", dims.size(), " dims"));
  }
  const size_t lead = dims.size() - rank;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const bool kept = lengths_[axis] == kInferredLength;
    if (axis < lead) {
      if (kept) {
        context.shape_error(
            absl::StrCat("axis ", axis, " is new and cannot be kept: its dim is -1"));
      }
      continue;
    }
    const Dim& dim = type.dims[axis - lead];
    if (kept) {
      dims[axis] = dim;
    } else if (dim != Dim(1)) {
      if (!compatible(dim, dims[axis])) {
        context.shape_error(absl::StrCat("cannot broadcast ", to_string(type.dims), " to ",
                                         to_string(dims), ": ", dim.str(), " and ",
                                         dims[axis].str(), " differ"));
      }
      dims[axis] = meet(dim, dims[axis]);
    }
  }
  return {{type.dtype, std::move(dims)}};
}

void BroadcastToOp::infer_shape(ShapeContext& context) const {
  IntExprs dims = length_expressions(context, lengths_, 1);
  const TensorType& type = context.apply().input(0).type();
  const size_t lead = dims.size() - type.dims.size();
  for (size_t axis = lead; axis < dims.size(); ++axis) {
    const IntExpr dim = context.dim(0, axis - lead);
    if (lengths_[axis] == kInferredLength) {
      dims[axis] = dim;
    } else if (type.dims[axis - lead] != Dim(1)) {
      const std::string* what = intern(absl::StrCat(
          "axis ", axis - lead, " has length $left, which does not broadcast to $right"));
      context.require_equal(dim, dims[axis], what->c_str(),
                            "only a dim that is statically 1 is repeated: say broadcastable(x, "
                            "axis)");
    }
  }
  if (context.has_value(0) && dims.size() <= 1) {
    const int64_t count = dims.empty() ? 1 : dims[0].is_constant() ? dims[0].constant() : -1;
    const bool repeats = type.rank() == 0 || type.dims[0] == Dim(1);
    IntExprs elements;
    for (int64_t i = 0; i < count && i < kMostValues; ++i) {
      elements.push_back(context.value(0, repeats ? 0 : static_cast<size_t>(i)));
    }
    if (static_cast<int64_t>(elements.size()) == count) context.set_value(0, std::move(elements));
  }
  context.set_dims(0, std::move(dims));
}

Variables BroadcastToOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  if (context.output_gradients[0].defined() && is_floating(context.inputs[0].dtype())) {
    gradients[0] = sum_to_type(context.output_gradients[0], context.inputs[0].type());
  }
  return gradients;
}

Variables BroadcastToOp::pushforward(const PushforwardContext& context) const {
  return push_first(context);
}

std::optional<ViewOutput> BroadcastToOp::view(const ViewInput& input, const Dims& output_shape,
                                              ShapeContext&) const {
  ViewOutput view{Dims(output_shape.size(), 0), 0};
  const size_t lead = output_shape.size() - input.shape.size();
  for (size_t axis = lead; axis < output_shape.size(); ++axis) {
    if (input.shape[axis - lead] != 1) view.strides[axis] = input.strides[axis - lead];
  }
  return view;
}

Variable broadcast_to(Operand x, ShapeItems dims) {
  SiteScope scope(x.site(), "");
  Variables operands = {x.variable()};
  append_lengths(dims, operands);
  return apply_one(std::make_shared<BroadcastToOp>(encode_lengths(dims)), operands, x.site());
}

Variable broadcast_like(Operand x, const Variable& like) {
  SiteScope scope(x.site(), "");
  return broadcast_to(x, lengths_of(like));
}

Variable sum_to_type(Operand g, const TensorType& type) {
  SiteScope scope(g.site(), "");
  const Variable gradient = g.variable();
  const int64_t lead = gradient.rank() - type.rank();
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < lead; ++axis) axes.push_back(axis);
  std::vector<int64_t> restored;  // order that puts the summed axes of length 1 back
  int64_t kept = 0;
  for (int64_t axis = 0; axis < type.rank(); ++axis) {
    const bool repeated = type.dims[static_cast<size_t>(axis)] == Dim(1) &&
                          gradient.type().dims[static_cast<size_t>(axis + lead)] != Dim(1);
    if (repeated) axes.push_back(axis + lead);
    restored.push_back(repeated ? kNewAxis : kept++);
  }
  if (axes.empty()) return gradient;
  const Variable summed = sum(gradient, axes);
  return kept == type.rank() ? summed : dimshuffle(summed, restored);
}

}  // namespace bitale
