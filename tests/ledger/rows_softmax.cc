// softmax and cross-entropies, and their gradients as ops.

#include "ops/softmax/crossentropy.h"
#include "ops/softmax/softmax.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

using AlongAxis = Variable (*)(Operand, int64_t);
using GradAlongAxis = Variable (*)(Operand, Operand, int64_t);

Row along_axis(const char* name, AlongAxis f) {
  return {.name = name,
          .cases = {{.name = "rows",
                     .inputs = {random_tensor({3, 4})},
                     .build = [f](const Variables& v) { return f(v[0], -1); }},
                    {.name = "first axis",
                     .inputs = {random_tensor({3, 2, 2})},
                     .build = [f](const Variables& v) { return f(v[0], 0); }}}};
}

Row grad_along_axis(const char* name, GradAlongAxis f, std::map<Column, Hole> holes = {}) {
  return {.name = name,
          .cases = {{.name = "rows",
                     .inputs = {random_tensor({3, 4}), random_tensor({3, 4}, 0.1, 0.9)},
                     .build = [f](const Variables& v) { return f(v[0], v[1], -1); }},
                    {.name = "first axis",
                     .inputs = {random_tensor({3, 2, 2}), random_tensor({3, 2, 2}, 0.1, 0.9)},
                     .build = [f](const Variables& v) { return f(v[0], v[1], 0); }}},
          .holes = std::move(holes)};
}

}  // namespace

std::vector<Row> softmax_rows() {
  std::vector<Row> rows = {along_axis("softmax", softmax), along_axis("log_softmax", log_softmax),
                           grad_along_axis("softmax_grad", softmax_grad),
                           grad_along_axis("log_softmax_grad", log_softmax_grad)};
  const std::map<Column, Hole> floats_only = {{Column::kInteger, kDiscreteRefused},
                                              {Column::kBool, kDiscreteRefused}};
  const Tensor labels = Tensor::of<int64_t>({2, 0, 3});
  rows.push_back(
      {.name = "crossentropy_softmax_sparse",
       .cases = {{.name = "three rows of four classes",
                  .inputs = {random_tensor({3, 4}), labels},
                  .build =
                      [](const Variables& v) { return crossentropy_softmax_sparse(v[0], v[1]); }}},
       .holes = floats_only});
  rows.push_back({.name = "crossentropy_softmax_sparse_grad",
                  .cases = {{.name = "three rows of four classes",
                             .inputs = {random_tensor({3}), random_tensor({3, 4}), labels},
                             .build =
                                 [](const Variables& v) {
                                   return crossentropy_softmax_sparse_grad(v[0], v[1], v[2]);
                                 }}},
                  .holes = floats_only});
  return rows;
}

}  // namespace bitale::ledger
