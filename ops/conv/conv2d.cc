#include "ops/conv/conv2d.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/conv/conv2d_geometry_internal.h"
#include "ops/conv/conv2d_shape_internal.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/promoted_operands_internal.h"

namespace bitale {
namespace {

constexpr const char* kAxisNames[2] = {"height", "width"};
constexpr const char* kWrongOutputGrad[2] = {"output_grad has another height than the output",
                                             "output_grad has another width than the output"};

Variable sum_of_defined(const Variable& a, const Variable& b) {
  if (!a.defined()) return b;
  return b.defined() ? add(a, b) : a;
}

void check_options(std::string_view op_name, const Conv2dOptions& options, SourceSite site) {
  const auto check = [&](const char* what, int64_t value) {
    if (value >= 1) return;
    throw GraphError(absl::StrCat(std::string(op_name), ": ", what, " must be at least 1, not ",
                                  value, "\n  at: ", resolve_site(site).str()));
  };
  for (size_t axis = 0; axis < 2; ++axis) {
    check("subsample", options.subsample[axis]);
    check("filter_dilation", options.filter_dilation[axis]);
  }
  check("num_groups", options.num_groups);
}

void check_rank_and_dtype(const TypeContext& context, const char* first, const char* second) {
  const char* names[2] = {first, second};
  for (size_t i = 0; i < 2; ++i) {
    if (context.type(i).rank() != 4) {
      context.shape_error(
          absl::StrCat(names[i], " must have rank 4, not ", context.type(i).rank()),
          "images are (batch, channels, height, width), filters (filters, channels, "
          "height, width); reshape() or dimshuffle() adds axes");
    }
    if (is_discrete(context.type(i).dtype)) {
      context.type_error(absl::StrCat(names[i], " must be floating, not ",
                                      std::string(name_of(context.type(i).dtype))),
                         "cast() it first");
    }
  }
  if (context.type(0).dtype != context.type(1).dtype) {
    context.type_error("dtypes differ", "build it with the builder, which promotes");
  }
}

void check_sizes(const TypeContext& context) {
  for (size_t i = 2; i < 4; ++i) {
    if (context.type(i).rank() != 0 || !is_integer(context.type(i).dtype)) {
      context.type_error(absl::StrCat(kAxisNames[i - 2], " must be an integer scalar"));
    }
  }
}

// The dim that stands for channels = channels_per_group * groups.
Dim times(const Dim& dim, int64_t groups) {
  if (groups == 1) return dim;
  return dim.is_fixed() ? Dim(dim.length() * groups) : Dim();
}

void check_same(const TypeContext& context, const char* what, const Dim& a, const Dim& b) {
  if (!compatible(a, b)) {
    context.shape_error(absl::StrCat(what, ": ", a.str(), " and ", b.str()));
  }
}

void check_groups(const TypeContext& context, const Dim& filters, int64_t groups) {
  if (filters.is_fixed() && filters.length() % groups != 0) {
    context.shape_error(
        absl::StrCat(filters.length(), " filters do not fall into ", groups, " groups"));
  }
}

void check_channels(const TypeContext& context, const Dim& channels, const Dim& filter_channels,
                    int64_t groups) {
  if (compatible(channels, times(filter_channels, groups))) return;
  context.shape_error(
      absl::StrCat("channels differ: the input has ", channels.str(), ", the filters take ",
                   groups == 1
                       ? filter_channels.str()
                       : absl::StrCat(filter_channels.str(), " in each of ", groups, " groups")),
      "axis 1 of the input and axis 1 of the filters");
}

// The output's length along a spatial axis; refuses a filter that does not fit in.
Dim output_dim(const TypeContext& context, const Conv2dOptions& options, size_t axis,
               const Dim& length, const Dim& filter) {
  if (!length.is_fixed() || !filter.is_fixed()) return Dim();
  const Conv2dAxis geometry(options, axis, filter.length());
  if (filter.length() == 0) {
    context.shape_error(absl::StrCat("filters have ", kAxisNames[axis], " 0"));
  }
  if (geometry.padded(length.length()) < geometry.extent()) {
    context.shape_error(
        absl::StrCat("the filter is larger than the padded input: ", kAxisNames[axis], " ",
                     geometry.extent(), " and ", geometry.padded(length.length())),
        "border_mode \"full\" or explicit padding extends the input");
  }
  return geometry.output(length.length());
}

// A node of each kind with the same options as another.
struct Family {
  explicit Family(const Conv2dOptions& options) : options(options) {}

  Variable conv(const Variable& input, const Variable& filters) const {
    return apply_one(std::make_shared<Conv2dOp>(options), {input, filters});
  }
  // The gradient for an input of the size of `like`.
  Variable grad_inputs(const Variable& g, const Variable& filters, const Variable& like) const {
    return conv2d_grad_wrt_inputs(g, filters, length_of(like, 2), length_of(like, 3), options);
  }
  Variable grad_weights(const Variable& input, const Variable& g, const Variable& like) const {
    return conv2d_grad_wrt_weights(input, g, length_of(like, 2), length_of(like, 3), options);
  }

  const Conv2dOptions& options;
};

}  // namespace

Attributes Conv2dBaseOp::attributes() const {
  static constexpr const char* kKinds[] = {"valid", "full", "half", "explicit"};
  const BorderMode& border = options_.border_mode;
  const auto list = [](const auto& array) {
    return std::vector<int64_t>(array.begin(), array.end());
  };
  return {{"border_mode", kKinds[static_cast<size_t>(border.kind())]},
          {"pads", list(border.pads())},
          {"subsample", list(options_.subsample)},
          {"filter_dilation", list(options_.filter_dilation)},
          {"num_groups", options_.num_groups},
          {"filter_flip", options_.filter_flip}};
}

// --- conv2d -------------------------------------------------------------------------------------

Variable conv2d(Operand input, Operand filters, const Conv2dOptions& options) {
  check_options("conv2d", options, input.site());
  SiteScope scope(input.site(), "");
  return apply_one(std::make_shared<Conv2dOp>(options), promoted_operands("conv2d", input, filters),
                   input.site());
}

std::vector<TensorType> Conv2dOp::infer_types(const TypeContext& context) const {
  check_rank_and_dtype(context, "the input", "the filters");
  const SymbolicDims& x = context.type(0).dims;
  const SymbolicDims& w = context.type(1).dims;
  check_channels(context, x[1], w[1], options_.num_groups);
  check_groups(context, w[0], options_.num_groups);
  TensorType out{context.type(0).dtype, {x[0], w[0]}};
  for (size_t axis = 0; axis < 2; ++axis) {
    out.dims.push_back(output_dim(context, options_, axis, x[2 + axis], w[2 + axis]));
  }
  return {out};
}

void Conv2dOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, conv2d_dims(context, options_));
}

Variables Conv2dOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  Variables gradients(2);
  if (!g.defined()) return gradients;
  const Variable& x = context.inputs[0];
  const Variable& w = context.inputs[1];
  if (context.wanted[0]) gradients[0] = Family(options_).grad_inputs(g, w, x);
  if (context.wanted[1]) gradients[1] = Family(options_).grad_weights(x, g, w);
  return gradients;
}

Variables Conv2dOp::pushforward(const PushforwardContext& context) const {
  const Family family(options_);
  Variable from_input, from_filters;
  if (context.tangents[0].defined()) {
    from_input = family.conv(context.tangents[0], context.inputs[1]);
  }
  if (context.tangents[1].defined()) {
    from_filters = family.conv(context.inputs[0], context.tangents[1]);
  }
  return {sum_of_defined(from_input, from_filters)};
}

// --- conv2d_grad_wrt_inputs ---------------------------------------------------------------------

Variable conv2d_grad_wrt_inputs(Operand output_grad, Operand filters, ShapeItem height,
                                ShapeItem width, const Conv2dOptions& options) {
  const SourceSite site = output_grad.site();
  check_options("conv2d_grad_wrt_inputs", options, site);
  SiteScope scope(site, "");
  Variables operands = promoted_operands("conv2d_grad_wrt_inputs", output_grad, filters);
  operands.push_back(height.as_variable(site));
  operands.push_back(width.as_variable(site));
  return apply_one(std::make_shared<Conv2dGradInputsOp>(options), operands, site);
}

std::vector<TensorType> Conv2dGradInputsOp::infer_types(const TypeContext& context) const {
  check_rank_and_dtype(context, "output_grad", "the filters");
  check_sizes(context);
  const SymbolicDims& g = context.type(0).dims;
  const SymbolicDims& w = context.type(1).dims;
  check_same(context, "the numbers of filters differ", g[1], w[0]);
  check_groups(context, w[0], options_.num_groups);
  TensorType out{context.type(0).dtype, {g[0], times(w[1], options_.num_groups)}};
  for (size_t axis = 0; axis < 2; ++axis) {
    const Dim length = dim_of_length(context.input(2 + axis));
    check_same(context, kWrongOutputGrad[axis], g[2 + axis],
               output_dim(context, options_, axis, length, w[2 + axis]));
    out.dims.push_back(length);
  }
  return {out};
}

void Conv2dGradInputsOp::infer_shape(ShapeContext& context) const {
  const IntExprs g = context.dims(0);
  const IntExprs w = context.dims(1);
  IntExprs out = {g[0], w[1] * options_.num_groups};
  context.require_equal(g[1], w[0], "the numbers of filters differ");
  for (size_t axis = 0; axis < 2; ++axis) {
    const IntExpr length = context.value(2 + axis);
    context.require_equal(g[2 + axis],
                          conv2d_output_length(context, options_, axis, length, w[2 + axis]),
                          kWrongOutputGrad[axis]);
    out.push_back(length);
  }
  context.set_dims(0, std::move(out));
}

Variables Conv2dGradInputsOp::pullback(const PullbackContext& context) const {
  const Variable& v = context.output_gradients[0];
  Variables gradients(4);
  if (!v.defined()) return gradients;
  const Variable& g = context.inputs[0];
  const Variable& w = context.inputs[1];
  if (context.wanted[0]) gradients[0] = Family(options_).conv(v, w);
  if (context.wanted[1]) gradients[1] = Family(options_).grad_weights(v, g, w);
  return gradients;
}

Variables Conv2dGradInputsOp::pushforward(const PushforwardContext& context) const {
  const auto node = [&](const Variable& g, const Variable& w) {
    return apply_one(shared_from_this(), {g, w, context.inputs[2], context.inputs[3]});
  };
  Variable from_grad, from_filters;
  if (context.tangents[0].defined()) from_grad = node(context.tangents[0], context.inputs[1]);
  if (context.tangents[1].defined()) from_filters = node(context.inputs[0], context.tangents[1]);
  return {sum_of_defined(from_grad, from_filters)};
}

// --- conv2d_grad_wrt_weights --------------------------------------------------------------------

Variable conv2d_grad_wrt_weights(Operand input, Operand output_grad, ShapeItem height,
                                 ShapeItem width, const Conv2dOptions& options) {
  const SourceSite site = input.site();
  check_options("conv2d_grad_wrt_weights", options, site);
  SiteScope scope(site, "");
  Variables operands = promoted_operands("conv2d_grad_wrt_weights", input, output_grad);
  operands.push_back(height.as_variable(site));
  operands.push_back(width.as_variable(site));
  return apply_one(std::make_shared<Conv2dGradWeightsOp>(options), operands, site);
}

std::vector<TensorType> Conv2dGradWeightsOp::infer_types(const TypeContext& context) const {
  check_rank_and_dtype(context, "the input", "output_grad");
  check_sizes(context);
  const SymbolicDims& x = context.type(0).dims;
  const SymbolicDims& g = context.type(1).dims;
  const int64_t groups = options_.num_groups;
  check_same(context, "batch dims differ", x[0], g[0]);
  check_groups(context, g[1], groups);
  if (x[1].is_fixed() && x[1].length() % groups != 0) {
    context.shape_error(
        absl::StrCat(x[1].length(), " channels do not fall into ", groups, " groups"));
  }
  const Dim channels = groups == 1 ? x[1] : x[1].is_fixed() ? Dim(x[1].length() / groups) : Dim();
  TensorType out{context.type(0).dtype, {g[1], channels}};
  for (size_t axis = 0; axis < 2; ++axis) {
    const Dim length = dim_of_length(context.input(2 + axis));
    check_same(context, kWrongOutputGrad[axis], g[2 + axis],
               output_dim(context, options_, axis, x[2 + axis], length));
    out.dims.push_back(length);
  }
  return {out};
}

void Conv2dGradWeightsOp::infer_shape(ShapeContext& context) const {
  const IntExprs x = context.dims(0);
  const IntExprs g = context.dims(1);
  const int64_t groups = options_.num_groups;
  context.require_equal(x[0], g[0], "batch dims differ");
  conv2d_require_groups(context, x[1], "channels", groups);
  conv2d_require_groups(context, g[1], "filters", groups);
  IntExprs out = {g[1], floor_div(x[1], groups)};
  for (size_t axis = 0; axis < 2; ++axis) {
    const IntExpr length = context.value(2 + axis);
    context.require_equal(g[2 + axis],
                          conv2d_output_length(context, options_, axis, x[2 + axis], length),
                          kWrongOutputGrad[axis]);
    out.push_back(length);
  }
  context.set_dims(0, std::move(out));
}

Variables Conv2dGradWeightsOp::pullback(const PullbackContext& context) const {
  const Variable& v = context.output_gradients[0];
  Variables gradients(4);
  if (!v.defined()) return gradients;
  const Variable& x = context.inputs[0];
  const Variable& g = context.inputs[1];
  if (context.wanted[0]) gradients[0] = Family(options_).grad_inputs(g, v, x);
  if (context.wanted[1]) gradients[1] = Family(options_).conv(x, v);
  return gradients;
}

Variables Conv2dGradWeightsOp::pushforward(const PushforwardContext& context) const {
  const auto node = [&](const Variable& x, const Variable& g) {
    return apply_one(shared_from_this(), {x, g, context.inputs[2], context.inputs[3]});
  };
  Variable from_input, from_grad;
  if (context.tangents[0].defined()) from_input = node(context.tangents[0], context.inputs[1]);
  if (context.tangents[1].defined()) from_grad = node(context.inputs[0], context.tangents[1]);
  return {sum_of_defined(from_input, from_grad)};
}

}  // namespace bitale
