#include "ops/shape/dimshuffle.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

// The axes of the operand that the order leaves out.
std::vector<int64_t> dropped_axes(const std::vector<int64_t>& order, int64_t rank) {
  std::vector<int64_t> dropped;
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (std::find(order.begin(), order.end(), axis) == order.end()) dropped.push_back(axis);
  }
  return dropped;
}

Variable shuffle(const Variable& x, std::vector<int64_t> order, SourceSite site) {
  return apply_one(std::make_shared<DimshuffleOp>(std::move(order)), {x}, site);
}

}  // namespace

ShuffledAxis::ShuffledAxis(char letter) : axis_(kNewAxis) {
  if (letter != 'x') {
    throw ShapeError(absl::StrCat("dimshuffle: an order holds axes and 'x', not '",
                                  std::string(1, letter), "'"));
  }
}

std::vector<TensorType> DimshuffleOp::infer_types(const TypeContext& context) const {
  const TensorType& type = context.type(0);
  TensorType result{type.dtype, {}};
  std::vector<bool> used(static_cast<size_t>(type.rank()), false);
  for (const int64_t axis : order_) {
    if (axis == kNewAxis) {
      result.dims.push_back(1);
      continue;
    }
    if (axis < 0 || axis >= type.rank()) {
      context.shape_error(absl::StrCat("axis ", axis, " is out of range for rank ", type.rank()),
                          "kNewAxis or 'x' makes a new axis");
    }
    if (used[static_cast<size_t>(axis)]) {
      context.shape_error(absl::StrCat("axis ", axis, " appears twice in the order"));
    }
    used[static_cast<size_t>(axis)] = true;
    result.dims.push_back(type.dims[static_cast<size_t>(axis)]);
  }
  for (const int64_t axis : dropped_axes(order_, type.rank())) {
    const Dim& dim = type.dims[static_cast<size_t>(axis)];
    if (dim == Dim(1)) continue;
    context.shape_error(
        absl::StrCat("axis ", axis, " is left out, but its length is ", dim.str(), ", not 1"),
        dim.is_fixed() ? "only axes of length 1 can go; index, reduce or flatten the others"
                       : "say broadcastable(x, axis) if the length is 1 at every call");
  }
  return {std::move(result)};
}

void DimshuffleOp::infer_shape(ShapeContext& context) const {
  IntExprs dims;
  for (const int64_t axis : order_) {
    dims.push_back(axis == kNewAxis ? IntExpr(1) : context.dim(0, static_cast<size_t>(axis)));
  }
  context.set_dims(0, dims);
  if (!context.has_value(0) || order_.size() > 1) return;
  IntExprs elements;
  const int64_t count = dims.empty() ? 1 : dims[0].is_constant() ? dims[0].constant() : 0;
  for (int64_t i = 0; i < count; ++i) {
    elements.push_back(context.value(0, static_cast<size_t>(i)));
  }
  if (count > 0) context.set_value(0, std::move(elements));
}

Variables DimshuffleOp::pullback(const PullbackContext& context) const {
  const Variable& gradient = context.output_gradients[0];
  const int64_t rank = context.inputs[0].rank();
  if (!gradient.defined() || !is_floating(gradient.dtype())) return {Variable()};
  std::vector<int64_t> back(static_cast<size_t>(rank), kNewAxis);
  for (size_t i = 0; i < order_.size(); ++i) {
    if (order_[i] != kNewAxis) back[static_cast<size_t>(order_[i])] = static_cast<int64_t>(i);
  }
  return {dimshuffle(gradient, back)};
}

Variables DimshuffleOp::pushforward(const PushforwardContext& context) const {
  if (!context.tangents[0].defined()) return {Variable()};
  return {dimshuffle(context.tangents[0], order_)};
}

std::optional<ViewOutput> DimshuffleOp::view(const ViewInput& input, const Dims&,
                                             ShapeContext&) const {
  ViewOutput view;
  for (const int64_t axis : order_) {
    // The stride of an axis of length 1 has no meaning.
    view.strides.push_back(axis == kNewAxis ? 1 : input.strides[static_cast<size_t>(axis)]);
  }
  return view;
}

Variable dimshuffle(Operand x, const std::vector<int64_t>& order) {
  return shuffle(x.variable(), order, x.site());
}

Variable dimshuffle(Operand x, std::vector<ShuffledAxis> order) {
  std::vector<int64_t> axes;
  for (const ShuffledAxis& axis : order) axes.push_back(axis.axis());
  return shuffle(x.variable(), std::move(axes), x.site());
}

Variable transpose(Operand x) {
  std::vector<int64_t> order;
  const Variable variable = x.variable();
  for (int64_t axis = variable.rank(); axis-- > 0;) order.push_back(axis);
  return shuffle(variable, std::move(order), x.site());
}

Variable transpose(Operand x, std::vector<int64_t> order) {
  const Variable variable = x.variable();
  if (static_cast<int64_t>(order.size()) != variable.rank()) {
    throw ShapeError(absl::StrCat("transpose: ", order.size(), " axes for rank ", variable.rank(),
                                  "\n", describe_operands({&variable, 1}),
                                  "  at: ", resolve_site(x.site()).str(),
                                  "\n  hint: dimshuffle adds and drops axes"));
  }
  for (int64_t& axis : order) axis = normalize_axis("transpose", axis, variable.rank(), x.site());
  return shuffle(variable, std::move(order), x.site());
}

Variable swapaxes(Operand x, int64_t a, int64_t b) {
  const Variable variable = x.variable();
  std::vector<int64_t> order;
  for (int64_t axis = 0; axis < variable.rank(); ++axis) order.push_back(axis);
  a = normalize_axis("swapaxes", a, variable.rank(), x.site());
  b = normalize_axis("swapaxes", b, variable.rank(), x.site());
  std::swap(order[static_cast<size_t>(a)], order[static_cast<size_t>(b)]);
  return shuffle(variable, std::move(order), x.site());
}

Variable squeeze(Operand x) {
  const Variable variable = x.variable();
  std::vector<int64_t> order;
  for (int64_t axis = 0; axis < variable.rank(); ++axis) {
    if (variable.type().dims[static_cast<size_t>(axis)] != Dim(1)) order.push_back(axis);
  }
  return shuffle(variable, std::move(order), x.site());
}

Variable squeeze(Operand x, std::vector<int64_t> axes) {
  SiteScope scope(x.site(), "");
  Variable variable = x.variable();
  for (int64_t& axis : axes) {
    axis = normalize_axis("squeeze", axis, variable.rank(), x.site());
    const Dim& dim = variable.type().dims[static_cast<size_t>(axis)];
    if (compatible(dim, Dim(1))) continue;
    throw ShapeError(
        absl::StrCat("squeeze: axis ", axis, " has length ", dim.str(), ", not 1\n",
                     describe_operands({&variable, 1}), "  at: ", resolve_site(x.site()).str(),
                     "\n  hint: only axes of length 1 can go; index or reduce others"));
  }
  SiteScope label(x.site(), "squeeze");
  variable = broadcastable(variable, axes);
  std::vector<int64_t> order;
  for (int64_t axis = 0; axis < variable.rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) order.push_back(axis);
  }
  return shuffle(variable, std::move(order), x.site());
}

Variable expand_dims(Operand x, int64_t axis) {
  const Variable variable = x.variable();
  axis = normalize_axis("expand_dims", axis, variable.rank() + 1, x.site());
  std::vector<int64_t> order;
  for (int64_t i = 0; i < variable.rank(); ++i) order.push_back(i);
  order.insert(order.begin() + axis, kNewAxis);
  return shuffle(variable, std::move(order), x.site());
}

int64_t normalize_axis(std::string_view op_name, int64_t axis, int64_t rank, SourceSite site) {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  throw ShapeError(absl::StrCat(
      std::string(op_name), ": axis ", axis, " is out of range for ", rank,
      rank == 1 ? " axis" : " axes", "\n  at: ", resolve_site(site).str(),
      rank == 0 ? "" : absl::StrCat("\n  hint: axes run from ", -rank, " to ", rank - 1)));
}

}  // namespace bitale
