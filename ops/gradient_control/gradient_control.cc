#include "ops/gradient_control/gradient_control.h"

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "ops/elementwise/elementwise.h"
#include "ops/gradient_control/gradient_control_internal.h"

namespace bitale {
namespace {

class DisconnectedGradOp final : public IdentityOp {
 public:
  std::string_view name() const override { return "disconnected_grad"; }
  Variables pullback(const PullbackContext&) const override { return {Variable()}; }
  Variables pushforward(const PushforwardContext&) const override { return {Variable()}; }
};

// x's dims with zeros; reads only x's shape.
Variable zeros_of(const Variable& x) { return second(x, scalar_constant(x.dtype(), 0.0)); }

class ZeroGradOp final : public IdentityOp {
 public:
  std::string_view name() const override { return "zero_grad"; }
  Variables pullback(const PullbackContext& context) const override {
    if (is_discrete(context.inputs[0].dtype())) return {Variable()};
    return {zeros_of(context.inputs[0])};
  }
  Variables pushforward(const PushforwardContext& context) const override {
    if (is_discrete(context.inputs[0].dtype())) return {Variable()};
    return {zeros_of(context.inputs[0])};
  }
};

class GradClipOp final : public IdentityOp {
 public:
  GradClipOp(double low, double high) : low_(low), high_(high) {}

  std::string_view name() const override { return "grad_clip"; }
  Attributes attributes() const override { return {{"low", low_}, {"high", high_}}; }
  Variables pullback(const PullbackContext& context) const override {
    const Variable& g = context.output_gradients[0];
    return {g.defined() ? clip(g, low_, high_) : g};
  }
  // Clipping is no derivative of anything; forwards the tangent passes as through an identity.
  Variables pushforward(const PushforwardContext& context) const override {
    return {context.tangents[0]};
  }

 private:
  double low_;
  double high_;
};

class GradScaleOp final : public IdentityOp {
 public:
  explicit GradScaleOp(double factor) : factor_(factor) {}

  std::string_view name() const override { return "grad_scale"; }
  Attributes attributes() const override { return {{"factor", factor_}}; }
  Variables pullback(const PullbackContext& context) const override {
    return {scaled(context.output_gradients[0])};
  }
  Variables pushforward(const PushforwardContext& context) const override {
    return {scaled(context.tangents[0])};
  }

 private:
  Variable scaled(const Variable& v) const { return v.defined() ? mul(v, factor_) : v; }

  double factor_;
};

Variable apply_identity(OpPtr op, const Operand& x) {
  return apply_one(std::move(op), {x.variable()}, x.site());
}

}  // namespace

std::vector<TensorType> IdentityOp::infer_types(const TypeContext& context) const {
  return {context.type(0)};
}

void IdentityOp::infer_shape(ShapeContext& context) const {
  context.set_dims(0, context.dims(0));
  const TensorType& type = context.apply().input(0).type();
  if (!context.has_value(0) || type.rank() > 1) return;
  if (type.rank() == 1 && !type.dims[0].is_fixed()) return;
  const size_t count = type.rank() == 0 ? 1 : static_cast<size_t>(type.dims[0].length());
  IntExprs elements;
  for (size_t i = 0; i < count; ++i) elements.push_back(context.value(0, i));
  context.set_value(0, std::move(elements));
}

std::optional<ViewOutput> IdentityOp::view(const ViewInput& input, const Dims&,
                                           ShapeContext&) const {
  return ViewOutput{input.strides, 0};
}

Variable disconnected_grad(Operand x) {
  static const OpPtr op = std::make_shared<DisconnectedGradOp>();
  return apply_identity(op, x);
}
Variable consider_constant(Operand x) { return disconnected_grad(x); }
Variable zero_grad(Operand x) {
  static const OpPtr op = std::make_shared<ZeroGradOp>();
  return apply_identity(op, x);
}
Variable grad_clip(Operand x, double low, double high) {
  if (!(low <= high)) {
    throw GraphError(absl::StrCat("grad_clip: low must not be above high, but ", low, " > ", high,
                                  "\n  at: ", resolve_site(x.site()).str()));
  }
  return apply_identity(std::make_shared<GradClipOp>(low, high), x);
}
Variable grad_scale(Operand x, double factor) {
  return apply_identity(std::make_shared<GradScaleOp>(factor), x);
}

}  // namespace bitale
