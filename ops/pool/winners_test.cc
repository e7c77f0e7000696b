#include <cmath>
#include <limits>
#include <vector>

#include "core/tensor/random_state.h"
#include "gtest/gtest.h"
#include "ops/pool/winners_cpu.h"

namespace bitale::pool_cpu {
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
void expect_winners(const PoolWindow& window, int64_t height, int64_t width) {
  const Dims pooled = {window.output_length(0, height), window.output_length(1, width)};
  const Lengths l(window, {height, width}, pooled);
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const std::vector<T> image = image_of<T>(height * width, seed);
    std::vector<int32_t> winners(static_cast<size_t>(l.output_size()), -1);
    find_winners(l, image.data(), winners.data());
    l.for_each_window([&](const Window& w, int64_t position) {
      ASSERT_EQ(winners[static_cast<size_t>(position)], argmax(l, w, image.data()))
          << height << " by " << width << ", window " << position;
    });
  }
}

TEST(FindWinners, FindsTheFirstMaximumAndNaNBeforeNumbers) {
  constexpr PoolWindow kTwo = {{2, 2}, {2, 2}, {0, 0}, true};
  for (int64_t width = 2; width < 50; ++width) {
    expect_winners<float>(kTwo, 5, width);
    expect_winners<double>(kTwo, 4, width);
  }
}

TEST(FindWinners, TakesAnyWindow) {
  for (const PoolWindow& window :
       {PoolWindow{{3, 2}, {2, 1}, {0, 0}, true}, PoolWindow{{2, 2}, {2, 2}, {0, 0}, false},
        PoolWindow{{2, 2}, {2, 2}, {1, 1}, true}, PoolWindow{{2, 3}, {3, 4}, {0, 0}, false}}) {
    expect_winners<float>(window, 9, 13);
    expect_winners<double>(window, 9, 13);
  }
}

}  // namespace
}  // namespace bitale::pool_cpu
