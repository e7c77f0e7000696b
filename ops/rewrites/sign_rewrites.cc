// Minus signs move outwards, where they meet and vanish or turn sums into differences.

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/patterns.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// x where v is -x; else not defined().
Variable negated(const Variable& v) {
  const Apply* apply = elementwise_named(v, "neg");
  return apply != nullptr ? apply->input(0) : Variable();
}

constexpr Rule kAddNeg = {
    .name = "add_neg",
    .why = "a + (-b) is a - b",
    .op = "add",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      if (const Variable b = negated(apply.input(1)); b.defined()) {
        return replace_with(apply, sub(apply.input(0), b));
      }
      if (const Variable a = negated(apply.input(0)); a.defined()) {
        return replace_with(apply, sub(apply.input(1), a));
      }
      return std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{x + -y}, {x - y}}, {{-x + y}, {y - x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{x + y}, {-(x + y)}};
        }};

constexpr Rule kSubNeg = {
    .name = "sub_neg",
    .why = "a - (-b) is a + b, and -a - b is -(a + b)",
    .op = "sub",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      if (const Variable b = negated(apply.input(1)); b.defined()) {
        return replace_with(apply, add(apply.input(0), b));
      }
      if (const Variable a = negated(apply.input(0)); a.defined()) {
        return replace_with(apply, neg(add(a, apply.input(1))));
      }
      return std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{x - -y}, {x + y}}, {{-x - y}, {-(x + y)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{x - y}, {-(x - y)}};
        }};

constexpr Rule kNegSub = {
    .name = "neg_sub",
    .why = "-(a - b) is b - a (but for the sign of a zero)",
    .op = "neg",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* inner = elementwise_named(apply.input(0), "sub");
      if (inner == nullptr) return std::nullopt;
      return replace_with(apply, sub(inner->input(1), inner->input(0)));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{-(x - y)}, {y - x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{-(x + y)}, {-x}};
        },
    .exactness = Exactness::kReassociates};

// a . (-b) and (-a) . b as -(a . b).
std::optional<Variables> pull_out(const Apply& apply, Variable (*build)(Operand, Operand)) {
  const Variable a = negated(apply.input(0));
  const Variable b = negated(apply.input(1));
  if (!a.defined() && !b.defined()) return std::nullopt;
  const Variable result = build(a.defined() ? a : apply.input(0), b.defined() ? b : apply.input(1));
  return replace_with(apply, a.defined() && b.defined() ? result : neg(result));
}

constexpr Rule kMulNeg = {
    .name = "mul_neg",
    .why = "signs of factors belong to the product, where they meet others",
    .op = "mul",
    .apply = [](const Apply& apply, const RuleContext&) { return pull_out(apply, mul); },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{-x * y}, {-(x * y)}}, {{x * -y}, {-(x * y)}}, {{-x * -y}, {x * y}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{x * y}, {-(x * y)}};
        }};

constexpr Rule kDivNeg = {
    .name = "div_neg",
    .why = "signs of numerator and denominator belong to the quotient, where they meet others",
    .op = "true_div",
    .apply = [](const Apply& apply, const RuleContext&) { return pull_out(apply, true_div); },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{-x / y}, {-(x / y)}}, {{x / -y}, {-(x / y)}}, {{-x / -y}, {x / y}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{x / y}, {-(x / y)}};
        }};

constexpr Rule kMulMinusOne = {
    .name = "mul_minus_one",
    .why = "x * -1 is -x",
    .op = "mul",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      for (size_t i = 0; i < 2; ++i) {
        if (is_floating(apply.input(i).dtype()) && scalar_number(apply.input(1 - i)) == -1.0) {
          return replace_with(apply, neg(apply.input(i)));
        }
      }
      return std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x * -1}, {-x}}};
        },
    .counterexamples = [] { return Graphs{{matrix("x") * -2}}; }};

// -(x . c) as x . (-c).
std::optional<Variables> into_constant(const Apply& apply, const RuleContext&) {
  for (const char* name : {"mul", "true_div"}) {
    const Apply* inner = elementwise_named(apply.input(0), name);
    if (inner == nullptr || !is_floating(inner->input(0).dtype())) continue;
    const std::optional<double> number = scalar_number(inner->input(1));
    if (!number) continue;
    const Variable flipped = scalar_constant(inner->input(0).dtype(), -*number);
    return replace_with(apply, inner->op().name() == "mul" ? mul(inner->input(0), flipped)
                                                           : true_div(inner->input(0), flipped));
  }
  return std::nullopt;
}

constexpr Rule kNegConstant = {
    .name = "neg_into_constant",
    .why = "the sign of a constant factor costs nothing",
    .op = "neg",
    .apply = into_constant,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{-(x * 2)}, {x * -2}}, {{-(x / 2)}, {x / -2}}};
        },
    .counterexamples = [] { return Graphs{{-(matrix("x") * scalar("s"))}}; }};

// f(-x) as f(x).
std::optional<Variables> drop_sign(const Apply& apply, Variable (*build)(Operand)) {
  const Apply* absolute = elementwise_named(apply.input(0), "abs");
  const Variable x = absolute != nullptr ? absolute->input(0) : negated(apply.input(0));
  if (!x.defined()) return std::nullopt;
  return replace_with(apply, build(x));
}

constexpr Rule kSqrSign = {
    .name = "sqr_of_sign",
    .why = "the square of -x and of abs(x) is that of x",
    .op = "sqr",
    .apply = [](const Apply& apply, const RuleContext&) { return drop_sign(apply, sqr); },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{sqr(-x)}, {sqr(x)}}, {{sqr(abs(x))}, {sqr(x)}}};
        },
    .counterexamples = [] { return Graphs{{sqr(matrix("x"))}}; }};

constexpr Rule kAbsSign = {
    .name = "abs_of_sign",
    .why = "the absolute value of -x and of abs(x) is that of x",
    .op = "abs",
    .apply = [](const Apply& apply, const RuleContext&) { return drop_sign(apply, abs); },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{abs(-x)}, {abs(x)}}, {{abs(abs(x))}, {abs(x)}}};
        },
    .counterexamples = [] { return Graphs{{abs(matrix("x"))}}; }};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kAddNeg, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kAddNeg, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kSubNeg, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSubNeg, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kNegSub, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMulNeg, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMulNeg, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kDivNeg, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kDivNeg, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kMulMinusOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kNegConstant, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kNegConstant, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kSqrSign, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kAbsSign, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
