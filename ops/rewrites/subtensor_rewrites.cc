// Slices of slices, and slices beside writes into the same part.

#include <memory>

#include "core/graph/inputs.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/rewrites/part_patterns.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

constexpr Rule kChain = {
    .name = "subtensor_of_subtensor",
    .why = "a part of a part is one part",
    .op = "subtensor",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* inner = made_by(apply.input(0), "subtensor");
      if (inner == nullptr) return std::nullopt;
      const Variable& x = inner->input(0);
      const std::optional<Part> both =
          compose(x, part_of_subtensor(*inner), apply.input(0), part_of_subtensor(apply));
      if (!both) {
        return context.refuse("a bound may count from the end of the inner part", inner);
      }
      return replace_with(apply, take(x, *both));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), n = lscalar("n");
          const Variable fixed = tensor(float_x(), {9, 4}, "fixed");
          return Examples{
              {{x[slice(1, none)][slice(2, 5)]}, {x[slice(3, 6)]}},
              {{x[slice(none, 7)][slice(2, none)]}, {x[slice(2, 7)]}},
              {{x[slice(2, 4)][slice(1, 9)]}, {x[slice(3, 4)]}},
              {{x[slice(n, n + 3)][{slice(), slice(0, 2)}]}, {x[{slice(n, n + 3), slice(0, 2)}]}},
              {{x[slice(shape(x, 1), none)][slice(1, none)]}, {x[slice(shape(x, 1) + 1, none)]}},
              {{x[2][slice(1, none)]}, {x[{2, slice(1, none)}]}},
              {{fixed[slice(none, none, -1)][slice(none, none, -1)]}, {fixed}},
              {{fixed[slice(1, none, 2)][-1]}, {fixed[7]}},
              {{fixed[slice(1, 8, 3)][slice(none, 0, -1)]}, {fixed[slice(7, 3, -3)]}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), n = lscalar("n");
          return Graphs{{x[slice(1, none)][slice(-2, none)]},
                        {x[slice(n, none)][slice(1, none)]},
                        {x[slice(1, 5)][2]},
                        {exp(x[slice(1, none)])[0]}};
        }};

// --- Beside writes -------------------------------------------------------------------------------

// Whether `value` fills a part of this type, so that a write of it checks nothing at a call.
bool surely_fills(const Variable& value, const TensorType& part) {
  for (size_t axis = 0; axis < part.dims.size(); ++axis) {
    if (!part.dims[axis].is_fixed() || value.type().dims[axis] != part.dims[axis]) return false;
  }
  return true;
}

constexpr Rule kReadBack = {
    .name = "subtensor_of_write",
    .why = "what was just written there is what is read",
    .op = "subtensor",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* write = made_by(apply.input(0), "set_subtensor");
      if (write == nullptr) write = made_by(apply.input(0), "inc_subtensor");
      if (write == nullptr) return std::nullopt;
      const Part part = part_of_subtensor(apply);
      if (!(part == part_of_write(*write))) {
        return context.refuse("another part is written than read", write);
      }
      const Variable& value = write->input(1);
      if (write->op().name() == "inc_subtensor") {
        return replace_with(apply, add(take(write->input(0), part), value));
      }
      if (may_raise(part, write->input(0)) || !surely_fills(value, apply.output(0).type())) {
        return context.refuse("the write checks an index or a length at the call", write);
      }
      return replace_with(apply, value);
    },
    .examples =
        [] {
          const Variable x = tensor(float_x(), {5, 3}, "x");
          const Variable y = tensor(float_x(), {2, 3}, "y"), n = lscalar("n");
          const Variable m = matrix("m"), v = vector("v");
          return Examples{{{set_subtensor(x, {slice(1, 3)}, y)[slice(1, 3)]}, {y}},
                          {{inc_subtensor(x, {slice(1, 3)}, y)[slice(1, 3)]}, {x[slice(1, 3)] + y}},
                          {{inc_subtensor(x, {n}, x[0])[n]}, {x[n] + x[0]}}};
        },
    .counterexamples =
        [] {
          const Variable x = tensor(float_x(), {5, 3}, "x");
          const Variable y = tensor(float_x(), {2, 3}, "y"), n = lscalar("n");
          return Graphs{{set_subtensor(x, {slice(1, 3)}, y)[slice(2, 4)]},
                        {set_subtensor(x, {n}, x[0])[n]},
                        {x[slice(1, 3)]}};
        }};

constexpr Rule kOwnPart = {
    .name = "set_own_part",
    .why = "what stands there already need not be written",
    .op = "set_subtensor",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Apply* read = made_by(apply.input(1), "subtensor");
      if (read == nullptr || !(read->input(0) == apply.input(0))) return std::nullopt;
      const Part part = part_of_write(apply);
      if (!(part_of_subtensor(*read) == part) || may_raise(part, apply.input(0))) {
        return std::nullopt;
      }
      return replace_with(apply, apply.input(0));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), n = lscalar("n");
          const Variable part = x[slice(n, none)];
          return Examples{{{set_subtensor(part, part)}, {x}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), n = lscalar("n");
          return Graphs{{set_subtensor(x[slice(0, 2)], x[slice(1, 3)])},
                        {set_subtensor(x[n], x[n])}};
        }};

// Two increments of one part as one, of what both add.
constexpr Rule kIncTwice = {
    .name = "inc_after_write",
    .why = "a part that is written and then increased is written once",
    .op = "inc_subtensor",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* first = made_by(apply.input(0), "inc_subtensor");
      if (first == nullptr) first = made_by(apply.input(0), "set_subtensor");
      if (first == nullptr) return std::nullopt;
      if (!(part_of_write(*first) == part_of_write(apply))) {
        return context.refuse("the two parts differ", first);
      }
      if (context.use_count(apply.input(0)) != 1) {
        return context.refuse("the first result is needed by itself", first);
      }
      Variables operands(first->inputs().begin(), first->inputs().end());
      operands[1] = add(first->input(1), apply.input(1));
      return replace_with(apply, apply_one(first->shared_op(), operands));
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = vector("y"), z = vector("z"), n = lscalar("n");
          AxisPart row;
          row.index.is_integer = true;
          row.index.start.kind = AxisIndex::Bound::Kind::kOperand;
          row.start = n;
          const Part part = {row, AxisPart::whole()};
          return Examples{
              {{write(write(x, part, y, true), part, z, true)}, {write(x, part, y + z, true)}},
              {{write(write(x, part, y, false), part, z, true)}, {write(x, part, y + z, false)}}};
        },
    .counterexamples =
        [] {
          const Variable x = tensor(float_x(), {5, 3}, "x"), y = tensor(float_x(), {3}, "y");
          const Variable once = inc_subtensor(x, {1}, y);
          return Graphs{{inc_subtensor(inc_subtensor(x, {1}, y), {2}, y)},
                        {inc_subtensor(once, {1}, y), once}};
        },
    .exactness = Exactness::kReassociates};

// Gradients of several slices of one variable: each is a tensor of zeros with one part.
constexpr Rule kAddOfInc = {
    .name = "add_of_inc_zeros",
    .why =
        "a part of a tensor is increased in place, instead of adding a tensor of zeros around it",
    .op = "add",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const ElementwiseOp* op = as_elementwise(apply);
      if (!op->is_whole(0) || !op->is_whole(1)) return std::nullopt;
      for (size_t i = 0; i < 2; ++i) {
        const Apply* increased = made_by(apply.input(i), "inc_subtensor");
        if (increased == nullptr || !is_uniform(increased->input(0), 0)) continue;
        const Variable& other = apply.input(1 - i);
        if (context.use_count(apply.input(i)) != 1) {
          context.refuse("the part among zeros is needed by itself", increased);
          continue;
        }
        if (!same_dims(increased->input(0), other)) {
          context.refuse("the terms' lengths are compared at the call", increased);
          continue;
        }
        Variables operands(increased->inputs().begin(), increased->inputs().end());
        operands[0] = other;
        return replace_with(apply, apply_one(increased->shared_op(), operands));
      }
      return std::nullopt;
    },
    .examples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          AxisPart rows;
          rows.index.stop = {AxisIndex::Bound::Kind::kNumber, 3};
          const Part part = {rows, AxisPart::whole()};
          const Variable among_zeros = write(zeros_like(x), part, y, true);
          return Examples{{{exp(x) + among_zeros}, {write(exp(x), part, y, true)}},
                          {{among_zeros + x}, {write(x, part, y, true)}}};
        },
    .counterexamples =
        [] {
          const Variable x = matrix("x"), y = matrix("y");
          const Variable part = inc_subtensor(zeros_like(x), {slice(0, 1)}, y);
          return Graphs{{y + part},
                        {x + part, part},
                        {x + inc_subtensor(x, {slice(0, 1)}, y)},
                        {x + set_subtensor(zeros_like(x), {slice(0, 1)}, y)}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kChain, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kReadBack, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kOwnPart, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kIncTwice, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kAddOfInc, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
