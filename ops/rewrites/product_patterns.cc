#include "ops/rewrites/product_patterns.h"

#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"

namespace bitale {
namespace {

Variable number_like(const Variable& x, double value) { return scalar_constant(x.dtype(), value); }

bool is_plain_matmul(const Apply& apply) {
  const auto* op = dynamic_cast<const MatmulOp*>(&apply.op());
  if (op == nullptr) return false;
  for (size_t axis = 0; axis + 2 < static_cast<size_t>(apply.input(0).rank()); ++axis) {
    if (op->broadcasts(0, axis) || op->broadcasts(1, axis)) return false;
  }
  return true;
}

}  // namespace

ScaledTensor split_factor(const Variable& v, double sign, const RuleContext& context) {
  if (context.use_count(v) == 1) {
    if (const Apply* product = elementwise_named(v, "mul")) {
      for (size_t i = 0; i < 2; ++i) {
        const Variable& factor = product->input(1 - i);
        if (factor.rank() != 0 || product->input(i).rank() == 0) continue;
        if (const std::optional<double> number = scalar_number(factor)) {
          return {number_like(v, *number * sign), product->input(i)};
        }
        return {sign < 0 ? neg(factor) : factor, product->input(i)};
      }
    }
    if (const Apply* negated = elementwise_named(v, "neg")) {
      return {number_like(v, -sign), negated->input(0)};
    }
  }
  return {number_like(v, sign), v};
}

Variable scaled_by(const ScaledTensor& term) {
  if (scalar_number(term.factor) == 1.0) return term.tensor;
  return scalar_number(term.factor) == -1.0 ? neg(term.tensor) : mul(term.tensor, term.factor);
}

Variable times(const Variable& a, const Variable& b) {
  const std::optional<double> left = scalar_number(a);
  const std::optional<double> right = scalar_number(b);
  if (left && right) return number_like(a, *left * *right);
  if (left == 1.0) return b;
  if (right == 1.0) return a;
  if (left == -1.0) return neg(b);
  return right == -1.0 ? neg(a) : mul(a, b);
}

Variable plus(const Variable& a, const Variable& b) {
  const std::optional<double> left = scalar_number(a);
  const std::optional<double> right = scalar_number(b);
  return left && right ? number_like(a, *left + *right) : add(a, b);
}

std::optional<ScaledProduct> product_of(const Variable& v, const RuleContext& context) {
  const Apply* apply = v.owner();
  if (apply == nullptr || v.rank() == 0) return std::nullopt;
  if (v.dtype() != DType::kFloat32 && v.dtype() != DType::kFloat64) return std::nullopt;
  const bool is_gemm = apply->op().name() == "gemm";
  if (!is_gemm && apply->op().name() != "dot" && !is_plain_matmul(*apply)) return std::nullopt;
  const size_t first = is_gemm ? 1 : 0;
  const ScaledTensor left = split_factor(apply->input(first), 1, context);
  const ScaledTensor right = split_factor(apply->input(first + 1), 1, context);
  ScaledProduct product{left.tensor, right.tensor, times(left.factor, right.factor), {}, {}};
  if (is_gemm) {
    product.alpha = times(apply->input(3), product.alpha);
    if (scalar_number(apply->input(0)) != 0.0) {
      product.c = apply->input(0);
      product.beta = apply->input(4);
    }
  }
  return product;
}

}  // namespace bitale
