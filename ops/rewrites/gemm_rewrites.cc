// Matrix products that are scaled and added to something become one product that accumulates, and
// divisions that are exact as products.

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/linalg/gemm.h"
#include "ops/rewrites/product_patterns.h"
#include "ops/shape/specify_shape.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

Variable number_like(const Variable& x, double value) { return scalar_constant(x.dtype(), value); }

// A product that only this sum needs. Dims that are specified for it are those of the other term,
// which the product that accumulates compares anyway.
std::optional<ScaledProduct> own_product(const Variable& v, const Variable& other,
                                         const RuleContext& context) {
  if (context.use_count(v) != 1) return std::nullopt;
  if (const Apply* specified = made_by(v, "specify_shape")) {
    if (other.type().dims != v.type().dims) return std::nullopt;
    return own_product(specified->input(0), other, context);
  }
  return product_of(v, context);
}

// Whether all that is made of `v` is element by element.
bool only_in_elementwise(const Variable& v, const RuleContext& context) {
  return std::ranges::all_of(context.graph().uses(v), [](const Use& use) {
    return use.user != nullptr && as_elementwise(*use.user) != nullptr;
  });
}

std::optional<Variables> accumulate(const Apply& apply, const RuleContext& context) {
  const ElementwiseOp* op = as_elementwise(apply);
  if (apply.output(0).rank() == 0 || !op->is_whole(0) || !op->is_whole(1)) return std::nullopt;
  const double signs[] = {1, op->name() == "sub" ? -1.0 : 1.0};
  for (const size_t i : {size_t{1}, size_t{0}}) {
    const ScaledTensor term = split_factor(apply.input(i), signs[i], context);
    const auto product = own_product(term.tensor, apply.input(1 - i), context);
    if (!product) continue;
    const Variable alpha = times(term.factor, product->alpha);
    const ScaledTensor other = split_factor(apply.input(1 - i), signs[1 - i], context);
    if (!product->c.defined()) {
      return replace_with(apply, gemm(other.tensor, product->a, product->b, alpha, other.factor));
    }
    const Variable beta = times(term.factor, product->beta);
    if (other.tensor == product->c) {
      return replace_with(
          apply, gemm(other.tensor, product->a, product->b, alpha, plus(other.factor, beta)));
    }
    if (only_in_elementwise(apply.output(0), context)) {
      context.refuse("the sum joins what is made of it", term.tensor.owner());
      continue;
    }
    const Variable addends = add(scaled_by(other), scaled_by({beta, product->c}));
    return replace_with(apply, gemm(addends, product->a, product->b, alpha, 1));
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
          const Variable v = vector("v"), w = vector("w");
          const Variable x = tensor3("x"), y = tensor3("y"), z = tensor3("z");
          return Examples{{{c + dot(a, b)}, {gemm(c, a, b, 1, 1)}},
                          {{dot(a, b) * s + c * 2}, {gemm(c, a, b, s, 2)}},
                          {{dot(a * s, -b) * 2 + c}, {gemm(c, a, b, 2 * -s, 1)}},
                          {{c * s + dot(a, b)}, {gemm(c, a, b, 1, s)}},
                          {{v + dot(a, w) * 0.5}, {gemm(v, a, w, 0.5, 1)}},
                          {{matmul(x, y) * 0.5 + z}, {gemm(z, x, y, 0.5, 1)}},
                          {{c + gemm(c, a, b, 1, s)}, {gemm(c, a, b, 1, 1.0 + s)}},
                          {{c + gemm(0, a, b, s, 0)}, {gemm(c, a, b, s, 1)}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), c = matrix("c"), v = vector("v");
          const Variable product = dot(a, b);
          return Graphs{{dot(a, b) + v},
                        {c + product, product},
                        {dot(v, v) + 1},
                        {exp(a + gemm(c, a, b, 1, 1))},
                        {a + b}};
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
          const Variable d = matrix("d"), w = tensor(float_x(), {3, 3}, "w"), minus = -s;
          return Examples{
              {{c - dot(a, b)}, {gemm(c, a, b, -1, 1)}},
              {{c - dot(a, b) * 0.1}, {gemm(c, a, b, -0.1, 1)}},
              {{c - s * dot(a, b)}, {gemm(c, a, b, -s, 1)}},
              {{dot(a, b) - c}, {gemm(c, a, b, 1, -1)}},
              {{c - gemm(c, a, b, 1, 0.5) * 0.5}, {gemm(c, a, b, -0.5, 0.75)}},
              {{d - gemm(c, a, b, 1, 0.5) * s}, {gemm(d + c * (minus * 0.5), a, b, minus, 1)}},
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
