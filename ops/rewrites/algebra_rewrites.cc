// One spelling for sums and products: constants last and folded, signs outside.

#include <cmath>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/patterns.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// A number that `dtype` holds as a normal one, or 0: folding must not make what was finite
// infinite.
bool fits_well(DType dtype, double value) {
  const double least = dtype == DType::kFloat64 ? 1e-300 : dtype == DType::kFloat16 ? 1e-4 : 1e-37;
  const double most = dtype == DType::kFloat64 ? 1e300 : dtype == DType::kFloat16 ? 6e4 : 1e38;
  return value == 0 || (std::fabs(value) > least && std::fabs(value) < most);
}

// A 0-d constant operand, and the other one.
struct WithNumber {
  Variable x;
  double number;
};
std::optional<WithNumber> with_number(const Variable& v, std::string_view op_name) {
  const Apply* apply = elementwise_named(v, op_name);
  if (apply == nullptr || !is_floating(v.dtype())) return std::nullopt;
  const std::optional<double> number = scalar_number(apply->input(1));
  if (!number) return std::nullopt;
  return WithNumber{apply->input(0), *number};
}

Variable number_like(const Variable& x, double value) { return scalar_constant(x.dtype(), value); }

// --- Constants -----------------------------------------------------------------------------------

std::optional<Variables> constant_last(const Apply& apply, const RuleContext&) {
  if (!scalar_number(apply.input(0)) || scalar_number(apply.input(1))) return std::nullopt;
  const bool sum = apply.op().name() == "add";
  return replace_with(
      apply, sum ? add(apply.input(1), apply.input(0)) : mul(apply.input(1), apply.input(0)));
}

constexpr Rule kAddConstantLast = {
    .name = "add_constant_last",
    .why = "one order for c + x and x + c, so that equal terms merge and constants meet",
    .op = "add",
    .apply = constant_last,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{1 + x}, {x + 1}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{x + 1}, {scalar("s") + x}};
        }};

constexpr Rule kMulConstantLast = {
    .name = "mul_constant_last",
    .why = "one order for c * x and x * c, so that equal factors merge and constants meet",
    .op = "mul",
    .apply = constant_last,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{2 * x}, {x * 2}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{x * 2}, {scalar("s") * x}};
        }};

constexpr Rule kSubConstant = {
    .name = "sub_constant",
    .why = "x - c is x + (-c), so that constants meet",
    .op = "sub",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const std::optional<double> number = scalar_number(apply.input(1));
      if (!number || !is_floating(apply.input(1).dtype())) return std::nullopt;
      return replace_with(apply, add(apply.input(0), number_like(apply.input(0), -*number)));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x - 3}, {x + -3}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), i = lvector("i");
          return Graphs{{3 - x}, {x - scalar("s")}, {i - 3}};
        }};

// The constants of (x . a) . b as one: x . folded.
template <typename Fold>
std::optional<Variables> fold_chain(const Apply& apply, std::string_view inner_name,
                                    Variable (*build)(Operand, Operand), Fold fold) {
  const std::optional<double> outer = scalar_number(apply.input(1));
  if (!outer) return std::nullopt;
  const std::optional<WithNumber> inner = with_number(apply.input(0), inner_name);
  if (!inner) return std::nullopt;
  const double folded = fold(inner->number, *outer);
  if (!fits_well(inner->x.dtype(), folded)) return std::nullopt;
  if (folded == 0 && build == static_cast<Variable (*)(Operand, Operand)>(mul)) return std::nullopt;
  return replace_with(apply, build(inner->x, number_like(inner->x, folded)));
}

constexpr Rule kAddAdd = {.name = "add_add_constants",
                          .why = "constants that are added one after the other are one constant",
                          .op = "add",
                          .apply =
                              [](const Apply& apply, const RuleContext&) {
                                return fold_chain(apply, "add", add,
                                                  [](double a, double b) { return a + b; });
                              },
                          .examples =
                              [] {
                                const Variable x = matrix("x");
                                return Examples{{{x + 1 + 2}, {x + 3}}};
                              },
                          .counterexamples =
                              [] {
                                const Variable x = matrix("x");
                                return Graphs{{x + scalar("s") + 2}, {x * 2 + 1}};
                              },
                          .exactness = Exactness::kReassociates};

constexpr Rule kMulMul = {
    .name = "mul_mul_constants",
    .why = "constants that are multiplied one after the other are one constant",
    .op = "mul",
    .apply =
        [](const Apply& apply, const RuleContext&) {
          return fold_chain(apply, "mul", mul, [](double a, double b) { return a * b; });
        },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x * 2 * 3}, {x * 6}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{x * 1e200 * 1e200}, {(x + 2) * 3}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kDivMul = {.name = "mul_of_div_constants",
                          .why = "x / a * b is x times one constant",
                          .op = "mul",
                          .apply =
                              [](const Apply& apply, const RuleContext&) {
                                return fold_chain(apply, "true_div", mul,
                                                  [](double a, double b) { return b / a; });
                              },
                          .examples =
                              [] {
                                const Variable x = matrix("x");
                                return Examples{{{x / 2 * 3}, {x * 1.5}}};
                              },
                          .counterexamples =
                              [] {
                                const Variable x = matrix("x");
                                return Graphs{{x / 0 * 3}, {x / scalar("s") * 3}};
                              },
                          .exactness = Exactness::kReassociates};

constexpr Rule kMulDiv = {.name = "div_of_mul_constants",
                          .why = "x * a / b is x times one constant",
                          .op = "true_div",
                          .apply =
                              [](const Apply& apply, const RuleContext&) {
                                return fold_chain(apply, "mul", mul,
                                                  [](double a, double b) { return a / b; });
                              },
                          .examples =
                              [] {
                                const Variable x = matrix("x");
                                return Examples{{{x * 3 / 2}, {x * 1.5}}};
                              },
                          .counterexamples =
                              [] {
                                const Variable x = matrix("x");
                                return Graphs{{x * 3 / 0}, {x * 3 / scalar("s")}};
                              },
                          .exactness = Exactness::kReassociates};

constexpr Rule kDivDiv = {.name = "div_div_constants",
                          .why = "x / a / b is one division",
                          .op = "true_div",
                          .apply =
                              [](const Apply& apply, const RuleContext&) {
                                return fold_chain(apply, "true_div", true_div,
                                                  [](double a, double b) { return a * b; });
                              },
                          .examples =
                              [] {
                                const Variable x = matrix("x");
                                return Examples{{{x / 2 / 3}, {x / 6}}};
                              },
                          .counterexamples =
                              [] {
                                const Variable x = matrix("x");
                                return Graphs{{x / 2 / scalar("s")}, {1 / x / 2}};
                              },
                          .exactness = Exactness::kReassociates};

// --- What only finite values allow ---------------------------------------------------------------

Variable constant_like(const Variable& x, double value) {
  return full_like(x, number_like(x, value));
}

std::optional<Variables> multiply_by_zero(const Apply& apply, bool floating) {
  for (size_t i = 0; i < 2; ++i) {
    const Variable& x = apply.input(i);
    if (is_floating(x.dtype()) != floating || x.dtype() == DType::kBool) return std::nullopt;
    if (scalar_number(apply.input(1 - i)) == 0.0 && as_elementwise(apply)->is_whole(i)) {
      return replace_with(apply, constant_like(x, 0));
    }
  }
  return std::nullopt;
}

constexpr Rule kMulZero = {
    .name = "mul_zero",
    .why = "x * 0 is 0 where x is finite",
    .op = "mul",
    .apply = [](const Apply& apply, const RuleContext&) { return multiply_by_zero(apply, true); },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x * 0}, {zeros_like(x)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{matrix("x") * 2}, {lvector("i") * 0}};
        },
    .exactness = Exactness::kAssumesFinite};

constexpr Rule kMulZeroInteger = {
    .name = "mul_zero_integer",
    .why = "an integer times 0 is 0",
    .op = "mul",
    .apply = [](const Apply& apply, const RuleContext&) { return multiply_by_zero(apply, false); },
    .examples =
        [] {
          const Variable i = lvector("i");
          return Examples{{{i * 0}, {zeros_like(i)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{matrix("x") * 0}, {lvector("i") * 2}};
        }};

std::optional<Variables> same_operands(const Apply& apply, bool floating, double value) {
  const Variable& x = apply.input(0);
  if (!(x == apply.input(1)) || is_floating(x.dtype()) != floating) return std::nullopt;
  return replace_with(apply, constant_like(x, value));
}

constexpr Rule kSubSelf = {
    .name = "sub_self",
    .why = "x - x is 0 where x is finite",
    .op = "sub",
    .apply = [](const Apply& apply, const RuleContext&) { return same_operands(apply, true, 0); },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x - x}, {zeros_like(x)}}};
        },
    .counterexamples =
        [] {
          const Variable i = lvector("i");
          return Graphs{{matrix("x") - matrix("y")}, {i - i}};
        },
    .exactness = Exactness::kAssumesFinite};

constexpr Rule kSubSelfInteger = {
    .name = "sub_self_integer",
    .why = "an integer less itself is 0",
    .op = "sub",
    .apply = [](const Apply& apply, const RuleContext&) { return same_operands(apply, false, 0); },
    .examples =
        [] {
          const Variable i = lvector("i");
          return Examples{{{i - i}, {zeros_like(i)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{x - x}, {lvector("i") - lvector("j")}};
        }};

constexpr Rule kDivSelf = {
    .name = "div_self",
    .why = "x / x is 1 where that is no 0 / 0",
    .op = "true_div",
    .apply = [](const Apply& apply, const RuleContext&) { return same_operands(apply, true, 1); },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x / x}, {ones_like(x)}}};
        },
    .counterexamples = [] { return Graphs{{matrix("x") / matrix("y")}}; },
    .exactness = Exactness::kAssumesFinite};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kAddConstantLast, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMulConstantLast, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSubConstant, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kAddAdd, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMulMul, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kDivMul, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMulDiv, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kDivDiv, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMulZero, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMulZeroInteger, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSubSelf, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSubSelfInteger, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kDivSelf, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
