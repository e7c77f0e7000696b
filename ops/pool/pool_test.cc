#include "ops/pool/pool.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/grad.h"
#include "autograd/pushforward.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "gtest/gtest.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

struct Row {
  Dims image;
  std::array<int64_t, 2> ws;
  PoolOptions options;
  Dims output;  // as Theano's pool_2d gives it
};

// All windows, strides and borders that differ in kind.
std::vector<Row> rows() {
  return {
      {{2, 3, 6, 8}, {2, 2}, {}, {2, 3, 3, 4}},
      {{3, 7, 9}, {2, 2}, {}, {3, 3, 4}},
      {{3, 7, 9}, {2, 2}, {.ignore_border = false}, {3, 4, 5}},
      {{6, 8}, {2, 2}, {.ignore_border = false}, {3, 4}},
      {{7, 11}, {3, 2}, {}, {2, 5}},
      {{7, 11}, {3, 2}, {.ignore_border = false}, {3, 6}},
      {{7, 11}, {3, 4}, {.stride = {2, 3}}, {3, 3}},
      {{8, 12}, {3, 4}, {.ignore_border = false, .stride = {2, 3}}, {4, 4}},
      {{7, 11}, {2, 2}, {.stride = {3, 4}}, {2, 3}},
      {{8, 13}, {2, 2}, {.ignore_border = false, .stride = {3, 4}}, {3, 4}},
      {{2, 5, 7}, {3, 4}, {.stride = {1, 2}, .pad = {1, 2}}, {2, 5, 4}},
      {{5, 6}, {2, 2}, {.pad = {1, 1}}, {3, 4}},
      {{1, 1, 4, 1}, {2, 1}, {}, {1, 1, 2, 1}},
      {{2, 3}, {4, 4}, {}, {0, 0}},
      {{2, 3}, {4, 4}, {.ignore_border = false}, {1, 1}},
      {{0, 4, 6}, {2, 2}, {}, {0, 2, 3}},
  };
}

// Calls visit(values of the window that lie in the image, cells of it in the padded image).
template <typename Visit>
Tensor naive_pool(const Row& row, const Tensor& x, Visit&& visit) {
  Tensor out = Tensor::zeros(DType::kFloat64, row.output);
  const size_t rank = row.image.size();
  const std::array<int64_t, 2> stride =
      row.options.stride == std::array<int64_t, 2>{0, 0} ? row.ws : row.options.stride;
  for_each_index(row.output, [&](const Dims& index) {
    std::vector<double> values;
    int64_t cells = 0;
    for (int64_t y = 0; y < row.ws[0]; ++y) {
      for (int64_t x_offset = 0; x_offset < row.ws[1]; ++x_offset) {
        Dims at = index;
        const int64_t padded_y = index[rank - 2] * stride[0] + y;
        const int64_t padded_x = index[rank - 1] * stride[1] + x_offset;
        at[rank - 2] = padded_y - row.options.pad[0];
        at[rank - 1] = padded_x - row.options.pad[1];
        if (padded_y >= row.image[rank - 2] + 2 * row.options.pad[0] ||
            padded_x >= row.image[rank - 1] + 2 * row.options.pad[1]) {
          continue;
        }
        ++cells;
        if (at[rank - 2] < 0 || at[rank - 2] >= row.image[rank - 2] || at[rank - 1] < 0 ||
            at[rank - 1] >= row.image[rank - 1]) {
          continue;
        }
        values.push_back(element(x, at));
      }
    }
    set_element(out, index, visit(values, cells));
  });
  return out;
}

double total(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum;
}

template <typename Visit>
void expect_pool(PoolMode mode, const char* name, Visit visit) {
  for (Row row : rows()) {
    row.options.mode = mode;
    const bool empty = element_count(row.output) == 0;
    run_op_case(
        {.name = std::string(name) + " " + to_string(row.image) + " to " + to_string(row.output),
         .inputs = {mode == PoolMode::kL2 ? random_tensor(row.image, 1, 2)
                                          : distinct_tensor(row.image)},
         .build = [row](const Variables& v) { return pool_2d(v[0], row.ws, row.options); },
         .oracle = [row,
                    visit](const std::vector<Tensor>& x) { return naive_pool(row, x[0], visit); },
         .gradient = !empty,
         .second_order = !empty,
         .pushforward = !empty});
  }
}

TEST(Pool2d, MaxTakesTheLargest) {
  expect_pool(PoolMode::kMax, "max", [](const std::vector<double>& values, int64_t) {
    return *std::max_element(values.begin(), values.end());
  });
}

TEST(Pool2d, SumAddsAll) {
  expect_pool(PoolMode::kSum, "sum",
              [](const std::vector<double>& values, int64_t) { return total(values); });
}

TEST(Pool2d, AverageIncPadCountsPadding) {
  expect_pool(PoolMode::kAverageIncPad, "average_inc_pad",
              [](const std::vector<double>& values, int64_t cells) {
                return total(values) / static_cast<double>(cells);
              });
}

TEST(Pool2d, AverageExcPadCountsElements) {
  expect_pool(PoolMode::kAverageExcPad, "average_exc_pad",
              [](const std::vector<double>& values, int64_t) {
                return total(values) / static_cast<double>(values.size());
              });
}

TEST(Pool2d, L2IsTheRootOfTheSumOfSquares) {
  expect_pool(PoolMode::kL2, "l2", [](const std::vector<double>& values, int64_t) {
    double sum = 0;
    for (double value : values) sum += value * value;
    return std::sqrt(sum);
  });
}

TEST(Pool2d, L2HasDerivativesOfZeroAtAWindowOfZeros) {
  const Variable x = dmatrix("x"), t = dmatrix("t");
  const Tensor at = Tensor::of<double>({{0, 0, 3, 0}, {0, 0, 0, 4}});
  const Tensor ones = Tensor::ones(DType::kFloat64, {2, 4});
  const Variable y = pool_2d(x, {2, 2}, {.mode = PoolMode::kL2});
  const Variable gradient = grad(sum(y), x);
  for (const Mode& mode : {kFastRun, kFastCompile}) {
    const auto value = [&](const Variable& v) { return eval(v, {{x, at}, {t, ones}}, mode); };
    EXPECT_TRUE(close_to(value(y), Tensor::of<double>({{0, 5}})));
    EXPECT_TRUE(close_to(value(gradient), Tensor::of<double>({{0, 0, 0.6, 0}, {0, 0, 0, 0.8}})));
    EXPECT_TRUE(close_to(value(rop(y, x, t)), Tensor::of<double>({{0, 1.4}})));
    EXPECT_TRUE(close_to(value(grad(sum(gradient), x)),
                         Tensor::of<double>({{0, 0, 0.032, 0.2}, {0, 0, 0.2, -0.024}})));
  }
}

// 2 by 2 windows have a kernel of their own; 1 by 4 windows of the same elements have not.
const Tensor& tied() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  static const Tensor image = Tensor::of<float>({{1, 1, 3, 5, nan, 9, 2, nan},  //
                                                 {1, 1, 5, 5, 9, nan, nan, 4}});
  return image;
}

TEST(MaxPool, NaNWins) {
  const Variable x = fmatrix("x");
  auto f = function({x}, pool_2d(x, {2, 2}));
  const Tensor out = f(tied());
  EXPECT_EQ(out.at<float>({0, 0}), 1.0f);
  EXPECT_EQ(out.at<float>({0, 1}), 5.0f);
  EXPECT_TRUE(std::isnan(out.at<float>({0, 2})));
  EXPECT_TRUE(std::isnan(out.at<float>({0, 3})));
}

TEST(MaxPoolGrad, GoesToTheFirstMaximumInRowMajorOrder) {
  const Variable x = fmatrix("x"), g = fmatrix("g");
  const Tensor grad = Tensor::of<float>({{1, 2, 3, 4}});
  const Tensor expected = Tensor::of<float>({{1, 0, 0, 2, 3, 0, 0, 4},  //
                                             {0, 0, 0, 0, 0, 0, 0, 0}});
  auto f = function({x, g}, max_pool_grad(x, g, {2, 2}));
  EXPECT_TRUE(same_bits(f(tied(), grad), expected));
  // A window that is cut short goes the general way.
  auto general = function({x, g}, max_pool_grad(x, g, {3, 2}, {.ignore_border = false}));
  EXPECT_TRUE(same_bits(general(tied(), grad), expected));
}

TEST(MaxPoolGrad, OverlappingWindowsAdd) {
  const Variable x = fmatrix("x"), g = fmatrix("g");
  auto f = function({x, g}, max_pool_grad(x, g, {1, 2}, {.stride = {1, 1}}));
  EXPECT_TRUE(same_bits(f(Tensor::of<float>({{1, 7, 2}}), Tensor::of<float>({{10, 20}})),
                        Tensor::of<float>({{0, 30, 0}})));
}

TEST(MaxPool, PoolsIntegers) {
  const Variable x = tensor(DType::kInt32, {2, 4}, "x");
  auto f = function({x}, pool_2d(x, {2, 2}));
  EXPECT_TRUE(same_bits(f(Tensor::of<int32_t>({{1, -5, 3, 4}, {2, 0, 9, -1}})),
                        Tensor::of<int32_t>({{2, 9}})));
}

TEST(MaxPool2d, IsTheTutorialsSpelling) {
  const Variable x = tensor(DType::kFloat32, {3, 2, 5, 5}, "x");
  EXPECT_EQ(max_pool_2d(x, {2, 2}, false).type(), fixed_type(DType::kFloat32, {3, 2, 3, 3}));
  EXPECT_EQ(max_pool_2d(x, {2, 2}, true).type(), fixed_type(DType::kFloat32, {3, 2, 2, 2}));
}

TEST(Pool2d, RefusesWhatItCannotPool) {
  const Variable v = fvector("v"), x = fmatrix("x"), i = imatrix("i");
  expect_error<ShapeError>(
      [&] {
        pool_2d(v, {2, 2});
      },
      {"max_pool: needs at least 2 axes, not 1", "operand 0: v float32 (?,)"});
  expect_error<TypeError>(
      [&] {
        pool_2d(i, {2, 2}, {.mode = PoolMode::kSum});
      },
      {"average_pool: needs a floating dtype, not int32"});
  expect_error<GraphError>(
      [&] {
        pool_2d(x, {0, 2});
      },
      {"pool_2d: the window must be at least 1 long, not 0"});
  expect_error<GraphError>(
      [&] {
        pool_2d(x, {2, 2}, {.stride = {1, -1}});
      },
      {"pool_2d: the stride must be at least 1, not -1"});
  expect_error<GraphError>(
      [&] {
        pool_2d(x, {2, 2}, {.pad = {2, 0}});
      },
      {"pool_2d: the pad must be smaller than the window and not negative: pad 2, window 2"});
  expect_error<GraphError>(
      [&] {
        pool_2d(x, {2, 2}, {.ignore_border = false, .pad = {1, 0}});
      },
      {"pool_2d: padding needs ignore_border = true"});
  const Variable image = tensor(DType::kFloat32, {4, 6}, "image");
  const Variable g = tensor(DType::kFloat32, {3, 3}, "g");
  expect_error<ShapeError>(
      [&] {
        max_pool_grad(image, g, {2, 2});
      },
      {"max_pool_grad: output_grad has another shape than the pooled image: (3, 3) and (2, 3)"});
}

}  // namespace
}  // namespace bitale
