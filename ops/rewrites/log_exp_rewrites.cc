// Exponentials beside each other, and logarithms of what may be 0.

#include <cmath>
#include <numbers>

#include "core/graph/inputs.h"
#include "ops/creation/arange.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/subtensor.h"
#include "ops/reduction/reduction.h"
#include "ops/rewrites/patterns.h"
#include "ops/shape/dimshuffle.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// u where v is exp(u); else not defined().
Variable exponent_of(const Variable& v) {
  const Apply* apply = elementwise_named(v, "exp");
  return apply != nullptr ? apply->input(0) : Variable();
}

// log(exp(a) + exp(b)): the larger exponent, and what the smaller one adds to it. The difference of
// equal exponents is 0, also where both are infinite.
Variable log_add_exp(const Variable& a, const Variable& b) {
  const Variable difference = where(eq(a, b), 0, sub(a, b));
  return add(maximum(a, b), softplus(neg(abs(difference))));
}

constexpr Rule kLogAddExp = {
    .name = "log_of_exp_plus_exp",
    .why =
        "exp overflows in log(exp(a) + exp(b)), and underflows to log(0); the larger exponent is "
        "taken out first",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* total = elementwise_named(apply.input(0), "add");
      if (total == nullptr) return std::nullopt;
      const Variable a = exponent_of(total->input(0));
      const Variable b = exponent_of(total->input(1));
      if (!a.defined() || !b.defined()) return std::nullopt;
      return replace_with(apply, log_add_exp(a, b));
    },
    .examples =
        [] {
          const Variable a = matrix("a"), b = matrix("b"), v = vector("v");
          return Examples{{{log(exp(a) + exp(b))}, {log_add_exp(a, b)}},
                          {{log(exp(a) + exp(v))}, {log_add_exp(a, v)}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), b = matrix("b");
          return Graphs{{log(exp(a) + b)}, {log(exp(a) - exp(b))}, {exp(a) + exp(b)}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kLogSqrt = {
    .name = "log_of_sqrt",
    .why = "log(sqrt(x)) is half of log(x), without the root",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* root = elementwise_named(apply.input(0), "sqrt");
      if (root == nullptr) return std::nullopt;
      return replace_with(apply, mul(log(root->input(0)), 0.5));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log(sqrt(x))}, {log(x) * 0.5}}};
        },
    .counterexamples =
        [] {
          return Graphs{{log(sqrt(matrix("x")) + 1)}, {log(abs(matrix("x")))}};
        },
    .exactness = Exactness::kReassociates};

// From where on erfc(x) loses digits to underflow, and the series below has all of them.
double erfc_underflows_from(DType dtype) { return dtype == DType::kFloat64 ? 25 : 8; }

// log(erfc(x)) by its asymptotic series for large x (Abramowitz and Stegun, 7.1.23).
Variable log_erfc(const Variable& x) {
  const Variable is_large = gt(x, erfc_underflows_from(x.dtype()));
  const Variable large = where(is_large, x, 1e3);
  const Variable t = 0.5 / sqr(large);
  const Variable series = t * (t * (3 - t * (15 - t * 105)) - 1);
  const Variable tail = log1p(series) - sqr(large) - log(large) - 0.5 * std::log(std::numbers::pi);
  return where(is_large, tail, log(erfc(where(is_large, 1, x))));
}

constexpr Rule kLogErfc = {
    .name = "log_of_erfc",
    .why = "erfc(x) underflows to 0 for large x, whose log is -inf; its asymptotic series does not",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* function = elementwise_named(apply.input(0), "erfc");
      if (function == nullptr) return std::nullopt;
      const Variable& x = function->input(0);
      // The rule's own result has erfc of a choice between 1 and what is not large.
      const Apply* guard = elementwise_named(x, "where");
      if (guard != nullptr && scalar_number(guard->input(1)) == 1.0) {
        return context.refuse("large operands are taken out already", guard);
      }
      return replace_with(apply, log_erfc(x));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{log(erfc(x))}, {log_erfc(x)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{log(erf(x))}, {log_erfc(x)}, {log(erfc(x) + 1)}};
        },
    .exactness = Exactness::kReassociates};

// --- x log x -------------------------------------------------------------------------------------

Variable x_log_x(const Variable& x) { return mul(x, log(where(eq(x, 0), 1, x))); }

constexpr Rule kXLogX = {
    .name = "x_log_x",
    .why = "x * log(x) is 0 in the limit at 0, where 0 * -inf is NaN",
    .op = "mul",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      for (size_t i = 0; i < 2; ++i) {
        const Variable& x = apply.input(i);
        const Apply* logarithm = elementwise_named(apply.input(1 - i), "log");
        if (logarithm != nullptr && logarithm->input(0) == x) {
          return replace_with(apply, x_log_x(x));
        }
      }
      return std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x * log(x)}, {x_log_x(x)}}, {{log(x) * x}, {x_log_x(x)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{x * log(y)}, {x * log1p(x)}, {x_log_x(x)}};
        },
    .exactness = Exactness::kReassociates};

// --- Products and quotients of exponentials ------------------------------------------------------

std::optional<Variables> join_exponents(const Apply& apply, const RuleContext& context) {
  const Variable a = exponent_of(apply.input(0));
  const Variable b = exponent_of(apply.input(1));
  if (!a.defined() || !b.defined() || apply.input(0) == apply.input(1)) return std::nullopt;
  for (const Variable& power : apply.inputs()) {
    if (context.use_count(power) != 1) {
      return context.refuse("the exponential is needed by itself", power.owner());
    }
  }
  return replace_with(apply, exp(apply.op().name() == "mul" ? add(a, b) : sub(a, b)));
}

Graphs exponents_counterexamples() {
  const Variable x = matrix("x"), y = matrix("y");
  const Variable e = exp(x);
  return {{exp(x) + exp(y)}, {x * exp(y)}, {x / exp(y)}, {e * exp(y), e}, {e / exp(y), e}};
}

constexpr Rule kProductOfExps = {
    .name = "product_of_exps",
    .why = "exp(a) * exp(b) overflows before exp(a + b) does, and is twice the work",
    .op = "mul",
    .apply = join_exponents,
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y"), v = vector("v");
          return Examples{{{exp(x) * exp(y)}, {exp(x + y)}}, {{exp(x) * exp(v)}, {exp(x + v)}}};
        },
    .counterexamples = exponents_counterexamples,
    .exactness = Exactness::kReassociates};

constexpr Rule kQuotientOfExps = {
    .name = "quotient_of_exps",
    .why = "exp(a) / exp(b) overflows before exp(a - b) does, and is twice the work",
    .op = "true_div",
    .apply = join_exponents,
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{exp(x) / exp(y)}, {exp(x - y)}}};
        },
    .counterexamples = exponents_counterexamples,
    .exactness = Exactness::kReassociates};

// --- log(softmax), with views between ------------------------------------------------------------

constexpr Rule kLogOfView = {
    .name = "log_of_view_of_softmax",
    .why = "softmax(x) underflows to 0, whose log is -inf, also where a part of it is taken first",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* view = apply.input(0).owner();
      if (view == nullptr) return std::nullopt;
      const bool moves_only = view->op().traits().view ||
                              dynamic_cast<const AdvancedSubtensorOp*>(&view->op()) != nullptr;
      if (!moves_only) return std::nullopt;
      const Apply* softmax = made_by(view->input(0), "softmax");
      if (softmax == nullptr) return std::nullopt;
      const int64_t axis = dynamic_cast<const SoftmaxOp&>(softmax->op()).axis();
      Variables operands(view->inputs().begin(), view->inputs().end());
      operands[0] = log_softmax(softmax->input(0), axis);
      return replace_with(apply, apply_one(view->shared_op(), operands));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = lvector("y");
          const Variable rows = arange(shape(y, 0));
          return Examples{{{log(softmax(x)[{slice(), 1}])}, {log_softmax(x)[{slice(), 1}]}},
                          {{log(softmax(x)[{rows, y}])}, {log_softmax(x)[{rows, y}]}},
                          {{log(transpose(softmax(x, 0)))}, {transpose(log_softmax(x, 0))}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{log(softmax(x) + 1)}, {log(x[0])}, {exp(softmax(x)[0])}};
        },
    .exactness = Exactness::kReassociates};

// --- What is never negative ----------------------------------------------------------------------

std::optional<Variables> drop_where_never_negative(const Apply& apply, const RuleContext& context) {
  if (!is_nonnegative(apply.input(0))) {
    return context.refuse("the operand may be negative", apply.input(0).owner());
  }
  return replace_with(apply, apply.input(0));
}

constexpr Rule kAbs = {
    .name = "abs_of_nonnegative",
    .why = "what is never negative is its absolute value",
    .op = "abs",
    .apply = drop_where_never_negative,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{abs(exp(x))}, {exp(x)}}, {{abs(sum(sqr(x), 0))}, {sum(sqr(x), 0)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{abs(matrix("x"))}, {abs(-exp(matrix("x")))}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kRelu = {.name = "relu_of_nonnegative",
                        .why = "relu of what is never negative is that",
                        .op = "relu",
                        .apply = drop_where_never_negative,
                        .examples =
                            [] {
                              const Variable x = matrix("x");
                              return Examples{{{relu(sigmoid(x))}, {sigmoid(x)}}};
                            },
                        .counterexamples =
                            [] {
                              return Graphs{{relu(matrix("x"))}, {relu(tanh(matrix("x")))}};
                            },
                        .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kLogAddExp, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLogErfc, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLogSqrt, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kXLogX, Phase::kStabilize)),
    RuleRegistrar(in_phase(kProductOfExps, Phase::kStabilize)),
    RuleRegistrar(in_phase(kQuotientOfExps, Phase::kStabilize)),
    RuleRegistrar(in_phase(kLogOfView, Phase::kStabilize)),
    RuleRegistrar(in_phase(kAbs, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kRelu, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
