// Logarithms and exponentials in forms that neither overflow nor lose digits.
//
// These rules also run, alone, on what is about to be differentiated: they take sums in either
// order, with constants that are written as x + c or x - c.

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduction/reduction.h"
#include "ops/rewrites/patterns.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// u where v is u + number, in any order; else not defined().
Variable less_constant(const Variable& v, double number) {
  if (const Apply* sum = elementwise_named(v, "add")) {
    for (size_t i = 0; i < 2; ++i) {
      if (scalar_number(sum->input(1 - i)) == number) return sum->input(i);
    }
  }
  if (const Apply* difference = elementwise_named(v, "sub")) {
    if (scalar_number(difference->input(1)) == -number) return difference->input(0);
  }
  return {};
}

// u where v is f(u); else not defined().
Variable argument_of(const Variable& v, std::string_view f) {
  if (!v.defined()) return {};
  const Apply* apply = elementwise_named(v, f);
  return apply != nullptr ? apply->input(0) : Variable();
}

// u where v is 1 - u; else not defined().
Variable taken_from_one(const Variable& v) {
  const Apply* difference = elementwise_named(v, "sub");
  if (difference != nullptr && scalar_number(difference->input(0)) == 1.0) {
    return difference->input(1);
  }
  return argument_of(less_constant(v, 1), "neg");
}

Variable minus(const Variable& x) {
  const Variable inner = argument_of(x, "neg");
  return inner.defined() ? inner : neg(x);
}

// --- log -----------------------------------------------------------------------------------------

std::optional<Variables> log_of_sum_with_one(const Apply& apply, const RuleContext&) {
  const Variable u = less_constant(apply.input(0), 1);
  if (!u.defined()) return std::nullopt;
  const Variable exponent = argument_of(u, "exp");
  return replace_with(apply, exponent.defined() ? softplus(exponent) : log1p(u));
}

constexpr Rule kLogOnePlus = {
    .name = "log_one_plus",
    .why = "log(1 + u) loses small u and log(1 + exp(x)) overflows; log1p and softplus do neither",
    .op = "log",
    .apply = log_of_sum_with_one,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log(1 + x)}, {log1p(x)}},
                          {{log(x + 1)}, {log1p(x)}},
                          {{log(x - -1)}, {log1p(x)}},
                          {{log(1 + exp(x))}, {softplus(x)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{log(2 + x)}, {log(exp(x))}, {log(1 - x)}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kLog1pExp = {
    .name = "log1p_of_exp",
    .why = "log1p(exp(x)) overflows; softplus does not",
    .op = "log1p",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = argument_of(apply.input(0), "exp");
      return x.defined() ? replace_with(apply, softplus(x)) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log1p(exp(x))}, {softplus(x)}}};
        },
    .counterexamples = [] { return Graphs{{log1p(matrix("x"))}}; },
    .exactness = Exactness::kReassociates};

constexpr Rule kLog1pMinusSigmoid = {
    .name = "log1p_of_minus_sigmoid",
    .why = "log(1 - sigmoid(x)) is -inf from x = 17 on in float32; -softplus(x) is not",
    .op = "log1p",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = argument_of(argument_of(apply.input(0), "neg"), "sigmoid");
      return x.defined() ? replace_with(apply, neg(softplus(x))) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log1p(-sigmoid(x))}, {-softplus(x)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{log1p(sigmoid(matrix("x")))}, {log1p(-exp(matrix("x")))}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kLogSigmoid = {
    .name = "log_of_sigmoid",
    .why = "sigmoid(x) underflows for large -x; -softplus(-x) does not",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = argument_of(apply.input(0), "sigmoid");
      return x.defined() ? replace_with(apply, neg(softplus(minus(x)))) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log(sigmoid(x))}, {-softplus(-x)}},
                          {{log(sigmoid(-x))}, {-softplus(x)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{log(tanh(matrix("x")))}, {log(sigmoid(matrix("x")) + 2)}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kLogOneMinusSigmoid = {
    .name = "log_of_one_minus_sigmoid",
    .why = "log(1 - sigmoid(x)) is -inf from x = 17 on in float32; -softplus(x) is not",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = argument_of(taken_from_one(apply.input(0)), "sigmoid");
      return x.defined() ? replace_with(apply, neg(softplus(x))) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log(1 - sigmoid(x))}, {-softplus(x)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{log(2 - sigmoid(matrix("x")))}, {log(1 - matrix("x"))}};
        },
    .exactness = Exactness::kReassociates};

// Whether x is u - max(u), possibly guarded as logsumexp does: its exponentials cannot overflow.
bool is_shifted(const Variable& x) {
  const Apply* difference = elementwise_named(x, "sub");
  if (difference == nullptr) return false;
  Variable shift = difference->input(1);
  while (shift.owner() != nullptr) {
    const Apply& maker = *shift.owner();
    if (maker.op().name() == "max") return maker.input(0) == difference->input(0);
    if (maker.op().name() == "where") {
      shift = Variable(maker.input(2));
    } else if (maker.op().traits().view) {
      shift = Variable(maker.input(0));
    } else {
      return false;
    }
  }
  return false;
}

constexpr Rule kLogSumExp = {
    .name = "log_of_sum_of_exp",
    .why = "exp overflows; logsumexp subtracts the largest operand first",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* total = made_by(apply.input(0), "sum");
      if (total == nullptr) return std::nullopt;
      const Variable x = argument_of(total->input(0), "exp");
      if (!x.defined() || is_shifted(x)) return std::nullopt;
      const auto& op = dynamic_cast<const ReduceOp&>(total->op());
      // Nothing is reduced, or nothing is there to take the largest of.
      if (op.axes().empty()) return std::nullopt;
      for (const int64_t axis : op.axes()) {
        if (x.type().dims[static_cast<size_t>(axis)] == Dim(0)) return std::nullopt;
      }
      return replace_with(apply, logsumexp(x, op.axes(), op.keepdims()));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log(sum(exp(x), 1))}, {logsumexp(x, 1)}},
                          {{log(sum(exp(x), 0, true))}, {logsumexp(x, 0, true)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{log(sum(x, 1))},
                        {log(sum(exp(x), 1) + 2)},
                        {logsumexp(x, 1)},
                        {log(sum(exp(x - max(x, 1, true)), 1))}};
        },
    .exactness = Exactness::kReassociates};

// --- exp -----------------------------------------------------------------------------------------

std::optional<Variables> exp_less_one(const Apply& apply, const RuleContext&) {
  const Variable x = argument_of(less_constant(apply.output(0), -1), "exp");
  return x.defined() ? replace_with(apply, expm1(x)) : std::nullopt;
}
Examples expm1_examples(bool difference) {
  const Variable x = matrix("x");
  if (difference) return {{{exp(x) - 1}, {expm1(x)}}};
  return {{{exp(x) + -1}, {expm1(x)}}, {{-1 + exp(x)}, {expm1(x)}}};
}

constexpr Rule kSubExpm1 = {.name = "exp_minus_one",
                            .why = "exp(x) - 1 loses small x; expm1 does not",
                            .op = "sub",
                            .apply = exp_less_one,
                            .examples = [] { return expm1_examples(true); },
                            .counterexamples =
                                [] {
                                  return Graphs{{exp(matrix("x")) - 2}, {1 - exp(matrix("x"))}};
                                },
                            .exactness = Exactness::kReassociates};

constexpr Rule kAddExpm1 = {.name = "exp_plus_minus_one",
                            .why = "exp(x) + -1 loses small x; expm1 does not",
                            .op = "add",
                            .apply = exp_less_one,
                            .examples = [] { return expm1_examples(false); },
                            .counterexamples = [] { return Graphs{{exp(matrix("x")) + 1}}; },
                            .exactness = Exactness::kReassociates};

// --- sigmoid -------------------------------------------------------------------------------------

// a / (1 + exp(u)): sigmoid(-u) where a is 1, sigmoid(u) where a is exp(u).
std::optional<Variables> quotient_as_sigmoid(const Apply& apply, const RuleContext&) {
  const Variable u = argument_of(less_constant(apply.input(1), 1), "exp");
  if (!u.defined()) return std::nullopt;
  if (scalar_number(apply.input(0)) == 1.0) return replace_with(apply, sigmoid(minus(u)));
  const Variable above = argument_of(apply.input(0), "exp");
  if (above.defined() && above == u) return replace_with(apply, sigmoid(u));
  return std::nullopt;
}

constexpr Rule kSigmoid = {
    .name = "quotient_as_sigmoid",
    .why = "exp overflows in 1 / (1 + exp(-x)) and exp(x) / (1 + exp(x)); sigmoid does not",
    .op = "true_div",
    .apply = quotient_as_sigmoid,
    .examples =
        [] {
          const Variable x = matrix("x");
          const Variable e = exp(x);
          return Examples{{{1 / (1 + exp(-x))}, {sigmoid(x)}},
                          {{1 / (exp(x) + 1)}, {sigmoid(-x)}},
                          {{e / (1 + e)}, {sigmoid(x)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{
              {2 / (1 + exp(-x))}, {1 / (2 + exp(-x))}, {exp(matrix("y")) / (1 + exp(x))}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kOneMinusSigmoid = {
    .name = "one_minus_sigmoid",
    .why = "1 - sigmoid(x) loses all digits for large x; sigmoid(-x) does not",
    .op = "sub",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable x = argument_of(taken_from_one(apply.output(0)), "sigmoid");
      return x.defined() ? replace_with(apply, sigmoid(minus(x))) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{1 - sigmoid(x)}, {sigmoid(-x)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{2 - sigmoid(matrix("x"))}, {sigmoid(matrix("x")) - 1}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kLogOnePlus, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLog1pExp, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLog1pMinusSigmoid, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLogSigmoid, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLogOneMinusSigmoid, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLogSumExp, Phase::kStabilize)),
    RuleRegistrar(in_phase(kSubExpm1, Phase::kStabilize)),
    RuleRegistrar(in_phase(kAddExpm1, Phase::kStabilize)),
    RuleRegistrar(in_phase(kSigmoid, Phase::kStabilize)),
    RuleRegistrar(in_phase(kOneMinusSigmoid, Phase::kStabilize)),
};

}  // namespace
}  // namespace bitale
