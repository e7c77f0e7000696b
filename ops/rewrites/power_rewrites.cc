// Powers with a constant exponent, and functions beside their inverses.

#include <cmath>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/patterns.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// The base where the exponent is this number.
Variable base_of(const Apply& apply, double exponent) {
  const Variable& base = apply.input(0);
  if (scalar_number(apply.input(1)) != exponent || !is_floating(base.dtype())) return {};
  return base;
}

constexpr Rule kPowOne = {
    .name = "pow_one",
    .why = "x to the power of 1 is x",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = base_of(apply, 1);
      return x.defined() ? replace_with(apply, x) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(x, 1)}, {x}}};
        },
    .counterexamples =
        [] {
          return Graphs{{pow(matrix("x"), 1.5)}, {pow(matrix("x"), matrix("y"))}};
        }};

constexpr Rule kPowZero = {
    .name = "pow_zero",
    .why = "anything to the power of 0 is 1, NaN included",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = base_of(apply, 0);
      return x.defined() ? replace_with(apply, ones_like(x)) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(x, 0)}, {ones_like(x)}}};
        },
    .counterexamples = [] { return Graphs{{pow(matrix("x"), 2)}}; }};

constexpr Rule kPowTwo = {
    .name = "pow_two",
    .why = "one product is cheaper than a power",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = base_of(apply, 2);
      return x.defined() ? replace_with(apply, sqr(x)) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(x, 2)}, {sqr(x)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{pow(matrix("x"), 3)}, {pow(2, matrix("x"))}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kPowThree = {
    .name = "pow_three",
    .why = "two products are cheaper than a power",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = base_of(apply, 3);
      return x.defined() ? replace_with(apply, mul(x, sqr(x))) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(x, 3)}, {x * sqr(x)}}};
        },
    .counterexamples = [] { return Graphs{{pow(matrix("x"), 5)}}; },
    .exactness = Exactness::kReassociates};

// x to the power of n > 0, by squares.
Variable power_by_squares(const Variable& x, int n) {
  if (n == 1) return x;
  const Variable half = power_by_squares(x, n / 2);
  return n % 2 == 0 ? sqr(half) : mul(x, sqr(half));
}

constexpr int kMostSquared = 16;

constexpr Rule kPowInteger = {
    .name = "pow_integer",
    .why = "a few squares and products are cheaper than a power",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable& base = apply.input(0);
      const std::optional<double> exponent = scalar_number(apply.input(1));
      if (!exponent || !is_floating(base.dtype())) return std::nullopt;
      const double size = std::fabs(*exponent);
      if (size != std::floor(size) || size < 2 || size > kMostSquared) return std::nullopt;
      // The smallest powers have rules of their own.
      if (*exponent == 2 || *exponent == 3) return std::nullopt;
      const Variable power = power_by_squares(base, static_cast<int>(size));
      return replace_with(apply, *exponent > 0 ? power : true_div(1.0, power));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(x, 4)}, {sqr(sqr(x))}},
                          {{pow(x, 5)}, {x * sqr(sqr(x))}},
                          {{pow(x, 6)}, {sqr(x * sqr(x))}},
                          {{pow(x, -2)}, {1 / sqr(x)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{pow(x, 17)}, {pow(x, 2.5)}, {pow(x, scalar("s"))}, {pow(ivector("i"), 4)}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kPowMinusHalf = {
    .name = "pow_minus_half_of_nonnegative",
    .why = "a root and a division are cheaper than a power, and the same for what is not negative",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Variable x = base_of(apply, -0.5);
      if (!x.defined()) return std::nullopt;
      if (!is_nonnegative(x)) return context.refuse("the base may be negative", x.owner());
      return replace_with(apply, true_div(1.0, sqrt(x)));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(sqr(x) + 1, -0.5)}, {1 / sqrt(sqr(x) + 1)}}};
        },
    .counterexamples = [] { return Graphs{{pow(matrix("x"), -0.5)}}; },
    .exactness = Exactness::kReassociates};

constexpr Rule kPowMinusOne = {
    .name = "pow_minus_one",
    .why = "a division is cheaper than a power",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = base_of(apply, -1);
      return x.defined() ? replace_with(apply, true_div(1.0, x)) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(x, -1)}, {1 / x}}};
        },
    .counterexamples = [] { return Graphs{{pow(matrix("x"), -2)}}; },
    .exactness = Exactness::kReassociates};

constexpr Rule kPowHalf = {
    .name = "pow_half",
    .why = "sqrt is cheaper than a power, and the same but for -inf",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = base_of(apply, 0.5);
      return x.defined() ? replace_with(apply, sqrt(x)) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(x, 0.5)}, {sqrt(x)}}};
        },
    .counterexamples = [] { return Graphs{{pow(matrix("x"), 0.25)}}; },
    .exactness = Exactness::kAssumesFinite};

constexpr Rule kPowHalfOfNonnegative = {
    .name = "pow_half_of_nonnegative",
    .why = "sqrt is cheaper than a power, and the same where the base is never negative",
    .op = "pow",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = base_of(apply, 0.5);
      if (!x.defined() || !is_nonnegative(x)) return std::nullopt;
      return replace_with(apply, sqrt(x));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{pow(sqr(x) + 1, 0.5)}, {sqrt(sqr(x) + 1)}}};
        },
    .counterexamples = [] { return Graphs{{pow(matrix("x"), 0.5)}}; },
    .exactness = Exactness::kReassociates};

constexpr Rule kMulSelf = {
    .name = "mul_self",
    .why = "x * x reads its operand once as a square",
    .op = "mul",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      if (!(apply.input(0) == apply.input(1)) || !is_floating(apply.input(0).dtype())) {
        return std::nullopt;
      }
      return replace_with(apply, sqr(apply.input(0)));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x * x}, {sqr(x)}}};
        },
    .counterexamples = [] { return Graphs{{matrix("x") * matrix("y")}}; }};

// --- Inverses ------------------------------------------------------------------------------------

constexpr Rule kSqrSqrt = {
    .name = "sqr_of_sqrt",
    .why = "the square of a root is the operand, where that is never negative",
    .op = "sqr",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* root = elementwise_named(apply.input(0), "sqrt");
      if (root == nullptr || !is_nonnegative(root->input(0))) return std::nullopt;
      return replace_with(apply, root->input(0));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{sqr(sqrt(abs(x)))}, {abs(x)}}};
        },
    .counterexamples = [] { return Graphs{{sqr(sqrt(matrix("x")))}}; },
    .exactness = Exactness::kReassociates};

constexpr Rule kSqrtSqr = {
    .name = "sqrt_of_sqr",
    .why = "the root of a square is abs(x), without overflow between, and with a derivative at 0",
    .op = "sqrt",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* square = elementwise_named(apply.input(0), "sqr");
      return square != nullptr ? replace_with(apply, abs(square->input(0))) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{sqrt(sqr(x))}, {abs(x)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{sqrt(abs(matrix("x")))}, {sqrt(sqr(matrix("x")) + 1)}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kExpLog = {
    .name = "exp_of_log",
    .why = "exp(log(x)) is x where x is never negative, and loses digits besides",
    .op = "exp",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* inner = elementwise_named(apply.input(0), "log");
      if (inner == nullptr || !is_nonnegative(inner->input(0))) return std::nullopt;
      return replace_with(apply, inner->input(0));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{exp(log(sigmoid(x)))}, {sigmoid(x)}}};
        },
    .counterexamples = [] { return Graphs{{exp(log(matrix("x")))}}; },
    .exactness = Exactness::kReassociates};

constexpr Rule kLogExp = {
    .name = "log_of_exp",
    .why = "log(exp(x)) is x, but overflows",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* inner = elementwise_named(apply.input(0), "exp");
      return inner != nullptr ? replace_with(apply, inner->input(0)) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log(exp(x))}, {x}}};
        },
    .counterexamples = [] { return Graphs{{log(exp(matrix("x")) + 2)}}; },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kPowOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kPowZero, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kPowTwo, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kPowMinusOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kPowHalf, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kPowHalfOfNonnegative, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kPowMinusHalf, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kPowThree, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kPowInteger, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kMulSelf, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSqrSqrt, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kExpLog, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSqrtSqr, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLogExp, Phase::kStabilize)),
};

}  // namespace
}  // namespace bitale
