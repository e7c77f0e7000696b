// Builders without an op of their own: formulas over ops, walked as ops are.

#include <limits>
#include <utility>

#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/pool/positions.h"
#include "ops/random/random_streams.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "ops/shape/specify_shape.h"
#include "ops/shape/tile.h"
#include "ops/softmax/crossentropy.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

using Build = Variable (*)(const Variables& v);
using Holes = std::map<Column, Hole>;

Case with(const char* name, std::vector<Tensor> inputs, Build build) {
  return {.name = name, .inputs = std::move(inputs), .build = build};
}

Row row(const char* name, std::vector<Tensor> inputs, Build build, Holes holes = {}) {
  return {.name = name, .cases = {with("plain", std::move(inputs), build)}, .holes = holes};
}

Row of_dtype(const char* name, Variable (*build)(DType),
             Holes holes = no_derivatives(kDiscreteOperands)) {
  return {.name = name,
          .cases = {{.name = "as dtype",
                     .build_as = [build](const Variables&,
                                         DType dtype) { return Variables{build(dtype)}; }}},
          .holes = std::move(holes)};
}

std::vector<Row> statistics_rows() {
  const Tensor x = distinct_tensor({3, 4});
  const auto reduction = [&](const char* name, Variable (*f)(Operand, Axes, bool)) {
    return Row{
        .name = name,
        .cases = {{.name = "all axes",
                   .inputs = {x},
                   .build = [f](const Variables& v) { return f(v[0], Axes::all(), false); }},
                  {.name = "one axis, kept", .inputs = {x}, .build = [f](const Variables& v) {
                     return f(v[0], 1, true);
                   }}}};
  };
  return {reduction("mean", mean),
          reduction("logsumexp", logsumexp),
          {.name = "var",
           .cases = {with("all axes", {x}, [](const Variables& v) { return var(v[0]); }),
                     with("one axis, ddof 1", {x},
                          [](const Variables& v) { return var(v[0], 0, true, 1); })}},
          {.name = "stddev",
           .cases = {with("all axes", {x}, [](const Variables& v) { return stddev(v[0]); }),
                     with("one axis, ddof 1", {x},
                          [](const Variables& v) { return stddev(v[0], 1, false, 1); })}},
          {.name = "norm",
           .cases = {with("Euclidean", {x}, [](const Variables& v) { return norm(v[0]); }),
                     with("of order 1", {x}, [](const Variables& v) { return norm(v[0], 1, 1); }),
                     with("of order 3", {x}, [](const Variables& v) { return norm(v[0], 3, 0); }),
                     with("largest", {x}, [](const Variables& v) {
                       return norm(v[0], std::numeric_limits<double>::infinity());
                     })}}};
}

std::vector<Row> loss_rows() {
  const Tensor p = random_tensor({3, 4}, 0.1, 0.9), z = random_tensor({3, 4}, -3, 3, 2);
  return {
      {.name = "categorical_crossentropy",
       .cases = {with("labels", {p, Tensor::of<int64_t>({1, 3, 0})},
                      [](const Variables& v) { return categorical_crossentropy(v[0], v[1]); }),
                 with("distributions", {p, random_tensor({3, 4}, 0.1, 0.9, 3)},
                      [](const Variables& v) { return categorical_crossentropy(v[0], v[1]); })}},
      row("binary_crossentropy", {p, random_tensor({3, 4}, 0.1, 0.9, 3)},
          [](const Variables& v) { return binary_crossentropy(v[0], v[1]); }),
      row("binary_crossentropy_with_logits", {z, p},
          [](const Variables& v) { return binary_crossentropy_with_logits(v[0], v[1]); }),
      row("squared_error", {p, z}, [](const Variables& v) { return squared_error(v[0], v[1]); },
          {{Column::kBool, kBoolRefused}})};
}

std::vector<Row> arrangement_rows() {
  const Tensor x = random_tensor({3, 4}), y = random_tensor({3, 4}, -1, 1, 2);
  return {
      row("flatten", {random_tensor({2, 3, 2})},
          [](const Variables& v) { return flatten(v[0], 2); }),
      row("reshape_like", {x, random_tensor({2, 6})},
          [](const Variables& v) { return reshape_like(v[0], v[1]); }),
      row("transpose", {x}, [](const Variables& v) { return transpose(v[0]); }),
      row("swapaxes", {random_tensor({2, 3, 2})},
          [](const Variables& v) { return swapaxes(v[0], 0, -1); }),
      row("squeeze", {random_tensor({3, 1, 2})}, [](const Variables& v) { return squeeze(v[0]); }),
      row("expand_dims", {x}, [](const Variables& v) { return expand_dims(v[0], 1); }),
      row("broadcast_like", {random_tensor({3, 1}), x},
          [](const Variables& v) { return broadcast_like(v[0], v[1]); }),
      row("broadcastable", {random_tensor({3, 1})},
          [](const Variables& v) { return broadcastable(unbroadcast(v[0], 1), 1); }),
      row("alloc", {random_tensor({4})},
          [](const Variables& v) {
            return alloc(v[0], {3, 4});
          }),
      row("full", {random_tensor({})},
          [](const Variables& v) {
            return full({3, 4}, v[0]);
          }),
      row("full_like", {x, random_tensor({})},
          [](const Variables& v) { return full_like(v[0], v[1]); }),
      row("zeros_like", {x}, [](const Variables& v) { return zeros_like(v[0]); }),
      row("ones_like", {x}, [](const Variables& v) { return ones_like(v[0]); }),
      row("stack", {x, y},
          [](const Variables& v) {
            return stack({v[0], v[1]}, 1);
          }),
      row("tile", {x},
          [](const Variables& v) {
            return tile(v[0], {2, 1, 3});
          }),
      row("repeat", {x}, [](const Variables& v) { return repeat(v[0], 3, 1); }),
      row("pad", {x},
          [](const Variables& v) {
            return pad(v[0], {{1, 0}, {0, 2}});
          }),
      {.name = "take",
       .cases = {with("flattened", {x, Tensor::of<int64_t>({{7, 0}, {7, -1}})},
                      [](const Variables& v) { return take(v[0], v[1]); })}},
      {.name = "max_unpool",
       .cases = {with(
           "two planes, a position twice",
           {random_tensor({2, 1, 3}), Tensor::of<int32_t>({0, 5, 3, 1, 1, 4}).reshape({2, 1, 3})},
           [](const Variables& v) { return max_unpool(v[0], v[1], 2, 3); })},
       .holes = {{Column::kBool, kBoolRefused}}},
      of_dtype("zeros",
               [](DType dtype) {
                 return zeros({2, 3}, dtype);
               }),
      of_dtype("ones",
               [](DType dtype) {
                 return ones({2, 3}, dtype);
               }),
      of_dtype("eye", [](DType dtype) { return eye(3, 4, 1, dtype); }),
      {.name = "one_hot",
       .cases = {{.name = "labels",
                  .inputs = {Tensor::of<int64_t>({2, 0})},
                  .build_as = [](const Variables& v,
                                 DType dtype) { return Variables{one_hot(v[0], 3, dtype)}; }}},
       .holes = no_derivatives(kDiscreteOperands)}};
}

}  // namespace

std::vector<Row> formula_rows() {
  const Tensor x = random_tensor({3, 4});
  const Holes no_half = {{Column::kHalf, kHalfRefused}};
  static constexpr Hole kStep = {Verdict::kNothingToDo,
                                 "0 or 1: a step, without a derivative for p"};
  const Holes floats_only = {{Column::kHalf, kHalfRefused},
                             {Column::kInteger, kDiscreteRefused},
                             {Column::kBool, kDiscreteRefused}};
  std::vector<Row> rows = statistics_rows();
  for (auto make : {loss_rows, arrangement_rows}) {
    for (Row& made : make()) rows.push_back(std::move(made));
  }
  rows.push_back(row("hard_sigmoid", {random_tensor({3, 4}, -4, 4)},
                     [](const Variables& v) { return hard_sigmoid(v[0]); }));
  rows.push_back(row(
      "batched_dot", {random_tensor({2, 3, 4}), random_tensor({2, 4})},
      [](const Variables& v) { return batched_dot(v[0], v[1]); }, no_half));
  rows.push_back(row(
      "tensordot", {random_tensor({2, 3, 4}), random_tensor({4, 2, 5})},
      [](const Variables& v) {
        return tensordot(v[0], v[1], {2, 0}, {0, 1});
      },
      no_half));
  rows.push_back(row("outer", {random_tensor({3}), random_tensor({4})},
                     [](const Variables& v) { return outer(v[0], v[1]); }));
  rows.push_back(of_dtype(
      "bernoulli",
      [](DType dtype) {
        return RandomStreams(/*seed=*/3).bernoulli({3, 4}, 0.5, dtype);
      },
      no_derivatives(kStep)));
  rows.push_back({.name = "pool_2d",
                  .cases = {with("root of squares", {random_tensor({2, 4, 6}, 0.2, 1)},
                                 [](const Variables& v) {
                                   return pool_2d(v[0], {2, 2}, {.mode = PoolMode::kL2});
                                 })},
                  .holes = floats_only});
  return rows;
}

}  // namespace bitale::ledger
