// log(softmax(x)) in all its spellings, and the cross-entropy with labels made of it.
//
// These rules also run, alone, on what is about to be differentiated, so the gradient of a
// written-out cross-entropy is that of the fused one.

#include <memory>

#include "core/graph/inputs.h"
#include "ops/creation/arange.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/subtensor.h"
#include "ops/reduction/reduction.h"
#include "ops/rewrites/patterns.h"
#include "ops/shape/dimshuffle.h"
#include "ops/softmax/crossentropy.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// The axis of the softmax-like producer with this name; nothing for another.
std::optional<int64_t> axis_of(const Variable& v, std::string_view name) {
  const Apply* apply = made_by(v, name);
  if (apply == nullptr) return std::nullopt;
  return dynamic_cast<const SoftmaxOp&>(apply->op()).axis();
}

// log(v) where v is a softmax, seen directly, through views and gathers, or through a where() that
// keeps constants; else not defined().
Variable log_of(const Variable& v) {
  const Apply* apply = v.owner();
  if (apply == nullptr) return {};
  if (const auto axis = axis_of(v, "softmax")) return log_softmax(apply->input(0), *axis);
  if (apply->op().traits().view || apply->op().name() == "advanced_subtensor") {
    const Variable inner = log_of(apply->input(0));
    if (!inner.defined()) return {};
    Variables inputs(apply->inputs().begin(), apply->inputs().end());
    inputs[0] = inner;
    return apply_one(apply->shared_op(), inputs);
  }
  if (elementwise_named(v, "where") != nullptr && scalar_number(apply->input(1)) == 1.0 &&
      as_elementwise(*apply)->is_whole(2)) {
    const Variable inner = log_of(apply->input(2));
    if (inner.defined()) return where(apply->input(0), 0, inner);
  }
  return {};
}

constexpr Rule kLogSoftmax = {
    .name = "log_of_softmax",
    .why = "softmax(x) underflows to 0, whose log is -inf; log_softmax(x) does not",
    .op = "log",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable result = log_of(apply.input(0));
      return result.defined() ? replace_with(apply, result) : std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x"), i = lvector("i"), t = matrix("t");
          return Examples{
              {{log(softmax(x))}, {log_softmax(x)}},
              {{log(softmax(x, 0))}, {log_softmax(x, 0)}},
              {{log(transpose(softmax(x)))}, {transpose(log_softmax(x))}},
              {{log(softmax(x)[slice(1, none)])}, {log_softmax(x)[slice(1, none)]}},
              {{log(take(softmax(x), i, 0))}, {take(log_softmax(x), i, 0)}},
              {{log(where(eq(t, 0), 1, softmax(x)))}, {where(eq(t, 0), 0, log_softmax(x))}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{log(sigmoid(x) + 2)}, {log(softmax(x) + 1e-3)}, {log(abs(x))}};
        },
    .exactness = Exactness::kReassociates};

// --- Labels --------------------------------------------------------------------------------------

// How many rows 0, 1, ..., n - 1 there are: a scalar; not defined() if `rows` is something else.
Variable count_of_rows(const Variable& rows) {
  if (rows.rank() != 1) return {};
  if (rows.is_constant()) {
    const Tensor values = rows.value().cast(DType::kInt64).contiguous();
    for (int64_t i = 0; i < values.size(); ++i) {
      if (values.data<int64_t>()[i] != i) return {};
    }
    return scalar_constant_int(DType::kInt64, values.size());
  }
  const Apply* range = made_by(rows, "arange");
  if (range == nullptr || scalar_number(range->input(0)) != 0.0 ||
      scalar_number(range->input(2)) != 1.0) {
    return {};
  }
  return range->input(1);
}

std::optional<Variables> gather_as_crossentropy(const Apply& apply, const RuleContext&) {
  const Apply* log_p = made_by(apply.input(0), "log_softmax");
  if (log_p == nullptr || apply.inputs().size() != 3) return std::nullopt;
  const Variable& x = log_p->input(0);
  const Variable& y = apply.input(2);
  if (x.rank() != 2 || axis_of(apply.input(0), "log_softmax") != 1 || y.rank() != 1 ||
      dynamic_cast<const AdvancedSubtensorOp&>(apply.op()).axis() != 0) {
    return std::nullopt;
  }
  const Variable count = count_of_rows(apply.input(1));
  if (!count.defined()) return std::nullopt;
  // Fewer labels than rows are those of the first rows.
  const bool all_rows = is_length_of(count, x, 0) || same_length(y, 0, x, 0);
  const Variable logits = all_rows ? x : subtensor(x, {slice(0, count)});
  static const OpPtr op =
      std::make_shared<CrossentropySoftmaxSparseOp>(/*gradient=*/false, /*from_end=*/true);
  return replace_with(apply, neg(apply_one(op, {logits, y})));
}

Variable fused(const Variable& x, const Variable& y) {
  return apply_one(std::make_shared<CrossentropySoftmaxSparseOp>(false, true), {x, y});
}

constexpr Rule kCrossentropy = {
    .name = "crossentropy_of_labels",
    .why = "one pass over the logits, forwards and backwards, instead of a matrix of logarithms",
    .op = "advanced_subtensor",
    .apply = gather_as_crossentropy,
    .examples =
        [] {
          const Variable x = matrix("x"), y = ivector("y");
          const Variable batch = tensor(float_x(), {"batch", 10}, "batch");
          const Variable labels = tensor(DType::kInt64, {"batch"}, "labels");
          const Variable few = tensor(float_x(), {3, 4}, "few");
          const Tensor rows = Tensor::of<int64_t>({0, 1, 2});
          return Examples{
              {{log_softmax(x)[{arange(shape(x, 0)), y}]}, {-fused(x, y)}},
              {{log_softmax(x)[{arange(shape(y, 0)), y}]}, {-fused(x[slice(0, shape(y, 0))], y)}},
              {{log_softmax(batch)[{arange(shape(labels, 0)), labels}]}, {-fused(batch, labels)}},
              {{log_softmax(few)[{constant(rows), y}]}, {-fused(few, y)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = ivector("y"), i = lvector("i");
          return Graphs{{log_softmax(x)[{i, y}]},
                        {log_softmax(x, 0)[{arange(shape(y, 0)), y}]},
                        {log_softmax(x)[{arange(1, shape(y, 0)), y}]},
                        {take(log_softmax(x), y, 0)}};
        },
    .exactness = Exactness::kReassociates};

// --- softmax itself ------------------------------------------------------------------------------

// The one axis of a sum of `terms` that has it back with length 1.
std::optional<int64_t> axis_of_total(const Variable& total, const Variable& terms) {
  Variable v = total;
  const Apply* restored = made_by(v, "dimshuffle");
  if (restored != nullptr) v = restored->input(0);
  const Apply* apply = made_by(v, "sum");
  if (apply == nullptr || !(apply->input(0) == terms)) return std::nullopt;
  const auto& op = dynamic_cast<const ReduceOp&>(apply->op());
  if (op.axes().size() != 1 || op.keepdims() != (restored == nullptr)) return std::nullopt;
  if (restored != nullptr) {
    const auto& order = dynamic_cast<const DimshuffleOp&>(restored->op()).order();
    if (static_cast<int64_t>(order.size()) != terms.rank()) return std::nullopt;
    int64_t kept = 0;
    for (int64_t axis = 0; axis < terms.rank(); ++axis) {
      const int64_t expected = axis == op.axes()[0] ? kNewAxis : kept++;
      if (order[static_cast<size_t>(axis)] != expected) return std::nullopt;
    }
  }
  return op.axes()[0];
}

constexpr Rule kSoftmax = {
    .name = "quotient_as_softmax",
    .why = "exp overflows in exp(x) / sum(exp(x)); softmax subtracts the largest operand first",
    .op = "true_div",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* power = elementwise_named(apply.input(0), "exp");
      if (power == nullptr) return std::nullopt;
      const auto axis = axis_of_total(apply.input(1), apply.input(0));
      if (!axis) return std::nullopt;
      return replace_with(apply, softmax(power->input(0), *axis));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          const Variable e = exp(x);
          return Examples{{{e / sum(e, 1, true)}, {softmax(x, 1)}},
                          {{e / dimshuffle(sum(e, 0), {'x', 0})}, {softmax(x, 0)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          const Variable e = exp(x);
          return Graphs{
              {e / sum(e)}, {e / sum(exp(2 * x), 1, true)}, {e / dimshuffle(sum(e, 0), {0, 'x'})}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kExpLogSoftmax = {
    .name = "exp_of_log_softmax",
    .why = "exp(log_softmax(x)) is softmax(x), which often is there already",
    .op = "exp",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const auto axis = axis_of(apply.input(0), "log_softmax");
      if (!axis) return std::nullopt;
      return replace_with(apply, softmax(apply.input(0).owner()->input(0), *axis));
    },
    .examples =
        [] {
          const Variable x = matrix("x");
          return Examples{{{exp(log_softmax(x))}, {softmax(x)}}};
        },
    .counterexamples = [] { return Graphs{{exp(softmax(matrix("x")))}}; },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kLogSoftmax, Phase::kStabilize)),
    RuleRegistrar(in_phase(kCrossentropy, Phase::kStabilize)),
    RuleRegistrar(in_phase(kSoftmax, Phase::kStabilize)),
    RuleRegistrar(in_phase(kExpLogSoftmax, Phase::kSpecialize)),
};

}  // namespace
}  // namespace bitale
