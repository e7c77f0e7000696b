#include "ops/linalg/gemm.h"

#include "absl/strings/str_cat.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

enum Input : size_t { kC, kA, kB, kAlpha, kBeta };

Variable add_defined(const Variable& a, const Variable& b) {
  if (!a.defined()) return b;
  return b.defined() ? add(a, b) : a;
}

}  // namespace

Variable gemm(Operand c, Operand a, Operand b, Operand alpha, Operand beta) {
  static const OpPtr op = std::make_shared<GemmOp>();
  return apply_one(op, resolve_operands("gemm", {c, a, b, alpha, beta}), c.site());
}

std::vector<TensorType> GemmOp::infer_types(const TypeContext& context) const {
  const TensorType& c = context.type(kC);
  const TensorType& a = context.type(kA);
  const TensorType& b = context.type(kB);
  if (c.rank() != 2 || a.rank() != 2 || b.rank() != 2) {
    context.shape_error("c, a and b must be matrices");
  }
  if (context.type(kAlpha).rank() != 0 || context.type(kBeta).rank() != 0) {
    context.shape_error("alpha and beta must be scalars");
  }
  for (size_t i = 0; i < context.size(); ++i) {
    if (context.type(i).dtype != c.dtype || is_discrete(c.dtype)) {
      context.type_error("all operands must have one floating dtype");
    }
  }
  const auto check = [&](const char* what, const Dim& left, const Dim& right) {
    if (!compatible(left, right)) {
      context.shape_error(absl::StrCat(what, " differ: ", left.str(), " and ", right.str()));
    }
  };
  check("inner dims", a.dims[1], b.dims[0]);
  check("rows of c and a", c.dims[0], a.dims[0]);
  check("columns of c and b", c.dims[1], b.dims[1]);
  return {{c.dtype, {meet(c.dims[0], a.dims[0]), meet(c.dims[1], b.dims[1])}}};
}

void GemmOp::infer_shape(ShapeContext& context) const {
  context.require_equal(context.dim(kA, 1), context.dim(kB, 0), "inner dims differ");
  context.require_equal(context.dim(kC, 0), context.dim(kA, 0), "rows of c and a differ");
  context.require_equal(context.dim(kC, 1), context.dim(kB, 1), "columns of c and b differ");
  context.set_dims(0, {context.dim(kC, 0), context.dim(kC, 1)});
}

Variables GemmOp::formula(std::span<const Variable> inputs) const {
  return {add(mul(inputs[kBeta], inputs[kC]), mul(inputs[kAlpha], dot(inputs[kA], inputs[kB])))};
}

Variables GemmOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  const auto& in = context.inputs;
  Variables gradients(5);
  if (!g.defined()) return gradients;
  if (context.wanted[kC]) gradients[kC] = mul(in[kBeta], g);
  if (context.wanted[kA]) {
    gradients[kA] = mul(in[kAlpha], dot(g, dimshuffle(in[kB], {1, 0})));
  }
  if (context.wanted[kB]) {
    gradients[kB] = mul(in[kAlpha], dot(dimshuffle(in[kA], {1, 0}), g));
  }
  if (context.wanted[kAlpha]) gradients[kAlpha] = tensordot(g, dot(in[kA], in[kB]), 2);
  if (context.wanted[kBeta]) gradients[kBeta] = tensordot(g, in[kC], 2);
  return gradients;
}

Variables GemmOp::pushforward(const PushforwardContext& context) const {
  const auto& in = context.inputs;
  const auto& t = context.tangents;
  Variable tangent;
  if (t[kC].defined()) tangent = mul(in[kBeta], t[kC]);
  if (t[kA].defined()) tangent = add_defined(tangent, mul(in[kAlpha], dot(t[kA], in[kB])));
  if (t[kB].defined()) tangent = add_defined(tangent, mul(in[kAlpha], dot(in[kA], t[kB])));
  if (t[kAlpha].defined()) tangent = add_defined(tangent, mul(t[kAlpha], dot(in[kA], in[kB])));
  if (t[kBeta].defined()) tangent = add_defined(tangent, mul(t[kBeta], in[kC]));
  return {tangent};
}

}  // namespace bitale
