#include "ops/pool/pool.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/guarded_at_zero_internal.h"
#include "ops/pool/pool_shape_internal.h"
#include "ops/shape/shape_item.h"

namespace bitale {
namespace {

[[noreturn]] void refuse(std::string_view op_name, std::string_view what, SourceSite site,
                         std::string_view hint = "") {
  std::string text = absl::StrCat(std::string(op_name), ": ", std::string(what),
                                  "\n  at: ", resolve_site(site).str());
  if (!hint.empty()) absl::StrAppend(&text, "\n  hint: ", std::string(hint));
  throw GraphError(text);
}

void check_image(const TypeContext& context, size_t input) {
  if (context.type(input).rank() < 2) {
    context.shape_error(absl::StrCat("needs at least 2 axes, not ", context.type(input).rank()),
                        "the last two axes are pooled");
  }
}

void check_floating(const TypeContext& context, size_t input) {
  if (is_discrete(context.type(input).dtype)) {
    context.type_error(absl::StrCat("needs a floating dtype, not ",
                                    std::string(name_of(context.type(input).dtype))),
                       "cast() it first");
  }
}

// The type of a pooled image.
TensorType pooled_type(const PoolWindow& window, const TensorType& x) {
  TensorType out = x;
  for (size_t axis = 0; axis < 2; ++axis) {
    Dim& dim = out.dims[out.dims.size() - 2 + axis];
    dim = dim.is_fixed() ? Dim(window.output_length(axis, dim.length())) : Dim();
  }
  return out;
}

IntExpr output_length(const PoolWindow& window, size_t axis, const IntExpr& length) {
  const int64_t ws = window.ws[axis];
  const int64_t stride = window.stride[axis];
  const IntExpr padded = length + 2 * window.pad[axis];
  if (window.ignore_border) return max(floor_div(padded - ws, stride) + 1, 0);
  if (stride >= ws) return floor_div(padded - 1, stride) + 1;
  return select(equal(padded, 0), 0, max(floor_div(padded - 1 - ws + stride, stride), 0) + 1);
}

// Each dim of `a` against that of `b`, when built.
void check_same_dims(const TypeContext& context, const TensorType& a, const TensorType& b,
                     const char* what) {
  bool same = a.rank() == b.rank();
  for (int64_t axis = 0; same && axis < a.rank(); ++axis) {
    same = compatible(a.dims[axis], b.dims[axis]);
  }
  if (!same) {
    context.shape_error(absl::StrCat(what, ": ", to_string(a.dims), " and ", to_string(b.dims)));
  }
}

void check_same_dtypes(const TypeContext& context) {
  if (context.type(0).dtype != context.type(1).dtype) context.type_error("dtypes differ");
}

// And at a call.
void require_same_dims(ShapeContext& context, const IntExprs& a, const IntExprs& b,
                       const char* what) {
  for (size_t axis = 0; axis < a.size(); ++axis) context.require_equal(a[axis], b[axis], what);
}

constexpr const char* kWrongGradient = "output_grad has another shape than the pooled image";
constexpr const char* kWrongValues = "values have another shape than x";

Variable grad_node(const PoolWindow& window, const Variable& x, const Variable& output_grad) {
  return apply_one(std::make_shared<MaxPoolGradOp>(window), {x, output_grad});
}

Variable gather_node(const PoolWindow& window, const Variable& x, const Variable& values) {
  return apply_one(std::make_shared<MaxPoolGatherOp>(window), {x, values});
}

Variable average_node(const PoolWindow& window, PoolMode mode, const Variable& x,
                      SourceSite site = {}) {
  return apply_one(std::make_shared<AveragePoolOp>(window, mode), {x}, site);
}

Variable average_grad_node(const PoolWindow& window, PoolMode mode, const Variable& output_grad,
                           const ShapeItem& height, const ShapeItem& width) {
  return apply_one(std::make_shared<AveragePoolGradOp>(window, mode),
                   {output_grad, height.as_variable(), width.as_variable()});
}

const char* name_of_mode(PoolMode mode) {
  static constexpr const char* kNames[] = {"max", "sum", "average_inc_pad", "average_exc_pad",
                                           "l2"};
  return kNames[static_cast<size_t>(mode)];
}

}  // namespace

PoolWindow make_pool_window(std::string_view op_name, std::array<int64_t, 2> ws,
                            const PoolOptions& options, SourceSite site) {
  PoolWindow window{ws, options.stride, options.pad, options.ignore_border};
  if (options.stride == std::array<int64_t, 2>{0, 0}) window.stride = ws;
  for (size_t axis = 0; axis < 2; ++axis) {
    if (window.ws[axis] < 1) {
      refuse(op_name, absl::StrCat("the window must be at least 1 long, not ", window.ws[axis]),
             site);
    }
    if (window.stride[axis] < 1) {
      refuse(op_name, absl::StrCat("the stride must be at least 1, not ", window.stride[axis]),
             site);
    }
    if (window.pad[axis] < 0 || window.pad[axis] >= window.ws[axis]) {
      refuse(op_name,
             absl::StrCat("the pad must be smaller than the window and not negative: pad ",
                          window.pad[axis], ", window ", window.ws[axis]),
             site);
    }
    if (window.pad[axis] > 0 && !window.ignore_border) {
      refuse(op_name, "padding needs ignore_border = true", site);
    }
  }
  return window;
}

IntExprs max_pooled_dims(ShapeContext& context, const PoolWindow& window, const IntExprs& dims) {
  // A window that lies in the padding altogether has no maximum.
  for (size_t axis = 0; axis < 2; ++axis) {
    if (window.pad[axis] == 0) continue;
    context.require(less(0, dims[dims.size() - 2 + axis]),
                    "an image without elements was padded, and padding has no maximum");
  }
  return pooled_dims(window, dims);
}

IntExprs pooled_dims(const PoolWindow& window, IntExprs dims) {
  for (size_t axis = 0; axis < 2; ++axis) {
    IntExpr& dim = dims[dims.size() - 2 + axis];
    dim = output_length(window, axis, dim);
  }
  return dims;
}

int64_t PoolWindow::output_length(size_t axis, int64_t length) const {
  const int64_t padded = length + 2 * pad[axis];
  if (ignore_border) return padded < ws[axis] ? 0 : (padded - ws[axis]) / stride[axis] + 1;
  if (padded == 0) return 0;
  if (stride[axis] >= ws[axis]) return (padded - 1) / stride[axis] + 1;
  return std::max<int64_t>(padded - 1 - ws[axis] + stride[axis], 0) / stride[axis] + 1;
}

Variable pool_2d(Operand x, std::array<int64_t, 2> ws, const PoolOptions& options) {
  const SourceSite site = x.site();
  SiteScope scope(site, "");
  const PoolWindow window = make_pool_window("pool_2d", ws, options, site);
  const Variable image = x.variable();
  switch (options.mode) {
    case PoolMode::kMax:
      return apply_one(std::make_shared<MaxPoolOp>(window), {image}, site);
    case PoolMode::kL2:
      // With derivative 0 where all elements are 0, as norm() has it.
      return guarded_at_zero(average_node(window, PoolMode::kSum, sqr(image), site), 0,
                             [](const Variable& squares) { return sqrt(squares); });
    default:
      return average_node(window, options.mode, image, site);
  }
}

Variable max_pool_2d(Operand x, std::array<int64_t, 2> ds, bool ignore_border) {
  return pool_2d(x, ds, {.ignore_border = ignore_border});
}

Variable max_pool_grad(Operand x, Operand output_grad, std::array<int64_t, 2> ws,
                       const PoolOptions& options) {
  const PoolWindow window = make_pool_window("max_pool_grad", ws, options, x.site());
  return apply_one(std::make_shared<MaxPoolGradOp>(window),
                   resolve_operands("max_pool_grad", {x, output_grad}), x.site());
}

Variable max_pool_gather(Operand x, Operand values, std::array<int64_t, 2> ws,
                         const PoolOptions& options) {
  const PoolWindow window = make_pool_window("max_pool_gather", ws, options, x.site());
  return apply_one(std::make_shared<MaxPoolGatherOp>(window),
                   resolve_operands("max_pool_gather", {x, values}), x.site());
}

Attributes PoolBaseOp::attributes() const {
  const auto list = [](const std::array<int64_t, 2>& array) {
    return std::vector<int64_t>(array.begin(), array.end());
  };
  return {{"ws", list(window_.ws)},
          {"stride", list(window_.stride)},
          {"pad", list(window_.pad)},
          {"ignore_border", window_.ignore_border}};
}

// --- max_pool -----------------------------------------------------------------------------------

std::vector<TensorType> MaxPoolOp::infer_types(const TypeContext& context) const {
  check_image(context, 0);
  return {pooled_type(window_, context.type(0))};
}

void MaxPoolOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, max_pooled_dims(context, window_, context.dims(0)));
}

Variables MaxPoolOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  if (!g.defined() || is_discrete(g.dtype())) return {Variable()};
  return {grad_node(window_, context.inputs[0], g)};
}

Variables MaxPoolOp::pushforward(const PushforwardContext& context) const {
  if (!context.tangents[0].defined() || is_discrete(context.inputs[0].dtype())) return {Variable()};
  return {gather_node(window_, context.inputs[0], context.tangents[0])};
}

// --- max_pool_grad ------------------------------------------------------------------------------

std::vector<TensorType> MaxPoolGradOp::infer_types(const TypeContext& context) const {
  check_image(context, 0);
  check_floating(context, 1);
  check_same_dtypes(context);
  check_same_dims(context, context.type(1), pooled_type(window_, context.type(0)), kWrongGradient);
  return {context.type(0)};
}

void MaxPoolGradOp::infer_shape(ShapeContext& context) const {
  const IntExprs x = context.dims(0);
  require_same_dims(context, context.dims(1), max_pooled_dims(context, window_, x), kWrongGradient);
  context.set_dims(0, x);
}

// Where the maxima stand does not change under small changes of x: its gradient is zero.
Variables MaxPoolGradOp::pullback(const PullbackContext& context) const {
  const Variable& v = context.output_gradients[0];
  Variables gradients(2);
  if (!v.defined()) return gradients;
  if (context.wanted[0]) gradients[0] = zeros_like(context.inputs[0]);
  if (context.wanted[1]) gradients[1] = gather_node(window_, context.inputs[0], v);
  return gradients;
}

Variables MaxPoolGradOp::pushforward(const PushforwardContext& context) const {
  if (!context.tangents[1].defined()) return {Variable()};
  return {grad_node(window_, context.inputs[0], context.tangents[1])};
}

// --- max_pool_gather ----------------------------------------------------------------------------

std::vector<TensorType> MaxPoolGatherOp::infer_types(const TypeContext& context) const {
  check_image(context, 0);
  check_floating(context, 1);
  check_same_dtypes(context);
  check_same_dims(context, context.type(1), context.type(0), kWrongValues);
  return {pooled_type(window_, context.type(0))};
}

void MaxPoolGatherOp::infer_shape(ShapeContext& context) const {
  const IntExprs x = context.dims(0);
  require_same_dims(context, context.dims(1), x, kWrongValues);
  context.set_dims(0, max_pooled_dims(context, window_, x));
}

Variables MaxPoolGatherOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  Variables gradients(2);
  if (!g.defined()) return gradients;
  if (context.wanted[0]) gradients[0] = zeros_like(context.inputs[0]);
  if (context.wanted[1]) gradients[1] = grad_node(window_, context.inputs[0], g);
  return gradients;
}

Variables MaxPoolGatherOp::pushforward(const PushforwardContext& context) const {
  if (!context.tangents[1].defined()) return {Variable()};
  return {gather_node(window_, context.inputs[0], context.tangents[1])};
}

// --- average_pool -------------------------------------------------------------------------------

Attributes AveragePoolOp::attributes() const {
  Attributes attributes = PoolBaseOp::attributes();
  attributes.emplace_back("mode", name_of_mode(mode_));
  return attributes;
}

std::vector<TensorType> AveragePoolOp::infer_types(const TypeContext& context) const {
  check_image(context, 0);
  check_floating(context, 0);
  return {pooled_type(window_, context.type(0))};
}

void AveragePoolOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, pooled_dims(window_, context.dims(0)));
}

Variables AveragePoolOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  if (!g.defined()) return {Variable()};
  const Variable& x = context.inputs[0];
  return {
      average_grad_node(window_, mode_, g, length_of(x, x.rank() - 2), length_of(x, x.rank() - 1))};
}

Variables AveragePoolOp::pushforward(const PushforwardContext& context) const {
  if (!context.tangents[0].defined()) return {Variable()};
  return {average_node(window_, mode_, context.tangents[0])};
}

// --- average_pool_grad --------------------------------------------------------------------------

Attributes AveragePoolGradOp::attributes() const {
  Attributes attributes = PoolBaseOp::attributes();
  attributes.emplace_back("mode", name_of_mode(mode_));
  return attributes;
}

std::vector<TensorType> AveragePoolGradOp::infer_types(const TypeContext& context) const {
  check_image(context, 0);
  check_floating(context, 0);
  TensorType out = context.type(0);
  for (size_t axis = 0; axis < 2; ++axis) {
    if (context.type(1 + axis).rank() != 0 || !is_integer(context.type(1 + axis).dtype)) {
      context.type_error("height and width must be integer scalars");
    }
    out.dims[out.dims.size() - 2 + axis] = dim_of_length(context.input(1 + axis));
  }
  check_same_dims(context, context.type(0), pooled_type(window_, out), kWrongGradient);
  return {out};
}

void AveragePoolGradOp::infer_shape(ShapeContext& context) const {
  IntExprs out = context.dims(0);
  out[out.size() - 2] = context.value(1);
  out[out.size() - 1] = context.value(2);
  require_same_dims(context, context.dims(0), pooled_dims(window_, out), kWrongGradient);
  context.set_dims(0, std::move(out));
}

Variables AveragePoolGradOp::pullback(const PullbackContext& context) const {
  const Variable& v = context.output_gradients[0];
  Variables gradients(3);
  if (v.defined() && context.wanted[0]) gradients[0] = average_node(window_, mode_, v);
  return gradients;
}

Variables AveragePoolGradOp::pushforward(const PushforwardContext& context) const {
  if (!context.tangents[0].defined()) return {Variable()};
  return {
      apply_one(shared_from_this(), {context.tangents[0], context.inputs[1], context.inputs[2]})};
}

}  // namespace bitale
