#include "ops/softmax/softmax.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "core/base/options.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

using Kind = SoftmaxOp::Kind;

bool is_grad(Kind kind) { return kind == Kind::kSoftmaxGrad || kind == Kind::kLogSoftmaxGrad; }

Variable as_float(const Variable& x) {
  return x.defined() && !is_floating(x.dtype()) ? cast(x, float_x()) : x;
}

Variable sum_along(const Variable& x, int64_t axis) {
  return reduce(ReduceKind::kSum, x, {axis}, true);
}

Variable apply_along(Kind kind, Variables operands, int64_t axis, SourceSite site) {
  SiteScope scope(site, "");
  for (Variable& operand : operands) operand = as_float(operand);
  if (operands[0].defined() && axis < 0 && axis >= -operands[0].rank()) axis += operands[0].rank();
  return apply_one(std::make_shared<SoftmaxOp>(kind, axis), operands, site);
}

bool computes_wide(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

}  // namespace

Variable softmax(Operand x, int64_t axis) {
  return apply_along(Kind::kSoftmax, {x.variable()}, axis, x.site());
}

Variable log_softmax(Operand x, int64_t axis) {
  return apply_along(Kind::kLogSoftmax, {x.variable()}, axis, x.site());
}

Variable softmax_grad(Operand g, Operand y, int64_t axis) {
  return apply_along(Kind::kSoftmaxGrad, resolve_operands("softmax_grad", {g, y}), axis, g.site());
}

Variable log_softmax_grad(Operand g, Operand y, int64_t axis) {
  return apply_along(Kind::kLogSoftmaxGrad, resolve_operands("log_softmax_grad", {g, y}), axis,
                     g.site());
}

std::string_view SoftmaxOp::name() const {
  switch (kind_) {
    case Kind::kSoftmax:
      return "softmax";
    case Kind::kLogSoftmax:
      return "log_softmax";
    case Kind::kSoftmaxGrad:
      return "softmax_grad";
    case Kind::kLogSoftmaxGrad:
      break;
  }
  return "log_softmax_grad";
}

std::vector<TensorType> SoftmaxOp::infer_types(const TypeContext& context) const {
  const TensorType& x = context.type(0);
  if (axis_ < 0 || axis_ >= x.rank()) {
    context.shape_error(
        absl::StrCat("axis ", axis_, " is out of range for an operand of rank ", x.rank()),
        x.rank() == 0 ? "a scalar has no axis"
                      : absl::StrCat("axes run from ", -x.rank(), " to ", x.rank() - 1));
  }
  if (!is_floating(x.dtype)) context.type_error("the operand is not floating", "cast it first");
  if (!is_grad(kind_)) return {x};
  const TensorType& y = context.type(1);
  if (x.dtype != y.dtype) {
    context.type_error(absl::StrCat("dtypes differ: ", std::string(name_of(x.dtype)), " and ",
                                    std::string(name_of(y.dtype))));
  }
  if (x.rank() != y.rank()) {
    context.shape_error(absl::StrCat("ranks differ: ", x.rank(), " and ", y.rank()));
  }
  TensorType result = y;
  for (int64_t axis = 0; axis < y.rank(); ++axis) {
    if (!compatible(x.dims[axis], y.dims[axis])) {
      context.shape_error(absl::StrCat("axis ", axis, " differs: ", x.dims[axis].str(), " and ",
                                       y.dims[axis].str()));
    }
    result.dims[axis] = meet(x.dims[axis], y.dims[axis]);
  }
  return {std::move(result)};
}

void SoftmaxOp::infer_shape(ShapeContext& context) const {
  IntExprs dims = context.dims(0);
  if (is_grad(kind_)) {
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      context.require_equal(dims[axis], context.dim(1, axis),
                            "shapes of gradient and result differ");
    }
  }
  context.set_dims(0, std::move(dims));
}

Variables SoftmaxOp::pullback(const PullbackContext& context) const {
  const Variable& h = context.output_gradients[0];
  if (!h.defined()) return Variables(context.inputs.size());
  if (kind_ == Kind::kSoftmax) return {softmax_grad(h, context.outputs[0], axis_)};
  if (kind_ == Kind::kLogSoftmax) return {log_softmax_grad(h, context.outputs[0], axis_)};
  const Variable& g = context.inputs[0];
  const Variable& y = context.inputs[1];
  if (kind_ == Kind::kSoftmaxGrad) {
    const Variable to_g = softmax_grad(h, y, axis_);
    const Variable to_y =
        sub(mul(h, sub(g, sum_along(mul(g, y), axis_))), mul(g, sum_along(mul(h, y), axis_)));
    return {to_g, to_y};
  }
  const Variable weighted = mul(h, exp(y));
  return {sub(h, sum_along(weighted, axis_)), neg(mul(weighted, sum_along(g, axis_)))};
}

Variables SoftmaxOp::pushforward(const PushforwardContext& context) const {
  const Variable& t = context.tangents[0];
  const Variable& out = context.outputs[0];
  // The Jacobian of softmax is symmetric.
  if (kind_ == Kind::kSoftmax) return {t.defined() ? softmax_grad(t, out, axis_) : Variable()};
  if (kind_ == Kind::kLogSoftmax) {
    return {t.defined() ? sub(t, sum_along(mul(exp(out), t), axis_)) : Variable()};
  }
  const Variable& g = context.inputs[0];
  const Variable& y = context.inputs[1];
  const Variable& ty = context.tangents[1];
  Variable result;
  if (t.defined()) result = apply_one(shared_from_this(), {t, y});
  if (ty.defined()) {
    const Variable through_y = kind_ == Kind::kSoftmaxGrad
                                   ? sub(mul(ty, sub(g, sum_along(mul(g, y), axis_))),
                                         mul(y, sum_along(mul(g, ty), axis_)))
                                   : neg(mul(mul(exp(y), ty), sum_along(g, axis_)));
    result = result.defined() ? add(result, through_y) : through_y;
  }
  return {result};
}

Variables SoftmaxOp::formula(std::span<const Variable> inputs) const {
  const DType dtype = inputs[0].dtype();
  auto wide = [&](const Variable& v) {
    return computes_wide(dtype) ? cast(v, DType::kFloat32) : v;
  };
  const Variable a = wide(inputs[0]);
  Variable result;
  if (!is_grad(kind_)) {
    const Variable shifted = sub(a, reduce(ReduceKind::kMax, a, {axis_}, true));
    const Variable powers = exp(shifted);
    const Variable total = sum_along(powers, axis_);
    result = kind_ == Kind::kSoftmax ? true_div(powers, total) : sub(shifted, log(total));
  } else {
    const Variable y = wide(inputs[1]);
    result = kind_ == Kind::kSoftmaxGrad ? mul(y, sub(a, sum_along(mul(a, y), axis_)))
                                         : sub(a, mul(exp(y), sum_along(a, axis_)));
  }
  return {computes_wide(dtype) ? cast(result, dtype) : result};
}

}  // namespace bitale
