#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "ops/elementwise/divisor_cpu.h"

namespace bitale {
namespace {

void expect_as_divided(int64_t number, int64_t value) {
  const auto [quotient, remainder] = Divisor(value).divide(number);
  EXPECT_EQ(quotient, number / value) << number << " / " << value;
  EXPECT_EQ(remainder, number % value) << number << " / " << value;
}

TEST(Divisor, DividesLikeTheMachineAroundMultiplesAndBorders) {
  const int64_t border = int64_t{1} << 31;
  const std::vector<int64_t> values = {1,
                                       2,
                                       3,
                                       7,
                                       8,
                                       641,
                                       65535,
                                       65537,
                                       border - 1,
                                       border,
                                       border + 1,
                                       3 * border,
                                       border * border};
  for (const int64_t value : values) {
    for (const int64_t number : values) {
      for (const int64_t beside : {-1, 0, 1}) {
        expect_as_divided(number + beside, value);
        const int64_t multiple = number / value * value;
        if (multiple + beside >= 0) expect_as_divided(multiple + beside, value);
      }
    }
  }
}

TEST(Divisor, DividesLikeTheMachineAnywhere) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const int value_bits = 33 + static_cast<int>(random() % 31);
    const int64_t value = 1 + static_cast<int64_t>(random() >> value_bits);
    const int64_t number = static_cast<int64_t>(random() >> (1 + random() % 63));
    expect_as_divided(number, value);
    expect_as_divided(number / value * value, value);
  }
}

}  // namespace
}  // namespace bitale
