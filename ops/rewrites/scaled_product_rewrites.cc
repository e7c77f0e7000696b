// Scalar factors of products and of their operands: a product takes one as it is written.

#include <algorithm>

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/linalg/gemm.h"
#include "ops/rewrites/product_patterns.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// The product of two vectors is a number itself.
std::optional<Variables> scale_number(const Apply& apply, const RuleContext& context) {
  if (!is_floating(apply.output(0).dtype())) return std::nullopt;
  const ScaledTensor left = split_factor(apply.input(0), 1, context);
  const ScaledTensor right = split_factor(apply.input(1), 1, context);
  const Variable factor = times(left.factor, right.factor);
  if (scalar_number(factor) == 1.0) return std::nullopt;
  return replace_with(apply, scaled_by({factor, dot(left.tensor, right.tensor)}));
}

std::optional<Variables> scale_as_written(const Apply& apply, const RuleContext& context) {
  if (apply.output(0).rank() == 0) return scale_number(apply, context);
  const auto product = product_of(apply.output(0), context);
  if (!product || scalar_number(product->alpha) == 1.0) return std::nullopt;
  return replace_with(apply, gemm(0, product->a, product->b, product->alpha, 0));
}

constexpr Rule kDotOfScaled = {
    .name = "dot_of_scaled",
    .why = "a product takes a scalar factor as it is written, and no operand is multiplied first",
    .op = "dot",
    .apply = scale_as_written,
    .examples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), s = scalar("s");
          const Variable v = vector("v"), w = vector("w");
          return Examples{{{dot(a * s, b)}, {gemm(0, a, b, s, 0)}},
                          {{dot(a * s, -b)}, {gemm(0, a, b, -s, 0)}},
                          {{dot(a, v * 2)}, {gemm(0, a, v, 2, 0)}},
                          {{dot(v, s * w)}, {dot(v, w) * s}},
                          {{dot(v, -w)}, {-dot(v, w)}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), s = scalar("s");
          const Variable scaled = a * s;
          return Graphs{{dot(scaled, b), scaled}, {dot(a * b, b)}, {dot(a, b) * s}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kMatmulOfScaled = {
    .name = "matmul_of_scaled",
    .why = "products take a scalar factor as they are written, and no operand is multiplied first",
    .op = "matmul",
    .apply = scale_as_written,
    .examples =
        [] {
          const Variable x = tensor3("x"), y = tensor3("y"), s = scalar("s");
          return Examples{{{matmul(x * s, y)}, {gemm(0, x, y, s, 0)}}};
        },
    .counterexamples =
        [] {
          const Variable x = tensor3("x"), y = tensor3("y"), s = scalar("s");
          const Variable repeated = tensor(float_x(), {1, Dim(), Dim()}, "repeated");
          return Graphs{{matmul(x, y)}, {matmul(repeated * s, y)}};
        },
    .exactness = Exactness::kReassociates};

// Whether `v` is a result or an operand of products: elsewhere a factor joins what is computed.
bool stays_alone(const Variable& v, const RuleContext& context) {
  return std::ranges::all_of(context.graph().uses(v), [](const Use& use) {
    if (use.user == nullptr) return true;
    const std::string_view user = use.user->op().name();
    return user == "dot" || user == "matmul" || user == "gemm";
  });
}

constexpr Rule kScaledProduct = {
    .name = "mul_of_dot",
    .why = "a product takes a scalar factor as it is written, instead of in a pass of its own",
    .op = "mul",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      for (size_t i = 0; i < 2; ++i) {
        const Variable& factor = apply.input(1 - i);
        if (factor.rank() != 0 || context.use_count(apply.input(i)) != 1) continue;
        const auto product = product_of(apply.input(i), context);
        if (!product || product->c.defined()) continue;
        if (!stays_alone(apply.output(0), context)) {
          return context.refuse("the factor joins what is made of it", apply.input(i).owner());
        }
        return replace_with(apply,
                            gemm(0, product->a, product->b, times(factor, product->alpha), 0));
      }
      return std::nullopt;
    },
    .examples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), s = scalar("s"), v = vector("v");
          const Variable x = tensor3("x"), y = tensor3("y");
          return Examples{{{dot(a, b) * s}, {gemm(0, a, b, s, 0)}},
                          {{0.5 * dot(a, v)}, {gemm(0, a, v, 0.5, 0)}},
                          {{matmul(x, y) * s}, {gemm(0, x, y, s, 0)}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), s = scalar("s"), v = vector("v");
          const Variable product = dot(a, b);
          return Graphs{
              {tanh(dot(a, b) * s)}, {product * s, product}, {dot(a, b) * v}, {dot(v, v) * s}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kDotOfScaled, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kMatmulOfScaled, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kScaledProduct, Phase::kSpecialize)),
};

}  // namespace
}  // namespace bitale
