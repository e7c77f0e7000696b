// Matrix products that are scaled and added to something become one product that accumulates, and
// divisions that are exact as products.

#include <cmath>
#include <memory>

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/linalg/gemm.h"
#include "ops/rewrites/patterns.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

Variable number_like(const Variable& x, double value) { return scalar_constant(x.dtype(), value); }

// A term of a sum as factor * matrix.
struct Term {
  Variable factor;
  Variable matrix;
};

// `v` times `sign`, with a scalar factor of its own taken out where nobody else needs the product.
Term split(const Variable& v, double sign, const RuleContext& context) {
  if (context.use_count(v) == 1) {
    if (const Apply* product = elementwise_named(v, "mul")) {
      for (size_t i = 0; i < 2; ++i) {
        const Variable& factor = product->input(1 - i);
        if (factor.rank() != 0 || product->input(i).rank() != 2) continue;
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

// A product of matrices that only this sum needs. Dims that are specified for it are those of the
// other term, which the product that accumulates compares anyway.
const Apply* own_product(const Variable& v, const Variable& other, const RuleContext& context) {
  if (v.rank() != 2 || context.use_count(v) != 1) return nullptr;
  if (const Apply* specified = made_by(v, "specify_shape")) {
    if (other.type().dims != v.type().dims) return nullptr;
    return own_product(specified->input(0), other, context);
  }
  return made_by(v, "dot");
}

// The product of two scalars, folded where both are numbers.
Variable times(const Variable& a, const Variable& b) {
  const std::optional<double> left = scalar_number(a);
  const std::optional<double> right = scalar_number(b);
  if (left && right) return number_like(a, *left * *right);
  if (left == 1.0) return b;
  if (right == 1.0) return a;
  if (left == -1.0) return neg(b);
  return right == -1.0 ? neg(a) : mul(a, b);
}

std::optional<Variables> accumulate(const Apply& apply, const RuleContext& context) {
  const ElementwiseOp* op = as_elementwise(apply);
  const Variable& result = apply.output(0);
  if (result.rank() != 2 ||
      (result.dtype() != DType::kFloat32 && result.dtype() != DType::kFloat64) ||
      !op->is_whole(0) || !op->is_whole(1)) {
    return std::nullopt;
  }
  const double signs[] = {1, op->name() == "sub" ? -1.0 : 1.0};
  for (const size_t i : {size_t{1}, size_t{0}}) {
    const Term term = split(apply.input(i), signs[i], context);
    const Apply* product = own_product(term.matrix, apply.input(1 - i), context);
    if (product == nullptr) continue;
    const Term left = split(product->input(0), 1, context);
    const Term right = split(product->input(1), 1, context);
    const Variable alpha = times(term.factor, times(left.factor, right.factor));
    Term other = split(apply.input(1 - i), signs[1 - i], context);
    // A factor that turns out to be 0 at a call would hide a NaN.
    const std::optional<double> beta = scalar_number(other.factor);
    if (!beta || *beta == 0) other = {number_like(result, signs[1 - i]), apply.input(1 - i)};
    return replace_with(apply, gemm(other.matrix, left.matrix, right.matrix, alpha, other.factor));
  }
  return std::nullopt;
}

constexpr Rule kAddGemm = {
    .name = "add_of_dot",
    .why = "the product accumulates onto the other term, whose memory it may take over",
    .op = "add",
    .apply = accumulate,
    .examples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), c = matrix("c"), s = scalar("s");
          return Examples{{{c + dot(a, b)}, {gemm(c, a, b, 1, 1)}},
                          {{dot(a, b) * s + c * 2}, {gemm(c, a, b, s, 2)}},
                          {{dot(a * s, -b) * 2 + c}, {gemm(c, a, b, 2 * -s, 1)}},
                          {{c * s + dot(a, b)}, {gemm(c * s, a, b, 1, 1)}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), c = matrix("c"), v = vector("v");
          const Variable product = dot(a, b);
          return Graphs{{dot(a, b) + v}, {c + product, product}, {dot(a, v) + v}, {a + b}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kSubGemm = {
    .name = "sub_of_dot",
    .why = "the product accumulates onto the other term, whose memory it may take over",
    .op = "sub",
    .apply = accumulate,
    .examples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), c = matrix("c"), s = scalar("s");
          const Variable w = tensor(float_x(), {3, 3}, "w");
          return Examples{{{c - dot(a, b)}, {gemm(c, a, b, -1, 1)}},
                          {{c - dot(a, b) * 0.1}, {gemm(c, a, b, -0.1, 1)}},
                          {{c - s * dot(a, b)}, {gemm(c, a, b, -s, 1)}},
                          {{dot(a, b) - c}, {gemm(c, a, b, 1, -1)}},
                          {{w - specify_shape(dot(a, b), {3, 3}) * 0.1}, {gemm(w, a, b, -0.1, 1)}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), v = vector("v"), c = matrix("c");
          return Graphs{{dot(a, b) - v}, {a - b}, {c - specify_shape(dot(a, b), {3, 3})}};
        },
    .exactness = Exactness::kReassociates};

// Whether dividing by `value` is multiplying by its inverse, to the bit.
bool has_exact_inverse(double value, DType dtype) {
  int exponent = 0;
  if (!std::isfinite(value) || std::fabs(std::frexp(value, &exponent)) != 0.5) return false;
  const int most = dtype == DType::kFloat64 ? 1000 : dtype == DType::kFloat16 ? 13 : 120;
  return exponent > -most && exponent < most;
}

constexpr Rule kExactDivision = {
    .name = "exact_division",
    .why = "a division by a power of two is a product, which is faster",
    .op = "true_div",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const std::optional<double> number = scalar_number(apply.input(1));
      if (!number || !has_exact_inverse(*number, apply.input(1).dtype())) return std::nullopt;
      return replace_with(apply, mul(apply.input(0), number_like(apply.input(1), 1 / *number)));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x / 4}, {x * 0.25}}, {{x / -0.5}, {x * -2}}};
        },
    .counterexamples =
        [] {
          return Graphs{{matrix("x") / 3}, {4 / matrix("x")}, {matrix("x") / 0}};
        }};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kAddGemm, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kSubGemm, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kExactDivision, Phase::kSpecialize)),
};

}  // namespace
}  // namespace bitale
