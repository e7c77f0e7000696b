// Positions of maxima, and planes made of them.

#include "ops/pool/positions.h"

#include <limits>
#include <vector>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/tensor/random_state.h"
#include "gtest/gtest.h"
#include "ops/pool/maxima_cpu.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr PoolOptions kEveryColumn = {.stride = {2, 1}};

TEST(MaxPoolPositions, CountsAlongTheRowsOfThePlane) {
  const Tensor x = Tensor::of<float>({{1, 2, 0, 0}, {3, 0, 0, 5}, {0, 7, 0, 0}, {0, 0, 6, 0}});
  EXPECT_TRUE(
      equal_to(eval(max_pool_positions(x, {2, 2})), Tensor::of<int32_t>({{4, 7}, {9, 14}})));
  EXPECT_TRUE(equal_to(eval(max_pool_positions(x, {2, 2}, kEveryColumn)),
                       Tensor::of<int32_t>({{4, 1, 7}, {9, 9, 14}})));
}

TEST(MaxPoolPositions, GivesTheFirstOfEqualsAndNaNBeforeNumbers) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::of<double>({{1, 1, nan, inf, -inf, -inf}, {1, 1, nan, 9, -inf, -inf}});
  EXPECT_TRUE(equal_to(eval(max_pool_positions(x, {2, 2})), Tensor::of<int32_t>({{0, 2, 4}})));
}

TEST(MaxPoolPositions, WorksOnEveryRealDtypeAndLeadingAxes) {
  const Tensor planes = Tensor::of<int64_t>({1, 2, 3, 4, 4, 3, 2, 1}).reshape({2, 2, 2});
  for (const DType dtype : {DType::kInt8, DType::kUint16, DType::kInt64, DType::kFloat32}) {
    EXPECT_TRUE(equal_to(eval(max_pool_positions(planes.cast(dtype), {2, 2})),
                         Tensor::of<int32_t>({3, 0}).reshape({2, 1, 1})));
  }
}

TEST(MaxPoolPositions, OfNoPlanesAreNone) {
  EXPECT_EQ(eval(max_pool_positions(Tensor::zeros(DType::kFloat32, {0, 4, 4}), {2, 2})).shape(),
            Dims({0, 2, 2}));
}

TEST(MaxUnpool, PutsMaximaBackWhereTheyStood) {
  const Tensor x = Tensor::of<double>({{1, 2, 0, 0}, {3, 0, 0, 5}});
  const Variable image = constant(x);
  const Variable maxima = pool_2d(image, {2, 2}), places = max_pool_positions(image, {2, 2});
  EXPECT_TRUE(equal_to(eval(max_unpool(maxima, places, 2, 4)),
                       Tensor::of<double>({{0, 0, 0, 0}, {3, 0, 0, 5}})));
}

TEST(MaxUnpool, AddsUpWhatMeetsAtOnePosition) {
  const Tensor values = Tensor::of<double>({{1, 2, 4}});
  EXPECT_TRUE(equal_to(eval(max_unpool(values, Tensor::of<int32_t>({{3, 0, 3}}), 2, 2)),
                       Tensor::of<double>({{2, 0}, {0, 5}})));
}

TEST(MaxUnpool, RefusesWhatIsNoPosition) {
  const Variable values = matrix("values");
  expect_error<TypeError>([&] { max_unpool(values, matrix("places"), 2, 2); },
                          {"max_unpool: positions must be integers"});
  expect_error<ShapeError>([&] { max_unpool(values, ivector("places"), 2, 2); },
                           {"max_unpool: values and positions have different ranks"});
  expect_error<ExecutionError>(
      [&] { eval(max_unpool(Tensor::of<double>({{1}}), Tensor::of<int32_t>({{4}}), 2, 2)); },
      {"out of range"});
}

}  // namespace

// What finds maxima for every kernel, against the definition.
namespace pool_cpu {
namespace {

// Of few different numbers, so that many are equal; some are NaN or infinite.
template <typename T>
std::vector<T> image_of(int64_t size, uint32_t seed) {
  RandomState rng(seed);
  std::vector<T> image;
  for (const double number : rng.randint(-3, 4, {size}).to_vector<double>()) {
    image.push_back(number == 3   ? std::numeric_limits<T>::quiet_NaN()
                    : number == 2 ? std::numeric_limits<T>::infinity()
                                  : static_cast<T>(number));
  }
  return image;
}

template <typename T>
void expect_maxima(const PoolWindow& window, int64_t height, int64_t width) {
  SCOPED_TRACE(::testing::Message() << height << " by " << width << ", windows of " << window.ws[0]
                                    << " by " << window.ws[1]);
  const Dims pooled = {window.output_length(0, height), window.output_length(1, width)};
  const Lengths l(window, {height, width}, pooled);
  const auto count = static_cast<size_t>(l.output_size());
  for (uint32_t seed = 0; seed < 6; ++seed) {
    const std::vector<T> image = image_of<T>(height * width, seed);
    std::vector<T> maxima(count), alone(count);
    std::vector<int32_t> positions(count, -1);
    find_maxima<T>(l, {image.data(), 0, height}, 0, pooled[0], maxima.data(), positions.data());
    find_maxima<T>(l, {image.data(), 0, height}, 0, pooled[0], alone.data(), nullptr);
    // Row by row, of the rows that each row of windows covers.
    std::vector<int32_t> by_rows(count, -1);
    for (int64_t row = 0; row < pooled[0]; ++row) {
      const Window w = l.window_at(row, 0);
      find_maxima<T>(l, {image.data() + w.top * width, w.top, w.bottom}, row, row + 1, nullptr,
                     by_rows.data() + row * pooled[1]);
    }
    EXPECT_EQ(positions, by_rows);
    // Behind other planes, with a gap between them.
    const int64_t stride = height * width + 3;
    std::vector<T> planes(static_cast<size_t>(3 * stride), T{0});
    for (int64_t plane = 0; plane < 3; ++plane) {
      std::copy(image.begin(), image.end(), planes.begin() + plane * stride);
    }
    std::vector<int32_t> of_planes(3 * count, -1), of_three;
    find_maxima<T>(l, {planes.data(), 0, height, 3, stride}, 0, pooled[0], nullptr,
                   of_planes.data());
    for (int plane = 0; plane < 3; ++plane) {
      of_three.insert(of_three.end(), positions.begin(), positions.end());
    }
    EXPECT_EQ(of_planes, of_three);
    l.for_each_window([&](const Window& w, int64_t at) {
      int64_t best = w.top * width + w.left;
      for (int64_t y = w.top; y < w.bottom; ++y) {
        for (int64_t x = w.left; x < w.right; ++x) {
          if (wins(image[static_cast<size_t>(y * width + x)], image[static_cast<size_t>(best)])) {
            best = y * width + x;
          }
        }
      }
      const auto i = static_cast<size_t>(at);
      ASSERT_EQ(positions[i], best) << "window " << at;
      const T largest = image[static_cast<size_t>(best)];
      for (const T found : {maxima[i], alone[i]}) {
        EXPECT_TRUE(found == largest || (found != found && largest != largest)) << "window " << at;
      }
    });
  }
}

TEST(FindMaxima, TakesAnyWindowStrideAndWidth) {
  for (const PoolWindow& window :
       {PoolWindow{{2, 2}, {2, 2}, {0, 0}, true}, PoolWindow{{3, 3}, {3, 3}, {0, 0}, true},
        PoolWindow{{3, 3}, {2, 2}, {0, 0}, true}, PoolWindow{{3, 2}, {2, 1}, {0, 0}, true},
        PoolWindow{{1, 7}, {1, 3}, {0, 0}, true}, PoolWindow{{2, 2}, {2, 2}, {0, 0}, false},
        PoolWindow{{3, 3}, {2, 2}, {1, 2}, true}, PoolWindow{{2, 3}, {3, 4}, {0, 0}, false},
        PoolWindow{{1, 1}, {1, 1}, {0, 0}, true}}) {
    for (int64_t width = 7; width < 60; ++width) {
      expect_maxima<float>(window, 7, width);
      expect_maxima<double>(window, 6, width);
    }
  }
}

}  // namespace
}  // namespace pool_cpu
}  // namespace bitale
