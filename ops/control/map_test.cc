#include "ops/control/map.h"

#include <cmath>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/graph/traversal.h"
#include "gtest/gtest.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/index.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

Tensor row_norms(const Tensor& x, const Tensor& w) {
  Tensor out = Tensor::zeros(DType::kFloat64, {x.dim(0)});
  for_each_index(x.shape(), [&](const Dims& i) {
    out.at<double>({i[0]}) += element(x, i) * element(x, i) * element(w, {i[1]});
  });
  return out;
}

OpCase weighted_rows(const char* name, Dims shape) {
  return {.name = name,
          .inputs = {random_tensor(shape, -1, 1, 1), random_tensor({shape[1]}, -1, 1, 2)},
          .build =
              [](const Variables& v) {
                return map([](const Variables& e) { return sum(sqr(e[0]) * e[1]); }, {v[0]},
                           {v[1]});
              },
          .oracle = [](const std::vector<Tensor>& x) { return row_norms(x[0], x[1]); }};
}

TEST(Map, GoesThroughTheRowsOfASequence) { run_op_case(weighted_rows("rows", {4, 3})); }
TEST(Map, OfOneElement) { run_op_case(weighted_rows("one row", {1, 3})); }
TEST(Map, OfNoElementIsEmpty) { run_op_case(weighted_rows("no row", {0, 3})); }
TEST(Map, OfEmptyElements) { run_op_case(weighted_rows("empty rows", {3, 0})); }

TEST(Map, TakesSeveralSequencesAndGivesSeveralResults) {
  run_op_case(
      {.name = "two by two",
       .inputs = {random_tensor({5, 2, 3}, -1, 1, 1), random_tensor({5, 3}, -1, 1, 2)},
       .build =
           [](const Variables& v) {
             return map(
                 [](const Variables& e) {
                   return Variables{dot(e[0], e[1]), exp(e[1])};
                 },
                 {v[0], v[1]});
           },
       .oracle =
           [](const std::vector<Tensor>& x) {
             Tensor products = Tensor::zeros(DType::kFloat64, {5, 2});
             for_each_index({5, 2, 3}, [&](const Dims& i) {
               products.at<double>({i[0], i[1]}) += element(x[0], i) * element(x[1], {i[0], i[2]});
             });
             return std::vector<Tensor>{products,
                                        map_elements(x[1], [](double v) { return std::exp(v); })};
           }});
}

TEST(Map, CapturesOuterVariablesAndDifferentiatesThroughThem) {
  run_op_case(
      {.name = "captured",
       .inputs = {random_tensor({4, 3}, -1, 1, 1), random_tensor({3}, -1, 1, 2)},
       .build =
           [](const Variables& v) {
             const Variable outer = tanh(v[1]);
             return map([&](const Variables& e) { return e[0] * outer + sum(outer); }, {v[0]});
           },
       .oracle =
           [](const std::vector<Tensor>& x) {
             Tensor out = Tensor::zeros(DType::kFloat64, {4, 3});
             double total = 0;
             for (int64_t j = 0; j < 3; ++j) total += std::tanh(element(x[1], {j}));
             for_each_index({4, 3}, [&](const Dims& i) {
               set_element(out, i, element(x[0], i) * std::tanh(element(x[1], {i[1]})) + total);
             });
             return out;
           }});
}

TEST(Map, IndexesWithElementsOfARange) {
  run_op_case({.name = "reversed rows",
               .inputs = {random_tensor({4, 3})},
               .build =
                   [](const Variables& v) {
                     const Variable n = shape(v[0], 0);
                     return map([&](const Variables& e) { return v[0][n - 1 - e[0]]; },
                                {arange(n)});
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     return x[0].slice(0, std::nullopt, std::nullopt, -1).copy();
                   }});
}

TEST(Map, MapsNest) {
  run_op_case({.name = "outer product",
               .inputs = {random_tensor({3}, -1, 1, 1), random_tensor({4}, -1, 1, 2)},
               .build =
                   [](const Variables& v) {
                     return map(
                         [&](const Variables& a) {
                           return map([&](const Variables& b) { return a[0] * b[0]; }, {v[1]});
                         },
                         {v[0]});
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor out = Tensor::zeros(DType::kFloat64, {3, 4});
                     for_each_index({3, 4}, [&](const Dims& i) {
                       set_element(out, i, element(x[0], {i[0]}) * element(x[1], {i[1]}));
                     });
                     return out;
                   }});
}

TEST(Map, DimsOfResultsMayComeFromOuterShapes) {
  const Variable x = dvector("x"), like = dmatrix("like");
  const Variable y = map(
      [&](const Variables& e) { return zeros({shape(like, 0) * 2}, DType::kFloat64) + e[0]; }, {x});
  const Tensor got = eval(y, {{x, random_tensor({3})}, {like, random_tensor({5, 2})}});
  EXPECT_EQ(got.shape(), (Dims{3, 10}));
}

TEST(Map, ReturnsWhatDoesNotDependOnElements) {
  const Variable x = dvector("x"), w = dscalar("w");
  const Variable y = map([&](const Variables&) { return w; }, {x});
  EXPECT_TRUE(
      equal_to(eval(y, {{x, random_tensor({2})}, {w, Tensor(7.0)}}), Tensor::of<double>({7, 7})));
}

TEST(Map, ComputesOutsideWhatDoesNotDependOnElements) {
  const Variable x = dvector("x"), w = dscalar("w");
  const Variable y = map([&](const Variables& e) { return e[0] * exp(w); }, {x});
  const auto inner = topological_order(y.owner()->op().inner_outputs());
  ASSERT_EQ(inner.size(), 1u);
  EXPECT_EQ(inner[0]->op().name(), "mul");
}

TEST(Map, ReadsSharedVariables) {
  const Variable w = shared(Tensor::of<double>({1, 2, 3}), "w");
  const Variable x = dvector("x");
  const Variable y = map([&](const Variables& e) { return e[0] * w; }, {x});
  EXPECT_TRUE(equal_to(eval(y, {{x, Tensor::of<double>({1, 10})}}),
                       Tensor::of<double>({{1, 2, 3}, {10, 20, 30}})));
}

TEST(Map, EqualMapsAreEqualOps) {
  const Variable x = dvector("x");
  const auto build = [&](double factor) {
    return map([&](const Variables& e) { return e[0] * factor; }, {x});
  };
  const Variable a = build(2), b = build(2), c = build(3);
  EXPECT_TRUE(a.owner()->op().equals(b.owner()->op()));
  EXPECT_EQ(a.owner()->op().hash(), b.owner()->op().hash());
  EXPECT_FALSE(a.owner()->op().equals(c.owner()->op()));
}

TEST(Map, SecondCallWithOtherShapes) {
  const Variable x = dmatrix("x");
  const Function f = function({x}, map([](const Variables& e) { return sum(e[0]); }, {x}));
  EXPECT_EQ(f(random_tensor({2, 3}))[0].shape(), (Dims{2}));
  EXPECT_EQ(f(random_tensor({7, 1}))[0].shape(), (Dims{7}));
}

TEST(Map, OfElementsWithNamedDims) {
  const Variable x = tensor(DType::kFloat64, {"n", "m"}, "x"),
                 y = tensor(DType::kFloat64, {"n", "m"}, "y");
  const Variable products = map([](const Variables& row) { return row[0] * row[1]; }, {x, y});
  EXPECT_TRUE(equal_to(eval(products, {{x, Tensor::of<double>({1, 2, 3, 4}).reshape({2, 2})},
                                       {y, Tensor::of<double>({5, 6, 7, 8}).reshape({2, 2})}}),
                       Tensor::of<double>({5, 12, 21, 32}).reshape({2, 2})));
}

TEST(Map, RulesReachTheLoopBody) {
  const Variable x = dvector("x");
  const Variable y = map([](const Variables& e) { return log(1.0 + exp(e[0])); }, {x});
  const Tensor large = Tensor::of<double>({-1000, 0, 1000});
  // exp(1000) overflows; softplus(1000) does not.
  EXPECT_TRUE(close_to(eval(y, {{x, large}}), Tensor::of<double>({0, std::log(2.0), 1000})));
  EXPECT_TRUE(close_to(eval(grad(sum(y), x), {{x, large}}), Tensor::of<double>({0, 0.5, 1})));
}

TEST(Map, RulesReachLoopsInLoops) {
  const Variable x = dmatrix("x");
  const Variable y = map(
      [](const Variables& row) {
        return map([](const Variables& e) { return log(1.0 + exp(e[0])); }, {row[0]});
      },
      {x});
  EXPECT_TRUE(close_to(eval(y, {{x, Tensor::of<double>({{1000, 0}})}}),
                       Tensor::of<double>({{1000, std::log(2.0)}})));
}

TEST(Map, DebugModeComparesRewrittenLoopBodies) {
  const Variable x = dvector("x");
  const Variable y = map([](const Variables& e) { return log(1.0 + exp(e[0])) - e[0] * 1.0; }, {x});
  const Function f = function({x}, {y, grad(sum(y), x)}, {.mode = kDebugMode});
  f(random_tensor({5}));
}

// --- Errors
// ----------------------------------------------------------------------------------------

TEST(MapErrors, NoSequence) {
  expect_error<ShapeError>([] { map([](const Variables& e) { return e; }, {}); },
                           {"map: no sequence to go through"});
}

TEST(MapErrors, ScalarSequence) {
  const Variable x = dscalar("x");
  expect_error<ShapeError>([&] { map([](const Variables& e) { return e[0]; }, {x}); },
                           {"map: sequence 0 is a scalar", "operand 0: x float64 ()", "hint:"});
}

TEST(MapErrors, SequencesOfDifferentFixedLengths) {
  const Variable x = tensor(DType::kFloat64, {3}, "x"), y = tensor(DType::kFloat64, {4}, "y");
  expect_error<ShapeError>(
      [&] {
        map([](const Variables& e) { return e[0] + e[1]; }, {x, y});
      },
      {"map: the sequences differ in length: 3 and 4", "x float64 (3,)", "y float64 (4,)"});
}

TEST(MapErrors, SequencesOfDifferentLengthsAtACall) {
  const Variable x = dvector("x"), y = dvector("y");
  const Variable z = map([](const Variables& e) { return e[0] + e[1]; }, {x, y});
  expect_error<ShapeError>(
      [&] {
        eval(z, {{x, random_tensor({3})}, {y, random_tensor({4})}});
      },
      {"map: the sequences differ in length: 4 and 3"});
}

TEST(MapErrors, FunctionThatReturnsNothing) {
  const Variable x = dvector("x");
  expect_error<TypeError>([&] { map([](const Variables&) { return Variables(); }, {x}); },
                          {"map: the function returned nothing"});
  expect_error<TypeError>([&] { map([](const Variables&) { return Variable(); }, {x}); },
                          {"map: the function returned an undefined Variable"});
}

TEST(MapErrors, IndexOutOfRangeInTheLoop) {
  const Variable x = dvector("x"), indices = lvector("indices");
  const Variable y = map([&](const Variables& e) { return x[e[0]]; }, {indices});
  const Tensor values = Tensor::of<double>({1, 2, 3});
  EXPECT_TRUE(equal_to(eval(y, {{x, values}, {indices, Tensor::of<int64_t>({2, -1})}}),
                       Tensor::of<double>({3, 3})));
  expect_error<ShapeError>(
      [&] {
        eval(y, {{x, values}, {indices, Tensor::of<int64_t>({2, 3})}});
      },
      {"index 3 is out of range for axis 0; the nearest valid one is 2, at element 1 of map"});
}

TEST(MapErrors, ResultsWhoseDimsDependOnElements) {
  const Variable n = lvector("n");
  const Variable y = map([](const Variables& e) { return arange(e[0]); }, {n});
  expect_error<ShapeError>(
      [&] {
        eval(y, {{n, Tensor::of<int64_t>({1, 2})}});
      },
      {"map: the dims of output 0 depend on values of elements"});
}

}  // namespace
}  // namespace bitale
