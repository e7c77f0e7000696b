// Reductions of reductions, over axes of length 1, beside their twins, and of squares.

#include <algorithm>
#include <memory>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/rewrites/patterns.h"
#include "ops/rewrites/reduction_patterns.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

// --- Chains --------------------------------------------------------------------------------------

std::optional<Variables> join_chain(const Apply& apply, const RuleContext&) {
  const Apply* inner = made_by(apply.input(0), apply.op().name());
  if (inner == nullptr) return std::nullopt;
  const ReduceOp& outer_op = reduction_of(apply);
  const ReduceOp& inner_op = reduction_of(*inner);
  if (outer_op.keepdims() != inner_op.keepdims()) return std::nullopt;
  std::vector<int64_t> axes = inner_op.axes();
  int64_t place = 0;  // of an axis in the inner result
  for (int64_t axis = 0; axis < inner->input(0).rank(); ++axis) {
    const bool gone = contains(inner_op.axes(), axis);
    if (gone && !inner_op.keepdims()) continue;
    if (contains(outer_op.axes(), place) && !gone) axes.push_back(axis);
    ++place;
  }
  std::sort(axes.begin(), axes.end());
  return replace_with(apply, reduce(outer_op.kind(), inner->input(0), axes, outer_op.keepdims()));
}

Examples chain_examples(Variable (*build)(Operand, Axes, bool)) {
  const Variable x = tensor3("x");
  return {{{build(build(x, 0, false), 1, false)}, {build(x, {0, 2}, false)}},
          {{build(build(x, 0, true), 1, true)}, {build(x, {0, 1}, true)}}};
}
Graphs chain_counterexamples(Variable (*build)(Operand, Axes, bool)) {
  const Variable x = tensor3("x");
  return {{build(x, 0, false)},
          {build(build(x, 0, true), 1, false)},
          {build(exp(build(x, 0, false)), 0, false)}};
}

constexpr Rule kSumSum = {.name = "sum_of_sum",
                          .why = "two sums in sequence are one over all their axes",
                          .op = "sum",
                          .apply = join_chain,
                          .examples = [] { return chain_examples(sum); },
                          .counterexamples = [] { return chain_counterexamples(sum); },
                          .exactness = Exactness::kReassociates};
constexpr Rule kProdProd = {.name = "prod_of_prod",
                            .why = "two products in sequence are one over all their axes",
                            .op = "prod",
                            .apply = join_chain,
                            .examples = [] { return chain_examples(prod); },
                            .counterexamples = [] { return chain_counterexamples(prod); },
                            .exactness = Exactness::kReassociates};
constexpr Rule kMaxMax = {.name = "max_of_max",
                          .why = "two maxima in sequence are one over all their axes",
                          .op = "max",
                          .apply = join_chain,
                          .examples = [] { return chain_examples(max); },
                          .counterexamples = [] { return chain_counterexamples(max); }};
constexpr Rule kMinMin = {.name = "min_of_min",
                          .why = "two minima in sequence are one over all their axes",
                          .op = "min",
                          .apply = join_chain,
                          .examples = [] { return chain_examples(min); },
                          .counterexamples = [] { return chain_counterexamples(min); }};

// --- Axes of length 1 ----------------------------------------------------------------------------

// Without the reduced axes that are fixed 1: they only go away.
std::optional<Variables> skip_axes_of_one(const Apply& apply, const RuleContext&) {
  const Variable& x = apply.input(0);
  const ReduceOp& op = reduction_of(apply);
  if (x.dtype() != apply.output(0).dtype()) return std::nullopt;
  std::vector<int64_t> longer;
  for (const int64_t axis : op.axes()) {
    if (x.type().dims[static_cast<size_t>(axis)] != Dim(1)) longer.push_back(axis);
  }
  if (longer.size() == op.axes().size() && !op.axes().empty()) return std::nullopt;
  const Variable reduced = longer.empty() ? x : reduce(op.kind(), x, longer, op.keepdims());
  if (op.keepdims()) return replace_with(apply, reduced);
  std::vector<int64_t> order;
  int64_t place = 0;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    if (contains(longer, axis)) continue;
    if (!contains(op.axes(), axis)) order.push_back(place);
    ++place;
  }
  return replace_with(apply, order.size() == static_cast<size_t>(reduced.rank())
                                 ? reduced
                                 : dimshuffle(reduced, order));
}

Examples ones_examples(Variable (*build)(Operand, Axes, bool)) {
  const Variable x = tensor(float_x(), {1, Dim(), 1}, "x");
  return {{{build(x, {0, 1}, false)}, {dimshuffle(build(x, {1}, false), {1})}},
          {{build(x, 2, true)}, {x}},
          {{build(x, {0, 2}, false)}, {dimshuffle(x, {1})}},
          {{build(x, std::vector<int64_t>(), false)}, {x}}};
}
Graphs ones_counterexamples(Variable (*build)(Operand, Axes, bool)) {
  const Variable x = tensor(float_x(), {1, Dim(), 1}, "x");
  return {{build(x, 1, false)}, {build(matrix("y"), 0, true)}};
}

constexpr Rule kSumOfOne = {.name = "sum_of_one",
                            .why = "a sum over an axis of length 1 only drops the axis",
                            .op = "sum",
                            .apply = skip_axes_of_one,
                            .examples = [] { return ones_examples(sum); },
                            .counterexamples = [] { return ones_counterexamples(sum); },
                            .exactness = Exactness::kReassociates};
constexpr Rule kProdOfOne = {.name = "prod_of_one",
                             .why = "a product over an axis of length 1 only drops the axis",
                             .op = "prod",
                             .apply = skip_axes_of_one,
                             .examples = [] { return ones_examples(prod); },
                             .counterexamples = [] { return ones_counterexamples(prod); },
                             .exactness = Exactness::kReassociates};
constexpr Rule kMaxOfOne = {.name = "max_of_one",
                            .why = "the largest of one element is that element",
                            .op = "max",
                            .apply = skip_axes_of_one,
                            .examples = [] { return ones_examples(max); },
                            .counterexamples = [] { return ones_counterexamples(max); }};
constexpr Rule kMinOfOne = {.name = "min_of_one",
                            .why = "the smallest of one element is that element",
                            .op = "min",
                            .apply = skip_axes_of_one,
                            .examples = [] { return ones_examples(min); },
                            .counterexamples = [] { return ones_counterexamples(min); }};

// --- The same twice ------------------------------------------------------------------------------

// The same reduction of the same operand without its axes; null where there is none.
const Apply* plain_twin(const Apply& apply, const RuleContext& context) {
  const ReduceOp& op = reduction_of(apply);
  for (const Use& use : context.graph().uses(apply.input(0))) {
    if (use.user == nullptr) continue;
    const auto* other = dynamic_cast<const ReduceOp*>(&use.user->op());
    if (other != nullptr && !other->keepdims() && other->kind() == op.kind() &&
        other->axes() == op.axes()) {
      return use.user;
    }
  }
  return nullptr;
}

constexpr Rule kKeptAxes = {
    .name = "kept_axes_beside_dropped",
    .why = "a reduction that keeps its axes is a view of the same one that drops them",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const auto* op = dynamic_cast<const ReduceOp*>(&apply.op());
      if (op == nullptr || !op->keepdims()) return std::nullopt;
      const Apply* twin = plain_twin(apply, context);
      if (twin == nullptr) return std::nullopt;
      std::vector<int64_t> order;
      int64_t place = 0;
      for (int64_t axis = 0; axis < apply.input(0).rank(); ++axis) {
        order.push_back(contains(op->axes(), axis) ? kNewAxis : place++);
      }
      return replace_with(apply, dimshuffle(twin->output(0), order));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), t = tensor3("t");
          return Examples{{{sum(x, 1), sum(x, 1, true)},
                           [&] {
                             const Variable total = sum(x, 1);
                             return Variables{total, dimshuffle(total, {0, 'x'})};
                           }()},
                          {{argmax(t, {0, 2}, true), argmax(t, {0, 2})}, [&] {
                             const Variable found = argmax(t, {0, 2});
                             return Variables{dimshuffle(found, {'x', 0, 'x'}), found};
                           }()}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          return Graphs{{sum(x, 1, true), sum(x, 0)},
                        {max(x, 1, true), min(x, 1)},
                        {sum(x, 1, true), exp(x)}};
        }};

// --- Sums of squares -----------------------------------------------------------------------------

// The elements as a vector; not defined() where they may have to be copied for that, or where an
// elementwise function makes them, which may rather be computed within the sum.
Variable as_vector(const Variable& x) {
  const Apply* apply = x.owner();
  const bool is_made = apply != nullptr && (as_elementwise(*apply) != nullptr ||
                                            (apply->op().traits().view && x.rank() > 1));
  if (is_made || x.rank() == 0) return {};
  return x.rank() == 1 ? x : reshape(x, {-1});
}

// Products add in fewer partial sums than reductions: many float32 squares would lose digits.
constexpr int64_t kMostFloat32Squares = int64_t{1} << 20;

bool keeps_digits(const TensorType& type) {
  if (type.dtype == DType::kFloat64) return true;
  if (type.dtype != DType::kFloat32 || !type.all_fixed()) return false;
  int64_t count = 1;
  for (const Dim& dim : type.dims) count *= dim.length();
  return count <= kMostFloat32Squares;
}

constexpr Rule kSumOfSquares = {
    .name = "sum_of_squares",
    .why = "the sum of all squares is a product with itself, which writes no squares to memory",
    .op = "sum",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* square = elementwise_named(apply.input(0), "sqr");
      if (square == nullptr || apply.output(0).rank() != 0) return std::nullopt;
      if (!keeps_digits(apply.input(0).type())) {
        return context.refuse("too many squares may be added in too few parts", square);
      }
      if (context.use_count(apply.input(0)) != 1) {
        return context.refuse("the squares are needed by themselves", square);
      }
      const Variable x = as_vector(square->input(0));
      if (!x.defined()) {
        return context.refuse("the elements may not lie side by side", square->input(0).owner());
      }
      return replace_with(apply, dot(x, x));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), v = vector("v");
          const Variable all = reshape(x, {-1});
          return Examples{{{sum(sqr(v))}, {dot(v, v)}}, {{sum(sqr(x))}, {dot(all, all)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x");
          const Variable squares = sqr(x);
          return Graphs{
              {sum(sqr(x), 0)},         {sum(squares), squares},       {sum(sqr(x - 1))},
              {sum(sqr(transpose(x)))}, {sum(sqr(fvector("narrow")))}, {sum(sqr(ivector("i")))}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kSumOfSquares, Phase::kSpecialize)),
    RuleRegistrar(in_phase(kKeptAxes, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSumSum, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kProdProd, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMaxMax, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMinMin, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kSumOfOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kProdOfOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMaxOfOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kMinOfOne, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
