// Sums of terms with a common sign or factor.

#include <algorithm>

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/patterns.h"
#include "ops/rewrites/reduction_patterns.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

Variable same_reduction(const Apply& apply, const Variable& x) {
  const ReduceOp& op = reduction_of(apply);
  return reduce(op.kind(), x, op.axes(), op.keepdims());
}

constexpr Rule kSumOfNeg = {
    .name = "sum_of_neg",
    .why = "one sign instead of one for each term (but for the sign of a zero)",
    .op = "sum",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* inner = elementwise_named(apply.input(0), "neg");
      if (inner == nullptr || !is_floating(inner->input(0).dtype())) return std::nullopt;
      return replace_with(apply, neg(same_reduction(apply, inner->input(0))));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{sum(-x, 1)}, {-sum(x, 1)}}};
        },
    .counterexamples =
        [] {
          return Graphs{{-sum(matrix("x"))}, {sum(-ivector("i"))}};
        },
    .exactness = Exactness::kReassociates};

// `factor`, operand i of an elementwise op, without the reduced axes, along all of which it is
// repeated; not defined() where it varies along one.
Variable common_factor(const Apply& product, size_t i, const ReduceOp& reduction) {
  const ElementwiseOp* op = as_elementwise(product);
  const Variable& factor = product.input(i);
  const int64_t padding = product.output(0).rank() - factor.rank();
  std::vector<int64_t> order;
  for (int64_t axis = 0; axis < product.output(0).rank(); ++axis) {
    const bool reduced = contains(reduction.axes(), axis);
    if (reduced && !op->broadcasts(i, axis)) return {};
    if (axis >= padding && (!reduced || reduction.keepdims())) order.push_back(axis - padding);
  }
  return static_cast<int64_t>(order.size()) == factor.rank() ? factor : dimshuffle(factor, order);
}

const Apply* product_or_quotient(const Variable& x) {
  const Apply* product = elementwise_named(x, "mul");
  return product != nullptr ? product : elementwise_named(x, "true_div");
}

// A product or quotient by what all terms of a sum share.
struct Scaled {
  Variable of;      // as long as the product
  Variable factor;  // without the summed axes; not defined() where there is none
  bool divides = false;

  Variable applied_to(const Variable& total) const {
    return divides ? true_div(total, factor) : mul(total, factor);
  }
};

Scaled scaled(const Apply& sum, const Apply& term) {
  const bool divides = term.op().name() == "true_div";
  for (size_t i = 0; i < (divides ? 1 : 2); ++i) {
    if (!as_elementwise(term)->is_whole(i)) continue;
    const Variable factor = common_factor(term, 1 - i, reduction_of(sum));
    if (factor.defined()) return {term.input(i), factor, divides};
  }
  return {};
}

// Whether it costs little to have the value besides those that are made of it.
bool is_simple(const Variable& x) {
  return x.owner() == nullptr || elementwise_named(x, "add") != nullptr ||
         elementwise_named(x, "sub") != nullptr || elementwise_named(x, "mul") != nullptr;
}

// The sum of a product or quotient whose factor, or whose dividend, is scaled: of x * f * y as that
// of x * y.
Variable sum_without_inner_factor(const Apply& sum, const Apply& term) {
  const bool divides = term.op().name() == "true_div";
  for (size_t i = 0; i < (divides ? 1 : 2); ++i) {
    const Apply* inner = product_or_quotient(term.input(i));
    if (inner == nullptr || !as_elementwise(term)->is_whole(i)) continue;
    const Scaled part = scaled(sum, *inner);
    if (!part.factor.defined() || !is_simple(part.of)) continue;
    const Variable other = term.input(1 - i);
    const Variable rest = divides  ? true_div(part.of, other)
                          : i == 0 ? mul(part.of, other)
                                   : mul(other, part.of);
    return part.applied_to(same_reduction(sum, rest));
  }
  return {};
}

// Narrow sums overflow where scaled terms would not.
bool may_scale(const Apply& sum) {
  const DType dtype = sum.input(0).dtype();
  return (dtype == DType::kFloat32 || dtype == DType::kFloat64) &&
         !reduction_of(sum).axes().empty();
}

std::optional<Variables> factor_out(const Apply& apply, const RuleContext& context) {
  const Apply* term = product_or_quotient(apply.input(0));
  if (!may_scale(apply) || term == nullptr) return std::nullopt;
  const Scaled whole = scaled(apply, *term);
  if (whole.factor.defined()) {
    return replace_with(apply, whole.applied_to(same_reduction(apply, whole.of)));
  }
  const Variable total = sum_without_inner_factor(apply, *term);
  if (!total.defined()) return context.refuse("both factors vary along the summed axes", term);
  if (context.use_count(apply.input(0)) != 1) {
    return context.refuse("the product is needed by itself", term);
  }
  return replace_with(apply, total);
}

constexpr Rule kSumOfScaled = {
    .name = "sum_of_scaled",
    .why = "one product by what all terms share instead of one for each term",
    .op = "sum",
    .apply = factor_out,
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          const Variable s = scalar("s"), v = vector("v"), c = col("c");
          return Examples{{{sum(x * s, 1)}, {sum(x, 1) * s}},
                          {{sum(s * x)}, {sum(x) * s}},
                          {{sum(x / 2, 0)}, {sum(x, 0) / 2}},
                          {{sum(x * v, 0)}, {sum(x, 0) * v}},
                          {{sum(x / c, 1)}, {sum(x, 1) / dimshuffle(c, {0})}},
                          {{sum(x * c, 1, true)}, {sum(x, 1, true) * c}},
                          {{sum(x * s * y)}, {sum(x * y) * s}},
                          {{sum(y * (x / v), 0)}, {sum(y * x, 0) / v}},
                          {{sum(x * v / y, 0)}, {sum(x / y, 0) * v}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y"), s = scalar("s");
          return Graphs{{sum(x * vector("v"))}, {sum(x * vector("v"), 1)}, {sum(s / x)},
                        {sum(x / (y * s))},     {sum(exp(x) * s * y)},     {sum(x + s)},
                        {sum(ivector("i") * 2)}};
        },
    .exactness = Exactness::kReassociates};

// Whether x is a - m, where m is repeated along all summed axes, or that behind further factors: as
// a rule these are deviations from a mean, whose sum is next to nothing.
bool is_deviation(const Apply& sum, const Variable& x) {
  const Apply* difference = elementwise_named(x, "sub");
  if (difference != nullptr) {
    return as_elementwise(*difference)->is_whole(0) &&
           common_factor(*difference, 1, reduction_of(sum)).defined();
  }
  const Apply* term = product_or_quotient(x);
  if (term == nullptr) return false;
  const Scaled part = scaled(sum, *term);
  return part.factor.defined() && is_deviation(sum, part.of);
}

// Something besides sums reads what is summed.
bool is_needed(const Apply& sum, const RuleContext& context) {
  return std::ranges::any_of(context.graph().uses(sum.input(0)), [](const Use& use) {
    return use.user == nullptr || use.user->op().name() != "sum";
  });
}

// Sums of rows are taken where the rows are made at any rate.
bool is_of_rows(const Apply& sum) {
  const std::vector<int64_t>& axes = reduction_of(sum).axes();
  return axes.front() == sum.input(0).rank() - static_cast<int64_t>(axes.size());
}

// Of terms in general the sums could be large where that of their differences is small. With
// deviations for one of them there is nothing that the other one's sum could cancel with.
std::optional<Variables> sum_terms_apart(const Apply& apply, const RuleContext& context) {
  const Apply* inner = elementwise_named(apply.input(0), "sub");
  if (inner == nullptr) inner = elementwise_named(apply.input(0), "add");
  if (!may_scale(apply) || inner == nullptr || is_of_rows(apply)) return std::nullopt;
  if (!is_needed(apply, context)) {
    return context.refuse("nothing but sums needs what is summed", inner);
  }
  Variable totals[2];
  bool deviates = false;
  for (size_t i = 0; i < 2; ++i) {
    const Apply* term = product_or_quotient(inner->input(i));
    if (term == nullptr || !as_elementwise(*inner)->is_whole(i)) return std::nullopt;
    const Scaled part = scaled(apply, *term);
    if (!part.factor.defined()) {
      return context.refuse("both factors vary along the summed axes", term);
    }
    if (!is_simple(part.of)) return context.refuse("what is scaled would have to be stored", term);
    deviates = deviates || is_deviation(apply, part.of);
    totals[i] = part.applied_to(same_reduction(apply, part.of));
  }
  if (!deviates) return context.refuse("the sums of the terms might cancel", inner);
  return replace_with(
      apply, inner->op().name() == "sub" ? sub(totals[0], totals[1]) : add(totals[0], totals[1]));
}

constexpr Rule kSumOfScaledTerms = {
    .name = "sum_of_scaled_terms",
    .why =
        "sums of what was scaled are known early, so that what needs them besides its terms "
        "can be computed at once",
    .op = "sum",
    .apply = sum_terms_apart,
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y"), r = row("r"), s = row("s");
          const Variable deviations = y - row("mean");
          const Variable both = x * r - s * deviations, quotients = x / r + deviations / s;
          return Examples{
              {{sum(both, 0), both},
               {sum(x, 0) * dimshuffle(r, {1}) - sum(deviations, 0) * dimshuffle(s, {1}), both}},
              {{sum(quotients, 0, true), exp(quotients)},
               {sum(x, 0, true) / r + sum(deviations, 0, true) / s, exp(quotients)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y"), r = row("r");
          const Variable scaled = (y - row("mean")) * r;
          const Variable cancel = x * r - y * r, half = x - scaled, varies = x * y - scaled;
          const Variable stored = exp(x) * r - scaled, twice = x * r - scaled;
          const Variable rows = x * col("c") - (y - col("mean")) * col("d");
          return Graphs{{sum(cancel, 0), cancel},    {sum(half, 0), half},
                        {sum(varies, 0), varies},    {sum(stored, 0), stored},
                        {sum(twice, 0), sum(twice)}, {sum(rows, 1), rows}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kSumOfNeg, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kSumOfScaled, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kSumOfScaledTerms, Phase::kSpecialize)),
};

}  // namespace
}  // namespace bitale
