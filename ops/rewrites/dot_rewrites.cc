// Transposes around products of matrices, and products that are something simpler.

#include <algorithm>
#include <memory>

#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/rewrites/patterns.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

using Examples = std::vector<RuleExample>;
using Graphs = std::vector<Variables>;

bool is_transpose(const Apply& apply) {
  const auto* op = dynamic_cast<const DimshuffleOp*>(&apply.op());
  return op != nullptr && op->order() == std::vector<int64_t>{1, 0};
}

// The transpose of a matrix, or what it is the transpose of.
Variable transposed(const Variable& x) {
  const Apply* apply = x.owner();
  return apply != nullptr && is_transpose(*apply) ? apply->input(0) : dimshuffle(x, {1, 0});
}

constexpr Rule kTranspose = {
    .name = "transpose_of_dot",
    .why =
        "a product is computed the other way round: transposes of its operands are views, which "
        "may cancel others",
    .op = "dimshuffle",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const Apply* product = made_by(apply.input(0), "dot");
      if (product == nullptr || !is_transpose(apply) || product->output(0).rank() != 2) {
        return std::nullopt;
      }
      if (context.use_count(apply.input(0)) != 1) {
        return context.refuse("the product is needed as it is as well", product);
      }
      FixedSiteScope scope(product->site());
      return replace_with(apply, dot(transposed(product->input(1)), transposed(product->input(0))));
    },
    .examples =
        [] {
          const Variable a = matrix("a"), b = matrix("b");
          return Examples{{{transpose(dot(transpose(a), transpose(b)))}, {dot(b, a)}},
                          {{transpose(dot(a, b))}, {dot(transpose(b), transpose(a))}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), b = matrix("b");
          const Variable product = dot(a, b);
          return Graphs{{transpose(product), product},
                        {dimshuffle(dot(a, vector("v")), {'x', 0})},
                        {dimshuffle(product, {1, 'x', 0})}};
        },
    .exactness = Exactness::kReassociates};

constexpr Rule kInnerOne = {
    .name = "dot_over_one",
    .why = "a sum of one product each is a column times a row, element by element",
    .op = "dot",
    .apply = [](const Apply& apply, const RuleContext&) -> std::optional<Variables> {
      const Variable& a = apply.input(0);
      const Variable& b = apply.input(1);
      if (a.rank() != 2 || b.rank() != 2) return std::nullopt;
      if (a.type().dims[1] != Dim(1) || b.type().dims[0] != Dim(1)) return std::nullopt;
      return replace_with(apply, mul(a, b));
    },
    .examples =
        [] {
          const Variable v = vector("v"), w = vector("w");
          const Variable column = dimshuffle(v, {0, 'x'}), line = dimshuffle(w, {'x', 0});
          return Examples{{{dot(column, line)}, {column * line}}};
        },
    .counterexamples =
        [] {
          const Variable a = matrix("a"), c = col("c");
          return Graphs{{dot(a, c)}, {dot(c, a)}};
        },
    .exactness = Exactness::kReassociates};

// --- Stacks --------------------------------------------------------------------------------------

constexpr Rule kOneRight = {
    .name = "matmul_with_one_right_operand",
    .why = "a stack of matrices times one matrix is one tall product instead of many small ones",
    .op = "matmul",
    .apply = [](const Apply& apply, const RuleContext& context) -> std::optional<Variables> {
      const auto& op = dynamic_cast<const MatmulOp&>(apply.op());
      const Variable& a = apply.input(0);
      const Variable& b = apply.input(1);
      std::vector<int64_t> matrix_axes;
      for (int64_t axis = 0; axis < b.rank(); ++axis) {
        if (axis + 2 >= b.rank()) {
          matrix_axes.push_back(axis);
        } else if (!op.broadcasts(1, static_cast<size_t>(axis)) &&
                   b.type().dims[static_cast<size_t>(axis)] != Dim(1)) {
          return context.refuse("the right operand is a stack itself");
        } else if (op.broadcasts(0, static_cast<size_t>(axis))) {
          return context.refuse("the left operand is repeated");
        }
      }
      return replace_with(apply, tensordot(a, dimshuffle(b, matrix_axes), {a.rank() - 1}, {0}));
    },
    .examples =
        [] {
          const Variable x = tensor3("x"), w = matrix("w");
          return Examples{
              {{matmul(x, dimshuffle(w, {'x', 0, 1}))},
               {tensordot(x, dimshuffle(dimshuffle(w, {'x', 0, 1}), {1, 2}), {2}, {0})}}};
        },
    .counterexamples =
        [] {
          const Variable x = tensor3("x"), w = matrix("w");
          return Graphs{{matmul(x, tensor3("y"))}, {matmul(dimshuffle(w, {'x', 0, 1}), x)}};
        },
    .exactness = Exactness::kReassociates};

const RuleRegistrar registrars[] = {
    RuleRegistrar(in_phase(kTranspose, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kInnerOne, Phase::kCanonicalize)),
    RuleRegistrar(in_phase(kOneRight, Phase::kCanonicalize)),
};

}  // namespace
}  // namespace bitale
