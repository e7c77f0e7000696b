// Tiles, which compute several elements at once, give each the bits of its functor.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ops/elementwise/activation_functors.h"
#include "ops/elementwise/tiles_cpu.h"
#include "ops/elementwise/transcendental_functors.h"
#include "ops/elementwise/vocabulary_cpu.h"

namespace bitale {
namespace {

template <typename T>
std::vector<T> run_tile(const std::string& op, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  const void* in[] = {x.data()};
  TileRegistrar::find(op)->table()[dtype_of<T>](static_cast<int64_t>(x.size()), y.data(), in);
  return y;
}

template <typename T>
T from_pattern(uint64_t pattern) {
  T value = 0;
  std::memcpy(&value, &pattern, sizeof(value));  // of a float: the lower half
  return value;
}

// Patterns of all kinds of numbers, and around 0 where the functions have most to do.
template <typename T>
std::vector<T> numbers_of_all_kinds(size_t count) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x = {T(0),
                      -T(0),
                      Limits::infinity(),
                      -Limits::infinity(),
                      Limits::quiet_NaN(),
                      -Limits::quiet_NaN(),
                      Limits::denorm_min(),
                      -Limits::denorm_min(),
                      Limits::min(),
                      -Limits::min(),
                      Limits::max(),
                      Limits::lowest(),
                      T(1),
                      T(-1)};
  // Around square roots of powers of two, where logarithms take the next power.
  for (const int power : {0, 1, -7, 90, Limits::min_exponent + 3, Limits::min_exponent - 9}) {
    T near = std::ldexp(std::sqrt(T(2)), power);
    for (int i = 0; i < 3; ++i) near = std::nextafter(near, T(0));
    for (int i = 0; i < 6; ++i) x.push_back(near = std::nextafter(near, Limits::max()));
  }
  uint64_t state = 7;
  const auto unit = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<T>(static_cast<double>(state >> 11) * 0x1p-53);
  };
  // Subnormal numbers, and exponents of which exp is subnormal or nearly infinite.
  const T widest = -std::log(Limits::denorm_min()) + T(2);
  for (int i = 0; i < 200; ++i) {
    x.push_back(unit() * Limits::min());
    x.push_back(widest * (T(2) * unit() - T(1)));
  }
  while (x.size() < count) {
    const T number = T(200) * unit() - T(100);
    x.push_back(x.size() % 2 == 0 ? from_pattern<T>(state >> (64 - 8 * sizeof(T))) : number);
  }
  x.resize(count);
  return x;
}

template <typename F, typename T>
void expect_bits_of_functor(const std::string& op) {
  for (const size_t count : {0, 1, 3, 7, 8, 15, 16, 31, 32, 33, 47, 64, 100, 4099}) {
    const std::vector<T> x = numbers_of_all_kinds<T>(count);
    const std::vector<T> y = run_tile(op, x);
    for (size_t i = 0; i < count; ++i) {
      const T expected = F()(x[i]);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(y[i])) << op << "(" << x[i] << ") is " << y[i];
      } else {
        EXPECT_EQ(std::memcmp(&y[i], &expected, sizeof(T)), 0)
            << op << "(" << x[i] << ") is " << y[i] << " at " << i << " of " << count;
      }
    }
    // A tile may be written over its operand.
    std::vector<T> over = x;
    const void* in[] = {over.data()};
    TileRegistrar::find(op)->table()[dtype_of<T>](static_cast<int64_t>(count), over.data(), in);
    EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(over)), std::as_bytes(std::span(y))))
        << op;
  }
}

template <typename F>
void expect_bits_of_functor(const std::string& op) {
  expect_bits_of_functor<F, float>(op);
  expect_bits_of_functor<F, double>(op);
}

TEST(FloatTiles, GiveTheBitsOfTheirFunctors) {
  expect_bits_of_functor<scalar::Exp>("exp");
  expect_bits_of_functor<scalar::Expm1>("expm1");
  expect_bits_of_functor<scalar::Log>("log");
  expect_bits_of_functor<scalar::Log1p>("log1p");
  expect_bits_of_functor<scalar::Tanh>("tanh");
  expect_bits_of_functor<scalar::Sigmoid>("sigmoid");
  expect_bits_of_functor<scalar::Softplus>("softplus");
}

}  // namespace
}  // namespace bitale
