// Operands of every layout, against a loop over indices: repeated, strided, reversed and transposed
// ones, of rows that are shorter and longer than tiles.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/options.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/subtensor.h"
#include "ops/shape/dimshuffle.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

// A view that an expression takes of an operand.
struct Layout {
  std::string name;
  Dims base;  // of the operand
  std::function<Variable(const Variable&)> view;
  std::function<Tensor(const Tensor&)> same_view;
};

Layout permuted(const Dims& base, const std::vector<int64_t>& order) {
  return {"permuted", base, [order](const Variable& x) { return dimshuffle(x, order); },
          [order](const Tensor& x) { return x.transpose(Dims(order.begin(), order.end())); }};
}

Layout whole(const Dims& base) {
  return {"whole", base, [](const Variable& x) { return x; }, [](const Tensor& x) { return x; }};
}

// The last axis without its first element, every `step`th.
Layout sliced(const Dims& base, int64_t step) {
  return {"by " + std::to_string(step), base,
          [=](const Variable& x) {
            Indices indices(base.size() - 1, slice());
            indices.push_back(step > 0 ? slice(1, none, step) : slice(none, 0, step));
            return subtensor(x, indices);
          },
          [=](const Tensor& x) {
            return step > 0 ? x.slice(-1, 1, std::nullopt, step)
                            : x.slice(-1, std::nullopt, 0, step);
          }};
}

// Small whole numbers, which all dtypes hold.
Tensor numbers(const Dims& shape, int64_t seed) {
  Tensor result = Tensor::empty(DType::kFloat64, shape);
  int64_t i = seed;
  for_each_index(shape, [&](const Dims& at) {
    ++i;
    set_element(result, at, static_cast<double>((i * 31 + i / 17) % 50));
  });
  return result;
}

// x + view(y), alone and as a step of a group that reads the view twice.
void expect_sums(const Layout& layout, const Dims& shape, DType dtype) {
  const auto input = [&](const Dims& dims, const char* name) {
    SymbolicDims symbolic;
    for (int64_t length : dims) symbolic.push_back(length == 1 ? Dim(1) : Dim());
    return tensor(dtype, symbolic, name);
  };
  const Variable x = input(shape, "x");
  const Variable y = input(layout.base, "y");
  const Variable view = layout.view(y);
  const Tensor a = numbers(shape, 1);
  const Tensor b = numbers(layout.base, 5);
  const Tensor seen = layout.same_view(b).broadcast_to(shape);
  const auto results =
      function({x, y}, {x + view, (x + view) + (x - view)})(a.cast(dtype), b.cast(dtype));
  Tensor sum = Tensor::empty(DType::kFloat64, shape);
  for_each_index(shape,
                 [&](const Dims& at) { set_element(sum, at, element(a, at) + element(seen, at)); });
  Tensor twice = Tensor::empty(DType::kFloat64, shape);
  for_each_index(shape, [&](const Dims& at) { set_element(twice, at, 2 * element(a, at)); });
  const std::string where = layout.name + " " + to_string(layout.base) + " to " + to_string(shape);
  EXPECT_TRUE(equal_to(results[0], sum.cast(dtype))) << where;
  EXPECT_TRUE(equal_to(results[1], twice.cast(dtype))) << where;
}

void expect_sums(const Layout& layout, const Dims& shape) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt8, DType::kInt64}) {
    expect_sums(layout, shape, dtype);
  }
}

TEST(Layouts, RowsAndColumnsAreRepeated) {
  for (const Dims& shape : {Dims{700, 3}, Dims{501, 7}, Dims{40, 600}, Dims{9, 1023}, Dims{5, 1024},
                            Dims{3, 1025}, Dims{4, 5000}, Dims{2, 40001}, Dims{0, 3}}) {
    expect_sums(whole({shape[1]}), shape);
    expect_sums(whole({shape[0], 1}), shape);
    expect_sums(whole({1, 1}), shape);
  }
}

TEST(Layouts, ColumnsAreRepeatedToShortRows) {
  for (int64_t length = 1; length <= 17; ++length) {
    for (const int64_t rows : {0, 1, 5, 1030}) expect_sums(whole({rows, 1}), {rows, length});
  }
}

TEST(Layouts, ChannelsAreRepeatedOverImages) {
  for (const Dims& shape :
       {Dims{50, 30, 2, 2}, Dims{31, 60, 5, 3}, Dims{7, 5, 12, 11}, Dims{3, 2, 40, 41}}) {
    expect_sums(whole({shape[1], 1, 1}), shape);
    expect_sums(whole({shape[0], 1, shape[2], 1}), shape);
    expect_sums(whole({1, shape[2], 1}), shape);
  }
}

TEST(Layouts, AxesComeInAnyOrder) {
  expect_sums(permuted({3, 700}, {1, 0}), {700, 3});
  expect_sums(permuted({700, 3}, {1, 0}), {3, 700});
  expect_sums(permuted({90, 70}, {1, 0}), {70, 90});
  expect_sums(permuted({65, 129}, {1, 0}), {129, 65});
  expect_sums(permuted({1500, 37}, {1, 0}), {37, 1500});
  expect_sums(permuted({19, 21, 23}, {2, 1, 0}), {23, 21, 19});
  expect_sums(permuted({130, 5, 70}, {2, 1, 0}), {70, 5, 130});
  expect_sums(permuted({3, 9, 20, 31}, {0, 3, 1, 2}), {3, 31, 9, 20});
  expect_sums(permuted({3, 31, 9, 20}, {0, 2, 3, 1}), {3, 9, 20, 31});
  expect_sums(permuted({1, 90}, {1, 0}), {90, 70});
}

TEST(Layouts, SlicesHaveAnyStep) {
  for (int64_t step : {1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5}) {
    for (const Dims& base :
         {Dims{90, 8}, Dims{301, 16}, Dims{70, 53}, Dims{9, 1100}, Dims{3, 9000}, Dims{20000}}) {
      const Layout layout = sliced(base, step);
      expect_sums(layout, layout.same_view(Tensor::zeros(DType::kInt8, base)).shape());
    }
  }
}

TEST(Layouts, DifferentOnesMeet) {
  // Short rows, a long row, and two transposed operands of different orders.
  const Variable a = dmatrix("a"), b = dmatrix("b"), c = dvector("c");
  const Tensor at_a = numbers({200, 130}, 1);
  const Tensor at_b = numbers({130, 200}, 2);
  const Tensor at_c = numbers({200}, 3);
  const Tensor got = eval(transpose(a) * b + c - transpose(a), {{a, at_a}, {b, at_b}, {c, at_c}});
  for_each_index({130, 200}, [&](const Dims& at) {
    const double x = element(at_a, {at[1], at[0]});
    EXPECT_EQ(element(got, at), x * element(at_b, at) + element(at_c, {at[1]}) - x);
  });
}

TEST(Layouts, ResultsAreTheSameForAnyNumberOfThreads) {
  const Variable x = matrix("x"), y = matrix("y");
  const Function f = function({x, y}, tanh(x + transpose(y)));
  const Tensor a = numbers({700, 301}, 1).cast(DType::kFloat32);
  const Tensor b = numbers({301, 700}, 2).cast(DType::kFloat32);
  const int before = options().threads;
  options().threads = 1;
  const Tensor one = f(a, b).only();
  options().threads = 3;
  const Tensor three = f(a, b).only();
  options().threads = before;
  EXPECT_TRUE(same_bits(one, three));
}

}  // namespace
}  // namespace bitale
