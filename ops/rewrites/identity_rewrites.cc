// Elementwise nodes that give an operand back as it is.

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/patterns.h"
#include "ops/shape/broadcast_to.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// Operand `kept` where the other one is everywhere `number` and adds no dims.
std::optional<Variables> drop_operand(const Apply& apply, size_t kept, double number) {
  if (!as_elementwise(apply)->is_whole(kept)) return std::nullopt;
  const Variable& other = apply.input(1 - kept);
  if (!is_uniform(other, number)) return std::nullopt;
  // What the dims of a larger operand check at a call must stay checked.
  for (int64_t axis = 0; axis < other.rank(); ++axis) {
    const int64_t output_axis = axis + apply.input(kept).rank() - other.rank();
    if (as_elementwise(apply)->broadcasts(1 - kept, output_axis)) continue;
    if (!same_length(other, axis, apply.input(kept), output_axis)) return std::nullopt;
  }
  return replace_with(apply, apply.input(kept));
}

std::optional<Variables> drop_either(const Apply& apply, double number) {
  const auto first = drop_operand(apply, 0, number);
  return first ? first : drop_operand(apply, 1, number);
}

// --- x + 0, x - 0, x * 1, x / 1 ------------------------------------------------------------------

constexpr Rule kAddZero = {
    .name = "add_zero",
    .why = "x + 0 is x (but for the sign of -0 + 0)",
    .op = "add",
    .apply = [](const Apply& apply, const RuleContext&) { return drop_either(apply, 0); },
    .examples =
        [] {
          const Variable x = matrix("x"), i = lvector("i");
          return Examples{
              {{x + 0}, {x}}, {{0 + x}, {x}}, {{x + zeros_like(x)}, {x}}, {{i + 0}, {i}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), v = vector("v");
          return Graphs{{x + 1}, {v + zeros({3, 4})}, {x + zeros({3, 4})}, {x + v}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kSubZero = {
    .name = "sub_zero",
    .why = "x - 0 is x",
    .op = "sub",
    .apply = [](const Apply& apply, const RuleContext&) { return drop_operand(apply, 0, 0); },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x - 0}, {x}}, {{x - zeros_like(x)}, {x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{x - 1}, {0 - x}};
        }};

constexpr Rule kMulOne = {
    .name = "mul_one",
    .why = "x * 1 is x",
    .op = "mul",
    .apply = [](const Apply& apply, const RuleContext&) { return drop_either(apply, 1); },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x * 1}, {x}}, {{1 * x}, {x}}, {{ones_like(x) * x}, {x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{x * 2}, {vector("v") * ones({3, 4})}};
        }};

constexpr Rule kDivOne = {
    .name = "div_one",
    .why = "x / 1 is x",
    .op = "true_div",
    .apply = [](const Apply& apply, const RuleContext&) { return drop_operand(apply, 0, 1); },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{x / 1}, {x}}, {{x / ones_like(x)}, {x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{x / 2}, {1 / x}};
        }};

// --- Functions that undo themselves, or do nothing twice -----------------------------------------

// The operand's operand where the operand is made by the same op.
std::optional<Variables> drop_both(const Apply& apply, const RuleContext&) {
  const Apply* inner = elementwise_named(apply.input(0), apply.op().name());
  if (inner == nullptr) return std::nullopt;
  return replace_with(apply, inner->input(0));
}

constexpr Rule kNegNeg = {.name = "neg_neg",
                          .why = "-(-x) is x",
                          .op = "neg",
                          .apply = drop_both,
                          .examples =
                              [] {
                                const Variable x = matrix("x");
                                return Examples{{{-(-x)}, {x}}};
                              },
                          .counterexamples =
                              [] {
                                const Variable x = matrix("x");
                                return Graphs{{-x}, {-abs(x)}};
                              }};

constexpr Rule kNotNot = {.name = "not_not",
                          .why = "negated twice, a bool is itself",
                          .op = "logical_not",
                          .apply = drop_both,
                          .examples =
                              [] {
                                const Variable x = tensor(DType::kBool, {Dim()}, "x");
                                return Examples{{{logical_not(logical_not(x))}, {x}}};
                              },
                          .counterexamples =
                              [] {
                                const Variable x = tensor(DType::kBool, {Dim()}, "x");
                                return Graphs{{logical_not(x)}};
                              }};

// The outer node where the inner one is of the same op already.
std::optional<Variables> drop_outer(const Apply& apply, const RuleContext&) {
  if (elementwise_named(apply.input(0), apply.op().name()) == nullptr) return std::nullopt;
  return replace_with(apply, apply.input(0));
}

constexpr Rule kReluRelu = {.name = "relu_relu",
                            .why = "relu of what is not negative is that",
                            .op = "relu",
                            .apply = drop_outer,
                            .examples =
                                [] {
                                  const Variable x = matrix("x");
                                  return Examples{{{relu(relu(x))}, {relu(x)}}};
                                },
                            .counterexamples =
                                [] {
                                  const Variable x = matrix("x");
                                  return Graphs{{relu(-x)}};
                                }};

std::optional<Variables> keep_one_of_equals(const Apply& apply, const RuleContext&) {
  const size_t last = apply.inputs().size() - 1;
  if (!(apply.input(last) == apply.input(last - 1))) return std::nullopt;
  if (!as_elementwise(apply)->is_whole(last)) return std::nullopt;
  if (last == 2 && apply.input(0).rank() != 0 && !same_dims(apply.input(0), apply.input(last))) {
    return std::nullopt;
  }
  return replace_with(apply, apply.input(last));
}

constexpr Rule kMaximumOfOne = {
    .name = "maximum_of_equals",
    .why = "the larger of x and x is x",
    .op = "maximum",
    .apply = keep_one_of_equals,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{maximum(x, x)}, {x}}};
        },
    .counterexamples = [] { return Graphs{{maximum(matrix("x"), matrix("y"))}}; }};

constexpr Rule kMinimumOfOne = {
    .name = "minimum_of_equals",
    .why = "the smaller of x and x is x",
    .op = "minimum",
    .apply = keep_one_of_equals,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{minimum(x, x)}, {x}}};
        },
    .counterexamples = [] { return Graphs{{minimum(matrix("x"), matrix("y"))}}; }};

constexpr Rule kAndOfOne = {
    .name = "and_of_equals",
    .why = "x and x is x",
    .op = "logical_and",
    .apply = keep_one_of_equals,
    .examples =
        [] {
          const Variable x = tensor(DType::kBool, {Dim()}, "x");
          return Examples{{{logical_and(x, x)}, {x}}};
        },
    .counterexamples =
        [] { return Graphs{{logical_and(gt(matrix("x"), 0), gt(matrix("y"), 0))}}; }};

constexpr Rule kOrOfOne = {
    .name = "or_of_equals",
    .why = "x or x is x",
    .op = "logical_or",
    .apply = keep_one_of_equals,
    .examples =
        [] {
          const Variable x = tensor(DType::kBool, {Dim()}, "x");
          return Examples{{{logical_or(x, x)}, {x}}};
        },
    .counterexamples = [] { return Graphs{{logical_or(gt(matrix("x"), 0), gt(matrix("y"), 0))}}; }};

constexpr Rule kWhereOfOne = {
    .name = "where_of_equals",
    .why = "both branches are the same",
    .op = "where",
    .apply = keep_one_of_equals,
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{where(gt(x, 0), x, x)}, {x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          return Graphs{{where(gt(x, 0), x, y)}, {where(gt(x, 0), vector("v"), 0)}};
        }};

// --- second --------------------------------------------------------------------------------------

std::optional<Variables> second_as_broadcast(const Apply& apply, const RuleContext&) {
  const ElementwiseOp* op = as_elementwise(apply);
  const Variable& like = apply.input(0);
  const Variable& value = apply.input(1);
  if (op->is_whole(1) && (like.rank() == 0 || same_dims(like, value))) {
    return replace_with(apply, value);
  }
  ShapeItems lengths;
  for (int64_t axis = 0; axis < apply.output(0).rank(); ++axis) {
    const Variable& from = op->broadcasts(0, axis) ? value : like;
    lengths.push_back(length_of(from, axis - (apply.output(0).rank() - from.rank())));
  }
  return replace_with(apply, broadcast_to(value, lengths));
}

constexpr Rule kSecond = {
    .name = "second_as_broadcast",
    .why = "a repeated value is a view, which needs no elements of what gives the shape",
    .op = "second",
    .apply = second_as_broadcast,
    .examples =
        [] {
          const Variable x = matrix("x"), v = vector("v");
          return Examples{{{second(x, scalar_constant(x.dtype(), 2))}, {full_like(x, 2)}},
                          {{second(x, v)}, {broadcast_like(v, x)}},
                          {{second(x, exp(x))}, {exp(x)}}};
        },
    .counterexamples = [] { return Graphs{{matrix("x") + 1}}; }};

// --- cast ----------------------------------------------------------------------------------------

std::optional<Variables> drop_cast(const Apply& apply, const RuleContext&) {
  const Variable& x = apply.input(0);
  const DType to = apply.output(0).dtype();
  if (x.dtype() == to) return replace_with(apply, x);
  const Apply* inner = elementwise_named(x, "cast");
  if (inner == nullptr) return std::nullopt;
  const Variable& origin = inner->input(0);
  if (!can_cast_losslessly(origin.dtype(), x.dtype())) return std::nullopt;
  // A float that the last dtype cannot hold is cast differently from an integer.
  if (is_floating(x.dtype()) && is_discrete(to) && to != origin.dtype() && to != DType::kBool) {
    return std::nullopt;
  }
  return replace_with(apply, cast(origin, to));
}

constexpr Rule kCast = {
    .name = "useless_cast",
    .why = "a cast to a dtype that loses nothing, before another cast, has no effect",
    .op = "cast",
    .apply = drop_cast,
    .examples =
        [] {
          const Variable x = fmatrix("x"), i = imatrix("i");
          return Examples{
              {{cast(cast(x, DType::kFloat64), DType::kFloat32)}, {x}},
              {{cast(cast(i, DType::kInt64), DType::kFloat64)}, {cast(i, DType::kFloat64)}},
              {{cast(cast(i, DType::kInt64), DType::kInt8)}, {cast(i, DType::kInt8)}}};
        },
    .counterexamples =
        [] {
          const Variable x = dmatrix("x"), i = imatrix("i");
          return Graphs{{cast(cast(x, DType::kFloat32), DType::kFloat64)},
                        {cast(cast(i, DType::kFloat64), DType::kInt8)},
                        {cast(cast(x, DType::kInt32), DType::kFloat64)}};
        }};

// Other rules bring these about in every phase.
const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kAddZero, Phase::kSimplify)),
    RuleRegistrar(in_phase(kAddZero, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSubZero, Phase::kSimplify)),
    RuleRegistrar(in_phase(kSubZero, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMulOne, Phase::kSimplify)),
    RuleRegistrar(in_phase(kMulOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kDivOne, Phase::kSimplify)),
    RuleRegistrar(in_phase(kDivOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kNegNeg, Phase::kSimplify)),
    RuleRegistrar(in_phase(kNegNeg, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kNegNeg, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kNotNot, Phase::kSimplify)),
    RuleRegistrar(in_phase(kReluRelu, Phase::kSimplify)),
    RuleRegistrar(in_phase(kMaximumOfOne, Phase::kSimplify)),
    RuleRegistrar(in_phase(kMinimumOfOne, Phase::kSimplify)),
    RuleRegistrar(in_phase(kAndOfOne, Phase::kSimplify)),
    RuleRegistrar(in_phase(kOrOfOne, Phase::kSimplify)),
    RuleRegistrar(in_phase(kWhereOfOne, Phase::kSimplify)),
    RuleRegistrar(in_phase(kSecond, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kCast, Phase::kSimplify)),
    RuleRegistrar(in_phase(kCast, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
