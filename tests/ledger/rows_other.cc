// Loops, random draws, transfers, gradient control, and what the fusion pass makes.

#include "core/compile/transfer.h"
#include "ops/control/map.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/elementwise_bundle_internal.h"
#include "ops/elementwise/fused_elementwise_internal.h"
#include "ops/epilogue/fused_epilogue_internal.h"
#include "ops/gradient_control/gradient_control.h"
#include "ops/linalg/dot.h"
#include "ops/random/random_draw.h"
#include "ops/reduction/fused_folds_internal.h"
#include "ops/reduction/fused_rows_internal.h"
#include "ops/reduction/reduction.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

Row draw_row(const char* name, Distribution distribution, ShapeItems dims,
             std::vector<Tensor> parameters, std::map<Column, Hole> holes) {
  std::vector<Tensor> inputs = {initial_random_state(/*seed=*/3, /*index=*/1)};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  return {.name = name,
          .cases = {{.name = "from a state",
                     .inputs = inputs,
                     .build_as =
                         [distribution, dims](const Variables& v, DType dtype) {
                           const DrawResult result = draw(distribution, v[0], dims, dtype,
                                                          Variables(v.begin() + 1, v.end()));
                           return Variables{result.next_state, result.sample};
                         },
                     .agrees = false}},
          .holes = no_derivatives(kDiscreteOperands, std::move(holes))};
}

std::vector<Row> draw_rows() {
  static constexpr Hole kOtherRefused = {Verdict::kRefused, "draws float32 or float64: cast"};
  static constexpr Hole kInt64Only = {Verdict::kRefused, "draws int64: cast"};
  const std::map<Column, Hole> floats = {{Column::kHalf, kOtherRefused},
                                         {Column::kInteger, kOtherRefused},
                                         {Column::kBool, kOtherRefused}};
  const std::map<Column, Hole> integers = {{Column::kFloat32, kInt64Only},
                                           {Column::kFloat64, kInt64Only},
                                           {Column::kHalf, kInt64Only},
                                           {Column::kInteger, kInt64Only},
                                           {Column::kBool, kInt64Only}};
  return {draw_row("random_uniform", Distribution::kUniform, {3, 5}, {}, floats),
          draw_row("random_normal", Distribution::kNormal, {3, 5}, {}, floats),
          draw_row("random_integers", Distribution::kIntegers, {3, 5},
                   {Tensor(int64_t{-2}), Tensor(int64_t{9})}, integers),
          draw_row("random_permutation", Distribution::kPermutation, {7}, {}, integers)};
}

std::vector<Row> gradient_control_rows() {
  static constexpr Hole kCut = {Verdict::kDiffers, "cuts gradients: that is its purpose"};
  static constexpr Hole kZero = {Verdict::kDiffers, "gives gradients of 0: that is its purpose"};
  static constexpr Hole kChanged = {Verdict::kDiffers, "changes gradients: that is its purpose"};
  const Tensor x = random_tensor({3, 4});
  const auto row = [&](const char* name, std::map<Column, Hole> holes,
                       ListFunction<Variable, Variable> build) {
    return Row{.name = name,
               .cases = {{.name = "matrix", .inputs = {x}, .build = std::move(build)}},
               .holes = std::move(holes)};
  };
  return {
      row("disconnected_grad", no_derivatives(kCut),
          [](const Variables& v) { return disconnected_grad(v[0]); }),
      row("zero_grad", no_derivatives(kZero), [](const Variables& v) { return zero_grad(v[0]); }),
      row("grad_clip", no_derivatives(kChanged),
          [](const Variables& v) { return grad_clip(v[0], -0.1, 0.1); }),
      row("grad_scale", no_derivatives(kChanged),
          [](const Variables& v) { return grad_scale(v[0], 3); })};
}

std::shared_ptr<const Op> op_of(const Variable& made) { return made.owner()->shared_op(); }

// exp(a * b), where b broadcasts, as one node.
Variable fused(const Variables& v) {
  const Variable product = mul(v[0], v[1]);
  const Variable power = exp(product);
  std::vector<FusedElementwiseOp::Step> steps = {{op_of(product), {0, 1}, product.type()},
                                                 {op_of(power), {2}, power.type()}};
  return apply_one(std::make_shared<FusedElementwiseOp>(2, std::move(steps)), v);
}

// a * a, and exp(a * b) with b broadcast, as one node.
Variables bundled(const Variables& v) {
  const Variable square = mul(v[0], v[0]);
  const Variable power = fused(v);
  auto first = std::make_shared<const FusedElementwiseOp>(
      2, std::vector<FusedElementwiseOp::Step>{{op_of(square), {0, 1}, square.type()}});
  auto second = std::static_pointer_cast<const FusedElementwiseOp>(op_of(power));
  return apply_op(std::make_shared<ElementwiseBundleOp>(
                      std::vector<ElementwiseBundleOp::Member>{first, second}),
                  {v[0], v[0], v[0], v[1]});
}

// exp(dot(a, b) + a) as one node.
Variable with_epilogue(const Variables& v) {
  const Variable product = dot(v[0], v[1]);
  const Variable sum = add(product, v[0]);
  const Variable power = exp(sum);
  auto group = std::make_shared<const FusedElementwiseOp>(
      2, std::vector<FusedElementwiseOp::Step>{{op_of(sum), {0, 1}, sum.type()},
                                               {op_of(power), {2}, power.type()}});
  return apply_one(std::make_shared<FusedEpilogueOp>(op_of(product), 2, std::move(group), 0),
                   {v[0], v[1], v[0]});
}

// The sum of a * b and the largest a in each column, as one node.
Variable fused_columns(const Variables& v) {
  const Variable product = mul(v[0], v[1]);
  const Variable total = sum(product, 0);
  const Variable most = max(v[0], 0);
  const Variables results =
      apply_op(std::make_shared<FusedFoldsOp>(
                   2, std::vector<FusedStep>{{op_of(product), {0, 1}, product.type()}},
                   std::vector<FusedStep>{{op_of(total), {2}, total.type()},
                                          {op_of(most), {0}, most.type()}}),
               v);
  return results[0] * results[1];
}

// exp(a * b) divided by its sum along the rows, as one node.
Variable fused_softmax(const Variables& v) {
  const Variable product = mul(v[0], v[1]);
  const Variable power = exp(product);
  const Variable total = sum(power, 1, true);
  const Variable share = true_div(power, total);
  std::vector<FusedRowsOp::Step> steps = {{{op_of(product), {0, 1}, product.type()}},
                                          {{op_of(power), {2}, power.type()}},
                                          {{op_of(total), {3}, total.type()}, false, true},
                                          {{op_of(share), {3, 4}, share.type()}}};
  return apply_one(std::make_shared<FusedRowsOp>(2, std::move(steps), 1), v);
}

}  // namespace

std::vector<Row> other_rows() {
  std::vector<Row> rows = draw_rows();
  for (Row& row : gradient_control_rows()) rows.push_back(std::move(row));
  rows.push_back({.name = "transfer",
                  .cases = {{.name = "to the host",
                             .inputs = {random_tensor({3, 4})},
                             .build = [](const Variables& v) { return transfer(v[0], kCpu); }}},
                  .lowered_as = "copy between devices"});
  rows.push_back({.name = "map",
                  .cases = {{.name = "over rows, with a vector",
                             .inputs = {random_tensor({3, 4}), random_tensor({4}, -1, 1, 2)},
                             .build =
                                 [](const Variables& v) {
                                   return map(
                                       [](const Variables& e) { return sum(sqr(e[0]) * e[1]); },
                                       {v[0]}, {v[1]});
                                 }},
                            {.name = "two sequences, two results",
                             .inputs = {random_tensor({3}), random_tensor({3, 2}, -1, 1, 2)},
                             .build = [](const Variables& v) {
                               return map_all(
                                   [](const Variables& e) {
                                     return Variables{e[0] * e[1], e[1] * e[1]};
                                   },
                                   {v[0], v[1]});
                             }}}});
  constexpr Hole kOwnDTypes = {Verdict::kRefused, "the fused steps have dtypes of their own"};
  const std::map<Column, Hole> steps_have_dtypes = {{Column::kInteger, kOwnDTypes},
                                                    {Column::kBool, kOwnDTypes}};
  rows.push_back({.name = "elementwise_bundle",
                  .cases = {{.name = "a * a and exp(a * b)",
                             .inputs = {random_tensor({3, 4}), random_tensor({4}, -1, 1, 2)},
                             .build = bundled}},
                  .holes = steps_have_dtypes,
                  .stands_for = "the elementwise nodes it was bundled from"});
  rows.push_back({.name = "fused_elementwise",
                  .cases = {{.name = "exp(a * b)",
                             .inputs = {random_tensor({3, 4}), random_tensor({4}, -1, 1, 2)},
                             .build = fused}},
                  .holes = steps_have_dtypes,
                  .stands_for = "the elementwise nodes it was fused from"});
  rows.push_back({.name = "fused_epilogue",
                  .cases = {{.name = "exp(dot(a, b) + a)",
                             .inputs = {random_tensor({3, 4}), random_tensor({4, 4}, -1, 1, 2)},
                             .build = with_epilogue}},
                  .holes = {{Column::kHalf, kHalfRefused},
                            {Column::kInteger, kOwnDTypes},
                            {Column::kBool, kOwnDTypes}},
                  .stands_for = "the product or convolution and the elementwise nodes after it"});
  rows.push_back({.name = "fused_folds",
                  .cases = {{.name = "sum and max over columns",
                             .inputs = {random_tensor({3, 4}), random_tensor({4}, -1, 1, 2)},
                             .build = fused_columns}},
                  .stands_for = "the reductions and the elementwise nodes it was fused from"});
  rows.push_back({.name = "fused_rows",
                  .cases = {{.name = "softmax(a * b)",
                             .inputs = {random_tensor({3, 4}), random_tensor({4}, -1, 1, 2)},
                             .build = fused_softmax}},
                  .holes = steps_have_dtypes,
                  .stands_for = "the nodes of its rows that it was fused from"});
  return rows;
}

}  // namespace bitale::ledger
