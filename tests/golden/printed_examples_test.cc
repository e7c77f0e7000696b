// The examples that the tutorial prints: max-pooling, dimshuffle, and the convolution of an image.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/pool/pool.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

// Maxima of 2 by 2 windows, by the definition.
Tensor pooled(const Tensor& x, bool ignore_border) {
  const int64_t rows = ignore_border ? x.dim(2) / 2 : (x.dim(2) + 1) / 2;
  const int64_t columns = ignore_border ? x.dim(3) / 2 : (x.dim(3) + 1) / 2;
  Tensor out = Tensor::full(DType::kFloat64, {x.dim(0), x.dim(1), rows, columns},
                            -std::numeric_limits<double>::infinity());
  for (int64_t n = 0; n < x.dim(0); ++n) {
    for (int64_t c = 0; c < x.dim(1); ++c) {
      for (int64_t i = 0; i < std::min(2 * rows, x.dim(2)); ++i) {
        for (int64_t j = 0; j < std::min(2 * columns, x.dim(3)); ++j) {
          double& best = out.at<double>({n, c, i / 2, j / 2});
          best = std::max(best, x.at<double>({n, c, i, j}));
        }
      }
    }
  }
  return out;
}

TEST(PrintedExamples, MaxPoolWithoutAndWithTheBorder) {
  Variable input = dtensor4("input");
  Function f = function({input}, max_pool_2d(input, {2, 2}, /*ignore_border=*/true));
  Function g = function({input}, max_pool_2d(input, {2, 2}, /*ignore_border=*/false));
  RandomState rng(1);
  const Tensor invals = rng.rand({3, 2, 5, 5});
  const Tensor without = f(invals), with = g(invals);
  EXPECT_TRUE(same_bits(without, pooled(invals, true)));
  EXPECT_TRUE(same_bits(with, pooled(invals, false)));
  EXPECT_EQ(invals.select(0, 0).select(0, 0).str(),
            "array([[4.17022005e-01, 7.20324493e-01, 1.14374817e-04, 3.02332573e-01,\n"
            "        1.46755891e-01],\n"
            "       [9.23385948e-02, 1.86260211e-01, 3.45560727e-01, 3.96767474e-01,\n"
            "        5.38816734e-01],\n"
            "       [4.19194514e-01, 6.85219500e-01, 2.04452250e-01, 8.78117436e-01,\n"
            "        2.73875932e-02],\n"
            "       [6.70467510e-01, 4.17304802e-01, 5.58689828e-01, 1.40386939e-01,\n"
            "        1.98101489e-01],\n"
            "       [8.00744569e-01, 9.68261576e-01, 3.13424178e-01, 6.92322616e-01,\n"
            "        8.76389152e-01]])");
  EXPECT_EQ(without.select(0, 0).select(0, 0).str(),
            "array([[0.72032449, 0.39676747],\n"
            "       [0.6852195 , 0.87811744]])");
  EXPECT_EQ(with.select(0, 0).select(0, 0).str(),
            "array([[0.72032449, 0.39676747, 0.53881673],\n"
            "       [0.6852195 , 0.87811744, 0.19810149],\n"
            "       [0.96826158, 0.69232262, 0.87638915]])");
}

struct Shuffle {
  Dims from;
  std::vector<ShuffledAxis> pattern;
  Dims to;
};

TEST(PrintedExamples, Dimshuffle) {
  // Each of the tutorial's patterns, with the shapes that it gives.
  const std::vector<Shuffle> shuffles = {
      {{}, {'x'}, {1}},
      {{5}, {0, 'x'}, {5, 1}},
      {{5}, {'x', 0}, {1, 5}},
      {{2, 3}, {0, 1}, {2, 3}},
      {{2, 3}, {1, 0}, {3, 2}},
      {{2, 3}, {'x', 0, 1}, {1, 2, 3}},
      {{2, 3, 4}, {2, 0, 1}, {4, 2, 3}},
      {{2, 3}, {0, 'x', 1}, {2, 1, 3}},
      {{2, 3}, {1, 'x', 0}, {3, 1, 2}},
      {{20}, {'x', 0, 'x', 'x'}, {1, 20, 1, 1}},
  };
  for (const Shuffle& shuffle : shuffles) {
    RandomState rng(3);
    const Tensor value = rng.rand(shuffle.from);
    Variable x =
        tensor(DType::kFloat64, SymbolicDims(static_cast<size_t>(value.rank()), Dim()), "x");
    const Tensor result = eval(dimshuffle(x, shuffle.pattern), {{x, value}});
    Dims order;
    for (const ShuffledAxis& axis : shuffle.pattern) {
      if (axis.axis() != kNewAxis) order.push_back(axis.axis());
    }
    EXPECT_EQ(result.shape(), shuffle.to);
    EXPECT_TRUE(same_bits(result, value.transpose(order).contiguous().reshape(shuffle.to)));
  }
}

TEST(PrintedExamples, TwoFiltersOfNineByNineOverAnImage) {
  RandomState rng(23455);
  // The tutorial's weights and bias, and an image of three channels.
  const double bound = std::sqrt(3.0 * 9 * 9);
  const Tensor w = rng.uniform(-1.0 / bound, 1.0 / bound, {2, 3, 9, 9});
  const Tensor b = rng.uniform(-.5, .5, {2});
  const Tensor image = rng.rand({1, 3, 120, 160});
  Variable input = dtensor4("input");
  Variable W = shared(w, "W"), bias = shared(b, "b");
  Variable output = sigmoid(conv2d(input, W) + dimshuffle(bias, {'x', 0, 'x', 'x'}));
  const Tensor result = function({input}, output)(image);
  ASSERT_EQ(result.shape(), (Dims{1, 2, 112, 152}));
  double worst = 0;
  for (int64_t k = 0; k < 2; ++k) {
    for (int64_t i = 0; i < 112; ++i) {
      for (int64_t j = 0; j < 152; ++j) {
        double sum = 0;
        for (int64_t c = 0; c < 3; ++c) {
          for (int64_t p = 0; p < 9; ++p) {
            for (int64_t q = 0; q < 9; ++q) {
              sum += w.at<double>({k, c, p, q}) * image.at<double>({0, c, i + 8 - p, j + 8 - q});
            }
          }
        }
        const double expected = 1 / (1 + std::exp(-(sum + b.at<double>({k}))));
        worst = std::max(worst, std::abs(result.at<double>({0, k, i, j}) - expected));
      }
    }
  }
  EXPECT_LT(worst, 1e-12);
}

}  // namespace
}  // namespace bitale
