// Shapes, indexing, creation.

#include "ops/creation/arange.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/subtensor.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "ops/shape/specify_shape.h"
#include "tests/ledger/ledger.h"

namespace bitale::ledger {
namespace {

using Build = Variable (*)(const Variables& v);

Case with(const char* name, std::vector<Tensor> inputs, Build build) {
  return {.name = name, .inputs = std::move(inputs), .build = build};
}

}  // namespace

std::vector<Row> shape_rows() {
  const Tensor x = random_tensor({3, 4});
  static constexpr Hole kHostIntegers = {Verdict::kNothingToDo, "of int64 host integers alone"};
  const std::map<Column, Hole> lengths = no_derivatives(kDiscreteResult);
  return {
      {.name = "reshape",
       .cases = {with("to a vector", {x}, [](const Variables& v) { return reshape(v[0], {-1}); }),
                 with("dims from another's", {x, random_tensor({2, 6})},
                      [](const Variables& v) {
                        return reshape(v[0], {shape(v[1], 0), shape(v[1], 1)});
                      })}},
      {.name = "dimshuffle",
       .cases = {with("transposed", {x}, [](const Variables& v) { return transpose(v[0]); }),
                 with("new axes", {x},
                      [](const Variables& v) {
                        return dimshuffle(v[0], {'x', 1, 'x', 0});
                      }),
                 with("a dropped axis", {random_tensor({3, 1})},
                      [](const Variables& v) { return dimshuffle(v[0], {0}); })}},
      {.name = "broadcast_to",
       .cases = {with("new axis in front", {random_tensor({4})},
                      [](const Variables& v) {
                        return broadcast_to(v[0], {3, 4});
                      }),
                 with("an axis of one", {random_tensor({3, 1})},
                      [](const Variables& v) {
                        return broadcast_to(v[0], {-1, 4});
                      })}},
      {.name = "specify_shape",
       .cases = {with("one dim", {x},
                      [](const Variables& v) {
                        return specify_shape(v[0], {Dim(3), Dim()});
                      })}},
      {.name = "split",
       .cases = {{.name = "columns",
                  .inputs = {x},
                  .build =
                      [](const Variables& v) {
                        return split(v[0], {1, 3}, 1);
                      }},
                 {.name = "rows, as many as a scalar says",
                  .inputs = {x, Tensor(int64_t{2})},
                  .build =
                      [](const Variables& v) {
                        return split(v[0], {v[1], 1});
                      }}}},
      {.name = "unbroadcast",
       .cases = {with("a column", {random_tensor({3, 1})},
                      [](const Variables& v) { return unbroadcast(v[0], 1); })}},
      {.name = "concatenate",
       .cases = {with("rows", {x, random_tensor({2, 4}, -1, 1, 2)},
                      [](const Variables& v) {
                        return concatenate({v[0], v[1]});
                      }),
                 with("columns, one twice", {x, random_tensor({3, 1}, -1, 1, 2)},
                      [](const Variables& v) {
                        return concatenate({v[0], v[1], v[0]}, 1);
                      })}},
      {.name = "shape",
       .cases = {with("of a matrix", {x}, [](const Variables& v) { return shape(v[0]); })},
       .holes = lengths},
      {.name = "shape_axis",
       .cases = {with("of a matrix", {x}, [](const Variables& v) { return shape(v[0], -1); })},
       .holes = lengths},
      {.name = "make_vector",
       .cases = {with("two numbers and a scalar", {Tensor(int64_t{5})},
                      [](const Variables& v) {
                        return make_vector({2, v[0], 7});
                      })},
       .holes = no_derivatives(kHostIntegers, {{Column::kFloat32, kHostIntegers},
                                               {Column::kFloat64, kHostIntegers},
                                               {Column::kHalf, kHostIntegers},
                                               {Column::kInteger, kHostIntegers},
                                               {Column::kBool, kHostIntegers}})},
      {.name = "arange",
       .cases = {{.name = "start, stop and step",
                  .inputs = {Tensor(int64_t{2}), Tensor(int64_t{11})},
                  .build_as = [](const Variables& v,
                                 DType dtype) { return Variables{arange(v[0], v[1], 3, dtype)}; }}},
       .holes = no_derivatives(kDiscreteOperands, {{Column::kBool, kBoolRefused}})}};
}

std::vector<Row> indexing_rows() {
  const Tensor x = random_tensor({4, 5});
  const Tensor rows = Tensor::of<int64_t>({3, 0, 3});
  const Tensor columns = Tensor::of<int32_t>({1, -1, 1});
  const Tensor i = Tensor(int64_t{1});
  return {{.name = "subtensor",
           .cases = {with("a row from the end", {x}, [](const Variables& v) { return v[0][-1]; }),
                     with("symbolic bounds and a negative step", {x, i},
                          [](const Variables& v) {
                            return v[0][{slice(v[1], v[1] + 2), slice(none, none, -2)}];
                          })}},
          {.name = "set_subtensor",
           .cases = {with("a block", {x, random_tensor({2, 5}, -1, 1, 2), i},
                          [](const Variables& v) {
                            return set_subtensor(v[0], {slice(v[2], v[2] + 2)}, v[1]);
                          }),
                     with("a broadcast scalar", {x, random_tensor({}, -1, 1, 2)},
                          [](const Variables& v) {
                            return set_subtensor(v[0], {slice(), 3}, v[1]);
                          })}},
          {.name = "inc_subtensor",
           .cases = {with("every second row", {x, random_tensor({2, 5}, -1, 1, 2)},
                          [](const Variables& v) {
                            return inc_subtensor(v[0], {slice(none, none, 2)}, v[1]);
                          })},
           .holes = {{Column::kBool, kBoolRefused}}},
          {.name = "advanced_subtensor",
           .cases = {with("pairs, one twice", {x, rows, columns},
                          [](const Variables& v) {
                            return advanced_subtensor(v[0], {v[1], v[2]});
                          }),
                     with("columns", {x, columns},
                          [](const Variables& v) { return take(v[0], v[1], 1); })}},
          {.name = "advanced_set_subtensor",
           .cases = {with("pairs, one twice", {x, random_tensor({3}, -1, 1, 2), rows, columns},
                          [](const Variables& v) {
                            return advanced_set_subtensor(v[0], v[1], {v[2], v[3]});
                          })}},
          {.name = "advanced_inc_subtensor",
           .cases = {with(
               "rows, one twice", {x, random_tensor({3, 5}, -1, 1, 2), rows},
               [](const Variables& v) { return advanced_inc_subtensor(v[0], v[1], {v[2]}); })},
           .holes = {{Column::kBool, kBoolRefused}}}};
}

}  // namespace bitale::ledger
