#include "ops/shape/dimshuffle.h"

#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// Element by element: axis i of the result is axis order[i], kNewAxis a new one.
Tensor shuffled(const Tensor& x, const std::vector<int64_t>& order) {
  Dims shape;
  for (const int64_t axis : order) {
    shape.push_back(axis == kNewAxis ? 1 : x.shape()[static_cast<size_t>(axis)]);
  }
  Tensor result = Tensor::zeros(DType::kFloat64, shape);
  for_each_index(shape, [&](const Dims& to) {
    Dims from(x.shape().size(), 0);
    for (size_t i = 0; i < order.size(); ++i) {
      if (order[i] != kNewAxis) from[static_cast<size_t>(order[i])] = to[i];
    }
    set_element(result, to, element(x, from));
  });
  return result;
}

void check(const Dims& shape, const std::vector<int64_t>& order) {
  run_op_case({.name = "order " + to_string(Dims(order.begin(), order.end())),
               .inputs = {random_tensor(shape)},
               .build = [&](const Variables& v) { return dimshuffle(v[0], order); },
               .oracle = [&](const std::vector<Tensor>& x) { return shuffled(x[0], order); }});
}

TEST(Dimshuffle, MovesMakesAndDropsAxes) {
  check({2, 3}, {1, 0});
  check({2, 3, 4}, {2, 0, 1});
  check({3}, {kNewAxis, 0});
  check({3}, {0, kNewAxis});
  check({2, 3}, {0, kNewAxis, 1});
  check({2, 3}, {kNewAxis, 1, kNewAxis, 0});
  check({1, 3, 1}, {1});
  check({1, 1}, {});
  check({}, {kNewAxis, kNewAxis});
  check({2, 0, 3}, {2, 1, 0});
}

TEST(Dimshuffle, ReadsAsInTheTutorial) {
  const Variable x = tensor(DType::kFloat32, {20, 30}, "x");
  EXPECT_EQ(dimshuffle(x, {0, 'x', 1}).type().str(), "float32 (20, 1, 30)");
  EXPECT_EQ(dimshuffle(x, {1, 0}).type().str(), "float32 (30, 20)");
  EXPECT_EQ(dimshuffle(x, {'x', 0, 1}).type().str(), "float32 (1, 20, 30)");
  const Variable b = tensor(DType::kFloat32, {20}, "b");
  EXPECT_EQ(dimshuffle(b, {'x', 0, 'x', 'x'}).type().str(), "float32 (1, 20, 1, 1)");
}

TEST(Transpose, ReversesOrPermutesAxes) {
  const Tensor value = random_tensor({2, 3, 4});
  const auto values = [&](auto build, const std::vector<int64_t>& order) {
    run_op_case({.name = to_string(Dims(order.begin(), order.end())),
                 .inputs = {value},
                 .build = [&](const Variables& v) { return build(v[0]); },
                 .oracle = [&](const std::vector<Tensor>& x) { return shuffled(x[0], order); }});
  };
  values([](const Variable& x) { return transpose(x); }, {2, 1, 0});
  values([](const Variable& x) { return transpose(x, {1, 2, 0}); }, {1, 2, 0});
  values([](const Variable& x) { return transpose(x, {0, -1, -2}); }, {0, 2, 1});
  values([](const Variable& x) { return swapaxes(x, 0, -1); }, {2, 1, 0});
}

TEST(Squeeze, DropsAxesOfLengthOne) {
  const Variable x = tensor(DType::kFloat32, {1, 3, 1, "n"}, "x");
  EXPECT_EQ(squeeze(x).type().str(), "float32 (3, n)");
  EXPECT_EQ(squeeze(x, {0}).type().str(), "float32 (3, 1, n)");
  EXPECT_EQ(squeeze(x, {-1}).type().str(), "float32 (1, 3, 1)");
}

TEST(Squeeze, AssertsAtTheCallWhatTheTypeDoesNotSay) {
  const Variable x = dmatrix("x");
  const Function f = function({x}, squeeze(x, {1}));
  const Tensor value = random_tensor({3, 1});
  EXPECT_TRUE(equal_to(f(value).only(), value.reshape({3})));
  expect_error<ShapeError>(
      [&] {
        f(random_tensor({3, 2}));
      },
      {"specify_shape: an axis has another length than was specified: 2 and 1"},
      SourceSite::current(__builtin_FILE(), __builtin_LINE() - 5));
}

TEST(ExpandDims, PutsAnAxisAtItsPlaceInTheResult) {
  const Variable x = tensor(DType::kFloat32, {2, 3}, "x");
  EXPECT_EQ(expand_dims(x, 0).type().str(), "float32 (1, 2, 3)");
  EXPECT_EQ(expand_dims(x, 1).type().str(), "float32 (2, 1, 3)");
  EXPECT_EQ(expand_dims(x, -1).type().str(), "float32 (2, 3, 1)");
}

TEST(Dimshuffle, RefusesOrdersThatAreNone) {
  const Variable x = tensor(DType::kFloat32, {2, Dim()}, "x");
  expect_error<ShapeError>(
      [&] {
        dimshuffle(x, {0, 2});
      },
      {"dimshuffle: axis 2 is out of range for rank 2"});
  expect_error<ShapeError>(
      [&] {
        dimshuffle(x, {0, 1, 0});
      },
      {"axis 0 appears twice in the order"});
  expect_error<ShapeError>([&] { dimshuffle(x, {1}); },
                           {"axis 0 is left out, but its length is 2, not 1"});
  expect_error<ShapeError>([&] { dimshuffle(x, {0}); },
                           {"axis 1 is left out, but its length is ?, not 1", "broadcastable"});
  expect_error<ShapeError>([&] { transpose(x, {0}); }, {"transpose: 1 axes for rank 2"});
  expect_error<ShapeError>([&] { expand_dims(x, 4); },
                           {"expand_dims: axis 4 is out of range for 3 axes"});
}

}  // namespace
}  // namespace bitale
