#include "ops/indexing/subtensor.h"

#include <optional>
#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "gtest/gtest.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

using Bound = std::optional<int64_t>;

// Python's slice.indices, by the letter of its documentation.
std::vector<int64_t> positions(int64_t length, Bound start, Bound stop, int64_t step) {
  const int64_t lower = step < 0 ? -1 : 0;
  const int64_t upper = step < 0 ? length - 1 : length;
  const auto place = [&](Bound bound, int64_t absent) {
    if (!bound) return absent;
    int64_t at = *bound;
    if (at < 0) {
      at += length;
      if (at < lower) at = lower;
    } else if (at > upper) {
      at = upper;
    }
    return at;
  };
  const int64_t first = place(start, step < 0 ? upper : lower);
  const int64_t last = place(stop, step < 0 ? lower : upper);
  std::vector<int64_t> result;
  for (int64_t i = first; step > 0 ? i < last : i > last; i += step) result.push_back(i);
  return result;
}

Tensor rows(const Tensor& x, const std::vector<int64_t>& at) {
  Dims shape = x.shape();
  shape[0] = static_cast<int64_t>(at.size());
  Tensor result = Tensor::zeros(DType::kFloat64, shape);
  for_each_index(shape, [&](const Dims& to) {
    Dims from = to;
    from[0] = at[static_cast<size_t>(to[0])];
    set_element(result, to, element(x, from));
  });
  return result;
}

SliceBound to_bound(Bound bound) { return bound ? SliceBound(*bound) : SliceBound(none); }

TEST(Subtensor, SlicesAsPython) {
  const Bound bounds[] = {std::nullopt, 0, 1, 4, 5, 9, -1, -5, -6};
  const Tensor value = random_tensor({5, 2});
  const Variable x = dmatrix("x");
  const Variable fixed = tensor(DType::kFloat64, {5, 2}, "fixed");
  for (const int64_t step : {1, 2, -1, -2, 7}) {
    Variables parts;
    std::vector<Tensor> expected;
    for (const Bound start : bounds) {
      for (const Bound stop : bounds) {
        expected.push_back(rows(value, positions(5, start, stop, step)));
        parts.push_back(x[slice(to_bound(start), to_bound(stop), step)]);
        // What the type says of a fixed axis is the same arithmetic.
        EXPECT_EQ(fixed[slice(to_bound(start), to_bound(stop), step)].type().dims[0],
                  Dim(expected.back().shape()[0]));
      }
    }
    const Results results = function({x}, parts)(value);
    for (size_t i = 0; i < parts.size(); ++i) {
      EXPECT_TRUE(equal_to(results[i], expected[i])) << parts[i].owner()->op().str();
    }
  }
}

TEST(Subtensor, SymbolicBoundsFollowTheSameRules) {
  const Variable x = dmatrix("x");
  const Variable start = lscalar("start");
  const Variable stop = iscalar("stop");
  const Tensor value = random_tensor({5, 2});
  for (const int64_t step : {1, 2, -1, -3}) {
    const Function f = function({x, start, stop}, x[slice(start, stop, step)]);
    for (int64_t a = -7; a <= 7; ++a) {
      for (int64_t b = -7; b <= 7; ++b) {
        EXPECT_TRUE(equal_to(f(value, a, static_cast<int32_t>(b)).only(),
                             rows(value, positions(5, a, b, step))))
            << a << " " << b << " " << step;
      }
    }
  }
}

TEST(Subtensor, ValuesAndDerivatives) {
  const auto check = [](const char* name, const Indices& indices, const auto& oracle) {
    run_op_case({.name = name,
                 .inputs = {random_tensor({4, 5, 3})},
                 .build = [&](const Variables& v) { return subtensor(v[0], indices); },
                 .oracle = [&](const std::vector<Tensor>& x) { return oracle(x[0]); }});
  };
  check("integer", {2}, [](const Tensor& x) { return x.select(0, 2).copy(); });
  check("negative integer", {-1}, [](const Tensor& x) { return x.select(0, 3).copy(); });
  check("two integers", {1, -2},
        [](const Tensor& x) { return x.select(0, 1).select(0, 3).copy(); });
  check("all integers", {1, 2, 0},
        [](const Tensor& x) { return x.select(0, 1).select(0, 2).select(0, 0).copy(); });
  check("slices with steps", {slice(1, none, 2), slice(none, none, -1)},
        [](const Tensor& x) { return x.slice(0, 1, std::nullopt, 2).slice(1, {}, {}, -1).copy(); });
  check("integer between slices", {slice(0, 2), 3, slice(1, 3)},
        [](const Tensor& x) { return x.slice(0, 0, 2).slice(2, 1, 3).select(1, 3).copy(); });
  check("ellipsis", {ellipsis, 1}, [](const Tensor& x) { return x.select(2, 1).copy(); });
  check("ellipsis of nothing", {0, ellipsis, slice(), 1},
        [](const Tensor& x) { return x.select(2, 1).select(0, 0).copy(); });
  check("new axes", {newaxis, 1, slice(), newaxis}, [](const Tensor& x) {
    return x.select(0, 1).copy().reshape({1, 5, 1, 3});
  });
  check("empty", {slice(3, 1)}, [](const Tensor& x) { return x.slice(0, 3, 1).copy(); });
  check("whole", {slice()}, [](const Tensor& x) { return x.copy(); });
}

TEST(Subtensor, OfAnEmptyTensor) {
  run_op_case({.name = "slices of nothing",
               .inputs = {random_tensor({0, 3})},
               .build = [](const Variables& v) { return v[0][slice(none, none, -1)]; },
               .oracle = [](const std::vector<Tensor>& x) { return x[0].copy(); }});
}

TEST(Subtensor, MinibatchesNeedNoNewProgram) {
  const Tensor data = random_tensor({10, 2});
  const Variable train = shared(data);
  const Variable x = dmatrix("x");
  const Variable index = lscalar("index");
  const int batch = 4;
  const Function f = function({index}, x * 2.0,
                              {.givens = {{x, train[slice(index * batch, (index + 1) * batch)]}}});
  for (int64_t i = 0; i < 3; ++i) {
    const std::vector<int64_t> at = positions(10, i * batch, (i + 1) * batch, 1);
    EXPECT_TRUE(
        equal_to(f(i).only(), map_elements(rows(data, at), [](double v) { return 2 * v; })));
  }
}

TEST(Subtensor, IntegersOfTheGraphSelect) {
  const Variable x = dmatrix("x");
  const Variable i = lscalar("i");
  const Function f = function({x, i}, x[{slice(), i}]);
  const Tensor value = random_tensor({2, 3});
  for (int64_t k = -3; k < 3; ++k) {
    EXPECT_TRUE(equal_to(f(value, k).only(), value.select(1, k < 0 ? k + 3 : k).copy())) << k;
  }
  for (const int64_t k : {int64_t{3}, int64_t{-4}}) {
    expect_error<ShapeError>(
        [&] { f(value, k); },
        {"subtensor: index " + std::to_string(k) + " is out of range for axis 1", "-length"},
        SourceSite::current(__builtin_FILE(), __builtin_LINE() - 8));
  }
  expect_error<ShapeError>(
      [&] {
        f(random_tensor({2, 0}), int64_t{0});
      },
      {"subtensor: "}, SourceSite::current(__builtin_FILE(), __builtin_LINE() - 12));
}

TEST(Subtensor, ElementsOfAShapeReachDims) {
  const Variable x = dmatrix("x");
  const Variable y = dvector("y");
  const Function f = function({x, y}, y[slice(none, shape(x)[1])]);
  EXPECT_EQ(f(random_tensor({2, 3}), random_tensor({7})).only().shape(), Dims({3}));
}

TEST(Subtensor, RefusesBadIndices) {
  const Variable x = tensor(DType::kFloat32, {4, Dim()}, "x");
  expect_error<ShapeError>([&] { x[{0, 0, 0}]; }, {"subtensor: too many indices: 3 for rank 2"});
  expect_error<ShapeError>([&] { x[{ellipsis, ellipsis}]; }, {"2 ellipses, only one"});
  expect_error<ShapeError>([&] { x[slice(0, 3, 0)]; }, {"the slice of axis 0 has step 0"});
  expect_error<ShapeError>([&] { x[4]; }, {"index 4 is out of range for axis 0 of length 4"});
  expect_error<ShapeError>([&] { x[-5]; }, {"index -5 is out of range for axis 0 of length 4"});
  expect_error<TypeError>(
      [&] { x[dscalar("i")]; },
      {"an index or a bound of a slice must be an integer scalar, not float64"});
  expect_error<TypeError>([&] { x[dvector("i")]; },
                          {"an index must be an integer array, not float64 (?,)"});
  expect_error<TypeError>([&] { x[tensor(DType::kBool, {4}, "mask")]; },
                          {"an index must be an integer array, not bool (4,)", "where"});
}

TEST(SetSubtensor, ReplacesThePartAlone) {
  const auto expected = [](const std::vector<Tensor>& x, bool increment) {
    Tensor result = x[0].copy();
    for_each_index({2, 3}, [&](const Dims& at) {
      const Dims to = {3 - 2 * at[0], at[1] + 1};
      set_element(result, to, element(x[1], at) + (increment ? element(x[0], to) : 0.0));
    });
    return result;
  };
  for (const bool increment : {false, true}) {
    run_op_case({.name = increment ? "increment" : "set",
                 .inputs = {random_tensor({4, 5}, -1, 1, 1), random_tensor({2, 3}, -1, 1, 2)},
                 .build =
                     [=](const Variables& v) {
                       const Indices part = {slice(none, none, -2), slice(1, 4)};
                       return increment ? inc_subtensor(v[0], part, v[1])
                                        : set_subtensor(v[0], part, v[1]);
                     },
                 .oracle = [&](const std::vector<Tensor>& x) { return expected(x, increment); }});
  }
}

TEST(SetSubtensor, BroadcastsTheValue) {
  run_op_case({.name = "a vector into all rows",
               .inputs = {random_tensor({4, 3}), random_tensor({3}, -1, 1, 2)},
               .build = [](const Variables& v) { return inc_subtensor(v[0][slice(1, 3)], v[1]); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = x[0].copy();
                     for_each_index({2, 3}, [&](const Dims& at) {
                       const Dims to = {at[0] + 1, at[1]};
                       set_element(result, to, element(x[0], to) + element(x[1], {at[1]}));
                     });
                     return result;
                   }});
  const Variable x = ivector("x");
  EXPECT_TRUE(
      equal_to(eval(set_subtensor(x[slice(1, none)], 7), {{x, Tensor::of<int32_t>({1, 2, 3})}}),
               Tensor::of<int32_t>({1, 7, 7})));
}

TEST(SetSubtensor, WritesWhereSymbolicIntegersSay) {
  const Variable x = dmatrix("x");
  const Variable i = lscalar("i");
  const Variable v = dvector("v");
  const Function f = function({x, i, v}, set_subtensor(x[{i, slice(i, none)}], v));
  const Tensor value = random_tensor({3, 4});
  const Tensor part = Tensor::of<double>({10, 20});
  Tensor expected = value.copy();
  set_element(expected, {2, 2}, 10);
  set_element(expected, {2, 3}, 20);
  EXPECT_TRUE(equal_to(f(value, int64_t{2}, part).only(), expected));
  expect_error<ShapeError>([&] { f(value, int64_t{1}, part); },
                           {"the value does not fill the part that is written: lengths differ"},
                           SourceSite::current(__builtin_FILE(), __builtin_LINE() - 8));
}

TEST(SetSubtensor, LeavesItsOperandAlone) {
  const Variable x = dvector("x");
  const Variable y = set_subtensor(x[0], 5.0);
  const Variable shifted = set_subtensor(x[slice(1, none)], x[slice(none, -1)]);
  const Tensor value = Tensor::of<double>({1, 2, 3});
  const Results results = function({x}, {y, x + 0.0, shifted})(value);
  EXPECT_TRUE(equal_to(results[0], Tensor::of<double>({5, 2, 3})));
  EXPECT_TRUE(equal_to(results[1], Tensor::of<double>({1, 2, 3})));
  EXPECT_TRUE(equal_to(results[2], Tensor::of<double>({1, 1, 2})));
  EXPECT_TRUE(equal_to(value, Tensor::of<double>({1, 2, 3})));
}

TEST(SetSubtensor, OfEveryDType) {
  for (const DType dtype : kAllDTypes) {
    const Variable x = tensor(dtype, {3}, "x");
    const Tensor value = Tensor::of<int64_t>({1, 0, 1}).cast(dtype);
    const Tensor one = Tensor::ones(dtype, {1});
    EXPECT_TRUE(equal_to(eval(set_subtensor(x, {slice(1, 2)}, constant(one)), {{x, value}}),
                         Tensor::of<int64_t>({1, 1, 1}).cast(dtype)))
        << name_of(dtype);
    if (dtype == DType::kBool) continue;
    EXPECT_TRUE(equal_to(eval(inc_subtensor(x, {slice(none, none, 2)}, 1), {{x, value}}),
                         Tensor::of<int64_t>({2, 0, 2}).cast(dtype)))
        << name_of(dtype);
  }
}

TEST(SetSubtensor, RefusesValuesThatDoNotFit) {
  const Variable x = tensor(DType::kInt32, {4, 5}, "x");
  expect_error<TypeError>([&] { set_subtensor(x[0], 1.5); },
                          {"set_subtensor: a value of dtype float32 would lose precision"});
  expect_error<ShapeError>([&] { set_subtensor(x, {0}, tensor(DType::kInt32, {4}, "v")); },
                           {"set_subtensor: the value has dims (4,), the part (5,)"});
  expect_error<ShapeError>(
      [&] {
        set_subtensor(x, {0}, tensor(DType::kInt32, {4, 5}, "v"));
      },
      {"set_subtensor: the value has rank 2, the part has rank 1"});
  expect_error<TypeError>([&] { inc_subtensor(x, 1); },
                          {"inc_subtensor: cannot tell which tensor x is a part of"});
}

}  // namespace
}  // namespace bitale
