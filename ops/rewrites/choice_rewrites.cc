// Choices between branches: known ones, nested ones, and signs that both branches share.

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/patterns.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// Whether leaving `other` out of an elementwise op gives up no comparison of lengths with `kept`.
bool adds_no_lengths(const Variable& other, const Variable& kept) {
  return other.rank() == 0 || same_dims(other, kept);
}

constexpr Rule kKnown = {
    .name = "where_of_known",
    .why = "a condition that is a number chooses before the call",
    .op = "where",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const std::optional<double> condition = uniform_number(apply.input(0));
      if (!condition) return std::nullopt;
      const size_t taken = *condition != 0 ? 1 : 2;
      const Variable& result = apply.input(taken);
      if (!as_elementwise(apply)->is_whole(taken) || !adds_no_lengths(apply.input(0), result) ||
          !adds_no_lengths(apply.input(3 - taken), result)) {
        return std::nullopt;
      }
      return replace_with(apply, result);
    },
    .examples =
        [] {
          const Variable x = matrix("x"), s = scalar("s");
          return Examples{{{where(scalar_constant(DType::kBool, 1), x, s)}, {x}},
                          {{where(scalar_constant(DType::kBool, 0), exp(x), x)}, {x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y"), s = scalar("s");
          return Graphs{{where(gt(x, 0), x, s)},
                        {where(scalar_constant(DType::kBool, 1), x, y)},
                        {where(scalar_constant(DType::kBool, 1), s, x)}};
        }};

constexpr Rule kNested = {
    .name = "where_of_where",
    .why = "a second choice by the same condition is made already",
    .op = "where",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      for (const size_t branch : {size_t{1}, size_t{2}}) {
        const Apply* inner = elementwise_named(apply.input(branch), "where");
        if (inner == nullptr || !(inner->input(0) == apply.input(0))) continue;
        if (!as_elementwise(*inner)->is_whole(branch) || !as_elementwise(apply)->is_whole(branch) ||
            !adds_no_lengths(inner->input(3 - branch), inner->input(branch))) {
          context.refuse("the branch that is left out takes part in a broadcast", inner);
          continue;
        }
        const Variable& kept = inner->input(branch);
        return replace_with(apply, branch == 1 ? where(apply.input(0), kept, apply.input(2))
                                               : where(apply.input(0), apply.input(1), kept));
      }
      return std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x"), s = scalar("s");
          const Variable positive = gt(x, 0);
          return Examples{{{where(positive, where(positive, x, s), 1)}, {where(positive, x, 1)}},
                          {{where(positive, s, where(positive, 2, x))}, {where(positive, s, x)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{where(gt(x, 0), where(gt(x, 1), x, y), 1)},
                        {where(gt(x, 0), x, where(gt(y, 0), x, y))}};
        }};

constexpr Rule kNegated = {
    .name = "where_of_neg",
    .why = "a sign that both branches share belongs to the choice, where it meets others",
    .op = "where",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      Variable branches[2];
      bool any = false;
      for (size_t i = 0; i < 2; ++i) {
        const Variable& branch = apply.input(i + 1);
        if (const Apply* negated = elementwise_named(branch, "neg")) {
          branches[i] = negated->input(0);
          any = true;
        } else if (branch.rank() == 0 && scalar_number(branch) == 0.0) {
          branches[i] = branch;
        } else {
          return std::nullopt;
        }
      }
      if (!any) return std::nullopt;
      if (!is_floating(apply.output(0).dtype())) return std::nullopt;
      return replace_with(apply, neg(where(apply.input(0), branches[0], branches[1])));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Examples{{{where(gt(x, 0), -x, 0)}, {-where(gt(x, 0), x, 0)}},
                          {{where(gt(x, 0), -x, -y)}, {-where(gt(x, 0), x, y)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{where(gt(x, 0), -x, y)}, {where(gt(x, 0), x, 0)}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kKnown, Phase::kSimplify)),
    RuleRegistrar(in_phase(kKnown, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kNested, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kNegated, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
