#include "ops/shape/concatenate.h"

#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/creation/shape_of.h"
#include "ops/shape/reshape.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

Tensor joined(const std::vector<Tensor>& parts, size_t axis) {
  Dims shape = parts[0].shape();
  shape[axis] = 0;
  for (const Tensor& part : parts) shape[axis] += part.shape()[axis];
  Tensor result = Tensor::zeros(DType::kFloat64, shape);
  int64_t start = 0;
  for (const Tensor& part : parts) {
    for_each_index(part.shape(), [&](const Dims& from) {
      Dims to = from;
      to[axis] += start;
      set_element(result, to, element(part, from));
    });
    start += part.shape()[axis];
  }
  return result;
}

TEST(Concatenate, PutsOperandsOneBehindTheOther) {
  const auto check = [](const std::vector<Dims>& shapes, int64_t axis) {
    std::vector<Tensor> inputs;
    std::string name = "axis " + std::to_string(axis);
    for (const Dims& shape : shapes) {
      inputs.push_back(random_tensor(shape, -1, 1, inputs.size() + 1));
      name += " " + to_string(shape);
    }
    const size_t place = static_cast<size_t>(axis < 0 ? axis + 3 : axis);
    run_op_case({.name = name,
                 .inputs = inputs,
                 .build = [=](const Variables& v) { return concatenate(v, axis); },
                 .oracle = [=](const std::vector<Tensor>& x) { return joined(x, place); }});
  };
  check({{2, 3, 4}, {5, 3, 4}}, 0);
  check({{2, 3, 4}, {2, 1, 4}, {2, 5, 4}}, 1);
  check({{2, 3, 4}, {2, 3, 2}}, -1);
  check({{0, 3, 4}, {2, 3, 4}}, 0);
  check({{2, 0, 4}, {2, 0, 4}}, 1);
  check({{2, 3, 4}}, 2);
}

TEST(Concatenate, PromotesAndKnowsFixedLengths) {
  const Variable a = tensor(DType::kInt32, {2, "n"}, "a");
  const Variable b = tensor(DType::kFloat32, {3, Dim()}, "b");
  EXPECT_EQ(concatenate({a, b}).type().str(), "float32 (5, n)");
  EXPECT_EQ(concatenate({a, a}, 1).type().str(), "int32 (2, ?)");
  EXPECT_TRUE(equal_to(eval(concatenate({constant(Tensor::of<int8_t>({1, 2})),
                                         constant(Tensor::of<int16_t>({300}))})),
                       Tensor::of<int16_t>({1, 2, 300})));
}

TEST(Concatenate, RefusesLengthsThatDiffer) {
  const Variable a = tensor(DType::kFloat32, {2, 3}, "a");
  const Variable b = tensor(DType::kFloat32, {2, 4}, "b");
  expect_error<ShapeError>(
      [&] {
        concatenate({a, b}, 0);
      },
      {"concatenate: axis 1 has length 4 in operand 1, 3 before; only axis 0"});
  expect_error<ShapeError>(
      [&] {
        concatenate({a, vector("v")}, 0);
      },
      {"operand 1 has rank 1, operand 0 has rank 2"});
  expect_error<ShapeError>(
      [&] {
        concatenate({a, b}, 2);
      },
      {"concatenate: axis 2 is out of range for 2 axes"});
  expect_error<ShapeError>([&] { concatenate(Variables{}, 0); }, {"nothing to join"});
  const Variable x = dmatrix("x");
  const Variable y = dmatrix("y");
  const Function f = function({x, y}, concatenate({x, y}, 1));
  expect_error<ShapeError>(
      [&] {
        f(random_tensor({2, 3}), random_tensor({4, 3}));
      },
      {"lengths differ beside the axis that is joined: 2 and 4"},
      SourceSite::current(__builtin_FILE(), __builtin_LINE() - 3));
}

TEST(Stack, MakesANewAxis) {
  run_op_case(
      {.name = "last axis",
       .inputs = {random_tensor({2, 3}, -1, 1, 1), random_tensor({2, 3}, -1, 1, 2)},
       .build = [](const Variables& v) { return stack(v, -1); },
       .oracle =
           [](const std::vector<Tensor>& x) {
             Tensor result = Tensor::zeros(DType::kFloat64, {2, 3, 2});
             for_each_index({2, 3, 2}, [&](const Dims& at) {
               set_element(result, at, element(x[static_cast<size_t>(at[2])], {at[0], at[1]}));
             });
             return result;
           }});
  EXPECT_EQ(stack({dscalar("a"), dscalar("b")}).type().str(), "float64 (2,)");
}

TEST(Split, GivesPartsThatConcatenateBack) {
  run_op_case({.name = "three parts, last two exchanged",
               .inputs = {random_tensor({2, 7})},
               .build =
                   [](const Variables& v) {
                     const Variables parts = split(v[0], {1, 4, 2}, 1);
                     return concatenate({parts[0], parts[2], parts[1]}, 1);
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     return joined({x[0].slice(1, 0, 1).copy(), x[0].slice(1, 5, 7).copy(),
                                    x[0].slice(1, 1, 5).copy()},
                                   1);
                   }});
}

TEST(Split, RefusesLengthsThatDoNotSumToTheAxis) {
  const Variable fixed = tensor(DType::kFloat64, {7}, "x");
  expect_error<ShapeError>(
      [&] {
        split(fixed, {3, 3});
      },
      {"split: the lengths (3, 3) sum to 6, axis 0 has length 7"});
  const Variable x = dvector("x");
  const Variable n = lscalar("n");
  const Function f = function({x, n}, split(x, {n, 2})[0]);
  EXPECT_EQ(f(random_tensor({5}), int64_t{3}).only().shape(), Dims({3}));
  expect_error<ShapeError>([&] { f(random_tensor({5}), int64_t{2}); },
                           {"split: the lengths (?, 2) sum to 4, axis 0 has length 5"},
                           SourceSite::current(__builtin_FILE(), __builtin_LINE() - 4));
  expect_error<ShapeError>([&] { f(random_tensor({5}), int64_t{-2}); },
                           {"split: a length is negative: -2"},
                           SourceSite::current(__builtin_FILE(), __builtin_LINE() - 7));
}

TEST(Concatenate, CarriesHostIntegers) {
  // A shape made of parts reaches the dims of a reshape.
  const Variable x = dmatrix("x");
  const Variable target = concatenate({shape(x), make_vector({1})});
  const Function f = function({x}, reshape(x, target, 3));
  EXPECT_EQ(f(random_tensor({2, 3})).only().shape(), Dims({2, 3, 1}));
}

}  // namespace
}  // namespace bitale
