#include "ops/linalg/gemm.h"

#include "absl/strings/str_cat.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"

namespace bitale {
namespace {

enum Input : size_t { kC, kA, kB, kAlpha, kBeta };

Variable add_defined(const Variable& a, const Variable& b) {
  if (!a.defined()) return b;
  return b.defined() ? add(a, b) : a;
}

// Without the factors and the addend.
Variable product_of(const Variable& a, const Variable& b) {
  return a.rank() > 2 ? apply_one(std::make_shared<MatmulOp>(0, 0), {a, b}) : dot(a, b);
}

bool is_stack(int64_t a_rank, int64_t b_rank) { return a_rank > 2 && a_rank == b_rank; }
bool is_dot(int64_t a_rank, int64_t b_rank) {
  return a_rank >= 1 && a_rank <= 2 && b_rank >= 1 && b_rank <= 2 && a_rank + b_rank > 2;
}

Variable sum_of_products(const Variable& a, const Variable& b) { return tensordot(a, b, a.rank()); }

}  // namespace

Variable gemm(Operand c, Operand a, Operand b, Operand alpha, Operand beta) {
  static const OpPtr op = std::make_shared<GemmOp>();
  return apply_one(op, resolve_operands("gemm", {c, a, b, alpha, beta}), c.site());
}

std::vector<TensorType> GemmOp::infer_types(const TypeContext& context) const {
  const TensorType& c = context.type(kC);
  const TensorType& a = context.type(kA);
  const TensorType& b = context.type(kB);
  if (!is_dot(a.rank(), b.rank()) && !is_stack(a.rank(), b.rank())) {
    context.shape_error("a and b must be matrices, a matrix and a vector, or stacks of equal rank");
  }
  if (context.type(kAlpha).rank() != 0 || context.type(kBeta).rank() != 0) {
    context.shape_error("alpha and beta must be scalars");
  }
  for (size_t i = 0; i < context.size(); ++i) {
    if (context.type(i).dtype != c.dtype || is_discrete(c.dtype)) {
      context.type_error("all operands must have one floating dtype");
    }
  }
  const auto common = [&](const char* what, const Dim& left, const Dim& right) {
    if (!compatible(left, right)) {
      context.shape_error(absl::StrCat(what, " differ: ", left.str(), " and ", right.str()));
    }
    return meet(left, right);
  };
  const auto a_rank = static_cast<size_t>(a.rank());
  const auto b_rank = static_cast<size_t>(b.rank());
  common("inner dims", a.dims[a_rank - 1], b.dims[b_rank == 1 ? 0 : b_rank - 2]);
  TensorType product{c.dtype, {}};
  for (size_t axis = 0; axis + 2 < a_rank; ++axis) {
    product.dims.push_back(common("leading dims", a.dims[axis], b.dims[axis]));
  }
  if (a_rank > 1) product.dims.push_back(a.dims[a_rank - 2]);
  if (b_rank > 1) product.dims.push_back(b.dims[b_rank - 1]);
  if (c.rank() == 0) return {product};
  if (c.rank() != product.rank()) {
    context.shape_error(absl::StrCat("c has rank ", c.rank(), " and the product ", product.rank()));
  }
  for (size_t axis = 0; axis < product.dims.size(); ++axis) {
    product.dims[axis] = common("dims of c and the product", c.dims[axis], product.dims[axis]);
  }
  return {product};
}

void GemmOp::infer_shape(ShapeContext& context) const {
  const IntExprs a = context.dims(kA);
  const IntExprs b = context.dims(kB);
  const IntExprs c = context.dims(kC);
  context.require_equal(a.back(), b[b.size() == 1 ? 0 : b.size() - 2], "inner dims differ");
  IntExprs product;
  for (size_t axis = 0; axis + 2 < a.size(); ++axis) {
    context.require_equal(a[axis], b[axis], "leading dims differ");
    product.push_back(a[axis]);
  }
  if (a.size() > 1) product.push_back(a[a.size() - 2]);
  if (b.size() > 1) product.push_back(b.back());
  for (size_t axis = 0; axis < c.size(); ++axis) {
    context.require_equal(c[axis], product[axis], "dims of c and the product differ");
  }
  context.set_dims(0, std::move(product));
}

Variables GemmOp::formula(std::span<const Variable> inputs) const {
  return {
      add(mul(inputs[kBeta], inputs[kC]), mul(inputs[kAlpha], product_of(inputs[kA], inputs[kB])))};
}

Variables GemmOp::pullback(const PullbackContext& context) const {
  const Variable& g = context.output_gradients[0];
  const auto& in = context.inputs;
  Variables gradients(5);
  if (!g.defined()) return gradients;
  const bool repeats_c = in[kC].rank() == 0;
  if (context.wanted[kC]) gradients[kC] = mul(in[kBeta], repeats_c ? sum(g) : g);
  if (context.wanted[kBeta]) {
    gradients[kBeta] = repeats_c ? mul(sum(g), in[kC]) : sum_of_products(g, in[kC]);
  }
  const Variable product = product_of(in[kA], in[kB]);
  if (context.wanted[kAlpha]) gradients[kAlpha] = sum_of_products(g, product);
  const Variable scaled = mul(in[kAlpha], g);
  const Apply& apply = *product.owner();
  const bool wanted[] = {context.wanted[kA], context.wanted[kB]};
  const Variables of_product = apply.op().pullback({.apply = apply,
                                                    .inputs = apply.inputs(),
                                                    .outputs = {&product, 1},
                                                    .output_gradients = {&scaled, 1},
                                                    .wanted = wanted});
  gradients[kA] = of_product[0];
  gradients[kB] = of_product[1];
  return gradients;
}

Variables GemmOp::pushforward(const PushforwardContext& context) const {
  const auto& in = context.inputs;
  const auto& t = context.tangents;
  Variable tangent;
  const auto add_addend = [&](const Variable& factor, const Variable& c) {
    const Variable term = mul(factor, c);
    tangent = add_defined(tangent, c.rank() == 0 ? broadcast_like(term, context.outputs[0]) : term);
  };
  if (t[kC].defined()) add_addend(in[kBeta], t[kC]);
  if (t[kBeta].defined()) add_addend(t[kBeta], in[kC]);
  const auto add_product = [&](const Variable& factor, const Variable& a, const Variable& b) {
    tangent = add_defined(tangent, mul(factor, product_of(a, b)));
  };
  if (t[kA].defined()) add_product(in[kAlpha], t[kA], in[kB]);
  if (t[kB].defined()) add_product(in[kAlpha], in[kA], t[kB]);
  if (t[kAlpha].defined()) add_product(t[kAlpha], in[kA], in[kB]);
  return {tangent};
}

}  // namespace bitale
