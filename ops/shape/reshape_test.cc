#include "ops/shape/reshape.h"

#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/creation/shape_of.h"
#include "ops/shape/dimshuffle.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// Row-major order, whatever the strides.
Tensor reshaped(const Tensor& x, const Dims& shape) {
  return Tensor::from(x.to_vector<double>(), shape);
}

void check(const char* name, const Dims& from, ShapeItems items, const Dims& to,
           std::vector<SymbolicDims> dims = {}) {
  run_op_case({.name = name,
               .inputs = {random_tensor(from)},
               .build = [&](const Variables& v) { return reshape(v[0], items); },
               .oracle = [&](const std::vector<Tensor>& x) { return reshaped(x[0], to); },
               .dims = std::move(dims)});
}

TEST(Reshape, KeepsElementsInRowMajorOrder) {
  check("split an axis", {6, 5}, {2, 3, 5}, {2, 3, 5});
  check("join axes", {2, 3, 5}, {6, 5}, {6, 5});
  check("join and split across", {4, 6}, {8, 3}, {8, 3});
  check("to a vector", {2, 3, 4}, {24}, {24});
  check("ones in between", {2, 1, 3}, {1, 2, 3, 1}, {1, 2, 3, 1});
  check("one element to a scalar", {1, 1}, {}, {});
  check("a scalar to one element", {}, {1, 1}, {1, 1});
}

TEST(Reshape, InfersOneDim) {
  check("last", {2, 3, 4}, {2, -1}, {2, 12});
  check("first", {2, 3, 4}, {-1, 4}, {6, 4});
  check("of nothing else", {2, 3, 4}, {-1}, {24});
  check("beside a static length", {2, 3, 4}, {-1, 4}, {6, 4}, {{"batch", 3, 4}});
}

TEST(Reshape, HandlesEmptyTensors) {
  check("zero stays zero", {0, 4}, {4, 0}, {4, 0});
  check("zero beside others", {3, 0, 2}, {0, 7}, {0, 7});
  check("inferred zero", {3, 0}, {-1, 3}, {0, 3});
}

TEST(Reshape, TakesLengthsFromTheGraph) {
  const Variable n = lscalar("n");
  const Variable x = dmatrix("x");
  const Function f = function({x, n}, reshape(x, {n, 2, -1}));
  const Tensor value = random_tensor({4, 6});
  EXPECT_TRUE(equal_to(f(value, int64_t{4}).only(), reshaped(value, {4, 2, 3})));
  EXPECT_TRUE(equal_to(f(value, int64_t{2}).only(), reshaped(value, {2, 2, 6})));
  expect_error<ShapeError>([&] { f(value, int64_t{5}); },
                           {"do not divide the count of elements: 24 and 20", "reshape"},
                           SourceSite::current(__builtin_FILE(), __builtin_LINE() - 6));
}

TEST(Reshape, TakesLengthsFromAVector) {
  const Variable x = dvector("x");
  const Variable shape = lvector("shape");
  const Function f = function({x, shape}, reshape(x, shape, 2));
  const Tensor value = random_tensor({6});
  EXPECT_TRUE(equal_to(f(value, Tensor::of<int64_t>({2, 3})).only(), reshaped(value, {2, 3})));
  EXPECT_TRUE(equal_to(f(value, Tensor::of<int64_t>({6, 1})).only(), reshaped(value, {6, 1})));
}

TEST(Reshape, KeepsNamesOfDims) {
  const Variable x = tensor(DType::kFloat32, {"batch", 28, 28}, "x");
  EXPECT_EQ(flatten(x, 2).type().str(), "float32 (batch, 784)");
  EXPECT_EQ(reshape(x, {shape(x, 0), 1, 28, -1}).type().str(), "float32 (batch, 1, 28, 28)");
  EXPECT_EQ(reshape(x, {-1, 1, 28, 28}).type().str(), "float32 (?, 1, 28, 28)");
  EXPECT_EQ(reshape_like(flatten(x, 2), x).type().str(), "float32 (batch, 28, 28)");
}

TEST(Flatten, JoinsTheLastAxes) {
  const auto flat = [](const char* name, int64_t ndim, const Dims& from, const Dims& to) {
    run_op_case({.name = name,
                 .inputs = {random_tensor(from)},
                 .build = [=](const Variables& v) { return flatten(v[0], ndim); },
                 .oracle = [=](const std::vector<Tensor>& x) { return reshaped(x[0], to); }});
  };
  flat("to a vector", 1, {2, 3, 4}, {24});
  flat("to a matrix", 2, {2, 3, 4}, {2, 12});
  flat("nothing to do", 3, {2, 3, 4}, {2, 3, 4});
  flat("a scalar", 1, {}, {1});
  flat("no rows", 2, {0, 3, 4}, {0, 12});
}

TEST(Reshape, OfATransposeCopiesInTheOrderOfItsAxes) {
  run_op_case({.name = "transposed, then flat",
               .inputs = {random_tensor({3, 4})},
               .build = [](const Variables& v) { return flatten(transpose(v[0])); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     return reshaped(x[0].transpose().contiguous(), {12});
                   }});
}

TEST(Reshape, RefusesWhatCannotBe) {
  const Variable x = tensor(DType::kFloat32, {6, 4}, "x");
  expect_error<ShapeError>(
      [&] {
        reshape(x, {5, 5});
      },
      {"reshape: the counts of elements differ: (6, 4) does not fill (5, 5)", "x float32 (6, 4)"});
  expect_error<ShapeError>(
      [&] {
        reshape(x, {-1, 5});
      },
      {"the counts of elements differ", "a multiple of", "hint"});
  expect_error<ShapeError>(
      [&] {
        reshape(x, {-1, -1});
      },
      {"2 dims are -1, only one can be inferred"});
  expect_error<ShapeError>([&] { reshape(x, {-3, 8}); }, {"the length of axis 0 is negative: -3"});
  expect_error<ShapeError>([&] { reshape(x, {-2, 12}); }, {"the length of axis 0 is negative: -2"});
  expect_error<TypeError>(
      [&] {
        reshape(x, {dscalar("n"), 4});
      },
      {"a length must be an integer scalar, not float64 ()"});
  expect_error<ShapeError>([&] { flatten(x, 3); }, {"flatten: cannot make 3 dims of rank 2"});
}

TEST(Reshape, OfEveryDTypeMovesBits) {
  for (const DType dtype : kAllDTypes) {
    const Tensor value = Tensor::arange(DType::kInt64, 12).cast(dtype);
    const Variable x = tensor(dtype, {Dim()}, "x");
    const Tensor result = eval(transpose(reshape(x, {3, 4})), {{x, value}});
    EXPECT_TRUE(equal_to(result, value.reshape({3, 4}).transpose().copy())) << name_of(dtype);
  }
}

}  // namespace
}  // namespace bitale
