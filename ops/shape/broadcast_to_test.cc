#include "ops/shape/broadcast_to.h"

#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/shape/specify_shape.h"
#include "ops/shape/tile.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// numpy's rule, element by element.
Tensor broadcasted(const Tensor& x, const Dims& shape) {
  Tensor result = Tensor::zeros(DType::kFloat64, shape);
  const size_t lead = shape.size() - x.shape().size();
  for_each_index(shape, [&](const Dims& to) {
    Dims from;
    for (size_t axis = lead; axis < shape.size(); ++axis) {
      from.push_back(x.shape()[axis - lead] == 1 ? 0 : to[axis]);
    }
    set_element(result, to, element(x, from));
  });
  return result;
}

TEST(BroadcastTo, RepeatsNewAxesAndThoseOfLengthOne) {
  const auto check = [](const Dims& from, const Dims& to) {
    run_op_case({.name = to_string(from) + " to " + to_string(to),
                 .inputs = {random_tensor(from)},
                 .build = [&](const Variables& v) { return broadcast_to(v[0], to); },
                 .oracle = [&](const std::vector<Tensor>& x) { return broadcasted(x[0], to); }});
  };
  check({}, {2, 3});
  check({3}, {2, 3});
  check({1, 3}, {4, 3});
  check({2, 1}, {2, 5});
  check({2, 1, 3}, {4, 2, 5, 3});
  check({1}, {0});
  check({0, 1}, {0, 3});
  check({2, 3}, {2, 3});
}

TEST(BroadcastTo, KeepsLengthsOfMinusOne) {
  const Variable x = tensor(DType::kFloat64, {"n", 1}, "x");
  const Variable y = broadcast_to(x, {5, -1, 4});
  EXPECT_EQ(y.type().str(), "float64 (5, n, 4)");
  const Tensor value = random_tensor({3, 1});
  EXPECT_TRUE(equal_to(eval(y, {{x, value}}), broadcasted(value, {5, 3, 4})));
}

TEST(BroadcastTo, RefusesWhatDoesNotBroadcast) {
  const Variable x = tensor(DType::kFloat32, {2, 3}, "x");
  expect_error<ShapeError>(
      [&] {
        broadcast_to(x, {2, 4});
      },
      {"broadcast_to: cannot broadcast (2, 3) to (2, 4): 3 and 4 differ"});
  expect_error<ShapeError>([&] { broadcast_to(x, {3}); }, {"cannot broadcast rank 2 to 1 dims"});
  expect_error<ShapeError>([&] { broadcast_to(x, {-1, 2, 3}); }, {"axis 0 is new"});
  const Variable m = dmatrix("m");
  const Function f = function({m}, broadcast_to(m, {4, 3}));
  expect_error<ShapeError>(
      [&] {
        f(random_tensor({1, 3}));
      },
      {"axis 0 has length 1, which does not broadcast to 4", "broadcastable"},
      SourceSite::current(__builtin_FILE(), __builtin_LINE() - 3));
}

TEST(Broadcastable, FixesALengthOfOneAndChecksIt) {
  const Variable x = dmatrix("x");
  const Variable y = broadcastable(x, 0);
  EXPECT_EQ(y.type().str(), "float64 (1, ?)");
  EXPECT_EQ(unbroadcast(y, 0).type().str(), "float64 (?, ?)");
  EXPECT_TRUE(unbroadcast(x, 0) == x);
  const Function f = function({x}, broadcast_to(y, {3, -1}));
  const Tensor value = random_tensor({1, 4});
  EXPECT_TRUE(equal_to(f(value).only(), broadcasted(value, {3, 4})));
  expect_error<ShapeError>(
      [&] {
        f(random_tensor({2, 4}));
      },
      {"an axis has another length than was specified: 2 and 1"},
      SourceSite::current(__builtin_FILE(), __builtin_LINE() - 9));
}

TEST(SpecifyShape, NarrowsTheTypeAndPassesGradients) {
  run_op_case({.name = "specify and forget",
               .inputs = {random_tensor({1, 4})},
               .build =
                   [](const Variables& v) {
                     return unbroadcast(specify_shape(v[0], {1, 4}), 0);
                   },
               .oracle = [](const std::vector<Tensor>& x) { return x[0].copy(); },
               .dims = {{Dim(), Dim()}}});
  const Variable x = tensor(DType::kFloat32, {3, Dim()}, "x");
  EXPECT_EQ(specify_shape(x, {Dim(), "n"}).type().str(), "float32 (3, n)");
  EXPECT_TRUE(specify_shape(x, {3, Dim()}) == x);
  expect_error<ShapeError>(
      [&] {
        specify_shape(x, {4, Dim()});
      },
      {"specify_shape: axis 0 has length 3, which cannot be 4"});
  expect_error<ShapeError>([&] { specify_shape(x, {3}); }, {"1 dims for rank 2"});
}

TEST(Tile, RepeatsTheWhole) {
  const auto check = [](const Dims& from, const Dims& times) {
    run_op_case({.name = to_string(from) + " times " + to_string(times),
                 .inputs = {random_tensor(from)},
                 .build = [&](const Variables& v) { return tile(v[0], times); },
                 .oracle =
                     [&](const std::vector<Tensor>& x) {
                       const size_t rank = std::max(from.size(), times.size());
                       Dims shape(rank, 1);
                       Dims lengths(rank, 1);
                       for (size_t i = 0; i < from.size(); ++i) {
                         lengths[rank - from.size() + i] = from[i];
                       }
                       for (size_t i = 0; i < rank; ++i) shape[i] = lengths[i];
                       for (size_t i = 0; i < times.size(); ++i) {
                         shape[rank - times.size() + i] *= times[i];
                       }
                       Tensor result = Tensor::zeros(DType::kFloat64, shape);
                       for_each_index(shape, [&](const Dims& to) {
                         Dims at;
                         for (size_t i = rank - from.size(); i < rank; ++i) {
                           at.push_back(to[i] % lengths[i]);
                         }
                         set_element(result, to, element(x[0], at));
                       });
                       return result;
                     }});
  };
  check({3}, {2});
  check({2, 3}, {3, 2});
  check({2, 3}, {2});
  check({3}, {2, 2});
  check({2, 3}, {1, 1});
  check({0, 3}, {2, 2});
  check({2}, {0});
}

TEST(Repeat, RepeatsEachElement) {
  run_op_case({.name = "middle axis",
               .inputs = {random_tensor({2, 3, 4})},
               .build = [](const Variables& v) { return repeat(v[0], 2, 1); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = Tensor::zeros(DType::kFloat64, {2, 6, 4});
                     for_each_index({2, 6, 4}, [&](const Dims& to) {
                       set_element(result, to, element(x[0], {to[0], to[1] / 2, to[2]}));
                     });
                     return result;
                   }});
  EXPECT_TRUE(equal_to(eval(repeat(constant(Tensor::of<int32_t>({1, 2})), 2, 0)),
                       Tensor::of<int32_t>({1, 1, 2, 2})));
}

TEST(Pad, FramesWithTheValue) {
  const auto check = [](double value) {
    run_op_case({.name = "before and after",
                 .inputs = {random_tensor({2, 3})},
                 .build =
                     [=](const Variables& v) {
                       return pad(v[0], {{1, 0}, {2, 3}}, value);
                     },
                 .oracle =
                     [=](const std::vector<Tensor>& x) {
                       Tensor result = Tensor::full(DType::kFloat64, {3, 8}, value);
                       for_each_index({2, 3}, [&](const Dims& at) {
                         set_element(result, {at[0] + 1, at[1] + 2}, element(x[0], at));
                       });
                       return result;
                     }});
  };
  check(0.0);
  check(-1.5);
  const Variable x = tensor(DType::kBool, {2}, "x");
  EXPECT_TRUE(equal_to(eval(pad(x, {{1, 0}}), {{x, Tensor::ones(DType::kBool, {2})}}),
                       Tensor::from(std::vector<bool>{false, true, true}, {3})));
  EXPECT_TRUE(pad(x, {{0, 0}}) == x);
  expect_error<ShapeError>([&] { pad(x, {{1, -2}}); }, {"pad: a width of axis 0 is negative: -2"});
  expect_error<ShapeError>([&] { pad(x, {}); }, {"pad: 0 pairs of widths for rank 1"});
}

}  // namespace
}  // namespace bitale
