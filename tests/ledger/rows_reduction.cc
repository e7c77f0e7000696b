// Reductions, and cumulative sums.

#include "ops/reduction/products_of_others_internal.h"
#include "ops/reduction/reduction.h"
#include "ops/skeleton/cumsum.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

using Reduction = Variable (*)(Operand, Axes, bool);

Row reduction(const char* name, Reduction f, std::map<Column, Hole> holes = {}) {
  return {.name = name,
          .cases = {{.name = "all axes",
                     .inputs = {distinct_tensor({3, 4})},
                     .build = [f](const Variables& v) { return f(v[0], Axes::all(), false); }},
                    {.name = "one axis",
                     .inputs = {distinct_tensor({2, 3, 2}, 0.1, 2)},
                     .build = [f](const Variables& v) { return f(v[0], 1, false); }},
                    {.name = "two axes, kept",
                     .inputs = {distinct_tensor({2, 3, 2}, 0.1, 3)},
                     .build =
                         [f](const Variables& v) {
                           return f(v[0], {0, -1}, true);
                         }},
                    {.name = "no axis",
                     .inputs = {distinct_tensor({3}, 0.2, 4)},
                     .build = [f](const Variables& v) { return f(v[0], {}, false); }}},
          .holes = std::move(holes)};
}

}  // namespace

std::vector<Row> reduction_rows() {
  const std::map<Column, Hole> discrete = no_derivatives(kDiscreteResult);
  std::vector<Row> rows = {reduction("sum", sum),
                           reduction("prod", prod),
                           reduction("max", max),
                           reduction("min", min),
                           reduction("any", any, discrete),
                           reduction("all", all, discrete),
                           reduction("argmax", argmax, discrete),
                           reduction("argmin", argmin, discrete)};
  rows.push_back(
      {.name = "products_of_others",
       .cases = {{.name = "all axes",
                  .inputs = {random_tensor({2, 3}, 0.5, 2)},
                  .build =
                      [](const Variables& v) {
                        return products_of_others(v[0], {0, 1});
                      }},
                 {.name = "one axis",
                  .inputs = {random_tensor({2, 3}, 0.5, 2, 2)},
                  .build = [](const Variables& v) { return products_of_others(v[0], {1}); }}},
       .holes = {{Column::kInteger, kDiscreteRefused}, {Column::kBool, kDiscreteRefused}},
       .stands_for = "in the gradient of prod: the product of all elements but one"});
  rows.push_back(
      {.name = "products_of_others_grad",
       .cases = {{.name = "all axes",
                  .inputs = {random_tensor({2, 3}, -1, 1, 3), random_tensor({2, 3}, 0.5, 2)},
                  .build =
                      [](const Variables& v) {
                        return products_of_others_grad(v[0], v[1], {0, 1});
                      }},
                 {.name = "two zeros in a row",
                  .inputs = {random_tensor({2, 4}, -1, 1, 3),
                             Tensor::of<double>({{2, 0, 3, 0}, {-1, 0.5, 2, 0}})},
                  .build =
                      [](const Variables& v) { return products_of_others_grad(v[0], v[1], {1}); }}},
       .holes = {{Column::kInteger, kDiscreteRefused}, {Column::kBool, kDiscreteRefused}},
       .stands_for = "in derivatives of prod: the derivative of products_of_others"});
  rows.push_back({.name = "cumsum",
                  .cases = {{.name = "first axis",
                             .inputs = {random_tensor({3, 4})},
                             .build = [](const Variables& v) { return cumsum(v[0], 0); }},
                            {.name = "last axis, reversed",
                             .inputs = {random_tensor({3, 4}, -1, 1, 2)},
                             .build = [](const Variables& v) {
                               return cumsum(v[0], -1, /*reverse=*/true);
                             }}}});
  return rows;
}

}  // namespace bitale::ledger
