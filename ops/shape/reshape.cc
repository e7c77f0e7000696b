#include "ops/shape/reshape.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/indexing/subtensor.h"
#include "ops/shape/linear_in_first.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

// Drops pairs of equal factors from both products: what is left decides -1, so that a length that
// is 0 or not known on both sides does no harm.
template <typename Factor, typename Same>
void cancel(absl::InlinedVector<Factor, 4>& a, absl::InlinedVector<Factor, 4>& b, Same&& same) {
  for (size_t i = 0; i < a.size();) {
    const auto it =
        std::find_if(b.begin(), b.end(), [&](const Factor& other) { return same(a[i], other); });
    if (it == b.end()) {
      ++i;
      continue;
    }
    b.erase(it);
    a.erase(a.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// The product of dims that are all fixed.
std::optional<int64_t> fixed_product(const SymbolicDims& dims) {
  int64_t product = 1;
  for (const Dim& dim : dims) {
    if (!dim.is_fixed()) return std::nullopt;
    product *= dim.length();
  }
  return product;
}

bool has_zero(const SymbolicDims& dims) {
  return std::find(dims.begin(), dims.end(), Dim(0)) != dims.end();
}

IntExpr product_of(const IntExprs& factors) {
  IntExpr product = 1;
  for (const IntExpr& factor : factors) product = product * factor;
  return product;
}

}  // namespace

std::vector<TensorType> ReshapeOp::infer_types(const TypeContext& context) const {
  check_lengths(context, lengths_, 1, /*allow_minus_one=*/true);
  const auto minus_ones = std::count(lengths_.begin(), lengths_.end(), kInferredLength);
  if (minus_ones > 1) {
    context.shape_error(absl::StrCat(minus_ones, " dims are -1, only one can be inferred"));
  }
  const TensorType& type = context.type(0);
  SymbolicDims dims = static_lengths(context, lengths_, 1);

  SymbolicDims before = type.dims;
  SymbolicDims after;
  std::optional<size_t> inferred;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (lengths_[axis] == kInferredLength) {
      inferred = axis;
    } else {
      after.push_back(dims[axis]);
    }
  }
  const bool both_empty = has_zero(before) && has_zero(after);
  // Two unknown dims are not known to be equal.
  cancel(before, after, [](const Dim& a, const Dim& b) { return a == b && !a.is_unknown(); });
  const std::optional<int64_t> count = fixed_product(before);
  const std::optional<int64_t> others = fixed_product(after);
  if (!count || !others || (both_empty && !inferred)) return {{type.dtype, std::move(dims)}};
  const auto refuse = [&] {
    SymbolicDims asked = dims;
    context.shape_error(
        absl::StrCat("the counts of elements differ: ", to_string(type.dims), " does not fill ",
                     inferred ? "a multiple of " : "", to_string(asked)),
        inferred ? "the dims beside the -1 must divide the count of elements" : "");
  };
  if (!inferred) {
    if (*count != *others) refuse();
  } else {
    if (*others == 0 || *count % *others != 0) refuse();
    dims[*inferred] = Dim(*count / *others);
  }
  return {{type.dtype, std::move(dims)}};
}

void ReshapeOp::infer_shape(ShapeContext& context) const {
  IntExprs dims = length_expressions(context, lengths_, 1);
  IntExprs before = context.dims(0);
  IntExprs after;
  std::optional<size_t> inferred;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (lengths_[axis] == kInferredLength) {
      inferred = axis;
    } else {
      after.push_back(dims[axis]);
    }
  }
  const IntExpr all_before = product_of(before);
  const IntExpr all_after = product_of(after);
  cancel(before, after, [](const IntExpr& a, const IntExpr& b) { return a.same_as(b); });
  const IntExpr count = product_of(before);
  const IntExpr others = product_of(after);
  if (inferred) {
    dims[*inferred] = floor_div(count, others);
    context.require_equal(count, dims[*inferred] * others,
                          "the dims beside the -1 do not divide the count of elements");
    if (!others.is_constant() || others.constant() == 0) {
      context.require(others, "a dim of -1 cannot be inferred beside a dim of length 0",
                      "give all dims as numbers or scalars");
    }
  } else if (!count.same_as(others)) {
    // Without what was cancelled they need not be equal: it may be 0.
    context.require_equal(all_before, all_after, "the counts of elements differ",
                          "a reshape keeps the number of elements; one dim may be -1");
  }
  context.set_dims(0, std::move(dims));

  pass_value(context);
}

Variables ReshapeOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  if (context.output_gradients[0].defined() && is_floating(context.inputs[0].dtype())) {
    gradients[0] = reshape_like(context.output_gradients[0], context.inputs[0]);
  }
  return gradients;
}

Variables ReshapeOp::pushforward(const PushforwardContext& context) const {
  if (!context.tangents[0].defined()) return {Variable()};
  return {reshape_like(context.tangents[0], context.outputs[0])};
}

std::optional<ViewOutput> ReshapeOp::view(const ViewInput& input, const Dims& output_shape,
                                          ShapeContext&) const {
  if (element_count(output_shape) == 0) return ViewOutput{contiguous_strides(output_shape), 0};
  // Runs of axes on both sides with equal counts are matched; inside a run the input must be laid
  // out as one axis. Axes of length 1 have no say.
  Dims shape;
  Dims strides;
  for (size_t axis = 0; axis < input.shape.size(); ++axis) {
    if (input.shape[axis] == 1) continue;
    shape.push_back(input.shape[axis]);
    strides.push_back(input.strides[axis]);
  }
  ViewOutput view{Dims(output_shape.size(), 1), 0};
  size_t in = 0;
  size_t out = 0;
  while (in < shape.size() && out < output_shape.size()) {
    size_t in_end = in + 1;
    size_t out_end = out + 1;
    int64_t in_count = shape[in];
    int64_t out_count = output_shape[out];
    while (in_count != out_count) {
      if (in_count < out_count) {
        in_count *= shape[in_end++];
      } else {
        out_count *= output_shape[out_end++];
      }
    }
    for (size_t axis = in; axis + 1 < in_end; ++axis) {
      if (strides[axis] != strides[axis + 1] * shape[axis + 1]) return std::nullopt;
    }
    int64_t stride = strides[in_end - 1];
    for (size_t axis = out_end; axis-- > out;) {
      view.strides[axis] = stride;
      stride *= output_shape[axis];
    }
    in = in_end;
    out = out_end;
  }
  return view;
}

Variable reshape(Operand x, ShapeItems dims) {
  SiteScope scope(x.site(), "");
  Variables operands = {x.variable()};
  append_lengths(dims, operands);
  return apply_one(std::make_shared<ReshapeOp>(encode_lengths(dims)), operands, x.site());
}

Variable reshape(Operand x, const Variable& shape, int64_t ndim) {
  SiteScope scope(x.site(), "");
  const Variable lengths = specify_shape(shape, {Dim(ndim)});
  ShapeItems dims;
  for (int64_t axis = 0; axis < ndim; ++axis) dims.push_back(lengths[axis]);
  return reshape(x, std::move(dims));
}

Variable reshape_like(Operand x, const Variable& like) {
  SiteScope scope(x.site(), "");
  // With one axis each, equal counts are equal lengths.
  if (like.rank() == 1 && x.variable().type().dims == like.type().dims) return x.variable();
  return reshape(x, lengths_of(like));
}

Variable flatten(Operand x, int64_t ndim) {
  SiteScope scope(x.site(), "");
  const Variable variable = x.variable();
  if (ndim < 1 || ndim > std::max<int64_t>(variable.rank(), 1)) {
    throw ShapeError(absl::StrCat("flatten: cannot make ", ndim, " dims of rank ", variable.rank(),
                                  "\n", describe_operands({&variable, 1}),
                                  "  at: ", resolve_site(x.site()).str(),
                                  "\n  hint: ndim counts the dims of the result"));
  }
  if (variable.rank() == ndim) return variable;
  ShapeItems dims;
  for (int64_t axis = 0; axis + 1 < ndim; ++axis) dims.push_back(length_of(variable, axis));
  dims.push_back(-1);
  return reshape(variable, std::move(dims));
}

}  // namespace bitale
