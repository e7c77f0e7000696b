// The errors that float_math_functors.h states, against the C library in a wider type; and that
// tiles, which compute several elements at once, give each the bits of its functor.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>
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

struct MathCase {
  const char* op;
  double float_error;  // in units in the last place
  double double_error;
  long double (*exact)(long double);
};

void PrintTo(const MathCase& math_case, std::ostream* out) { *out << math_case.op; }

template <typename T>
std::vector<T> run_tile(const std::string& op, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  const void* in[] = {x.data()};
  TileRegistrar::find(op)->table()[dtype_of<T>](static_cast<int64_t>(x.size()), y.data(), in);
  return y;
}

// Distance from the exact value in units in the last place of T.
template <typename T>
double error_in_ulp(T got, long double exact) {
  if (std::isnan(exact)) return std::isnan(got) ? 0 : INFINITY;
  const T rounded = static_cast<T>(exact);
  if (got == rounded) return 0;
  if (std::isnan(got) || std::isinf(got) || std::isinf(rounded)) return INFINITY;
  int exponent = 0;
  std::frexp(exact, &exponent);
  exponent = std::max(exponent, std::numeric_limits<T>::min_exponent);
  const long double unit = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::abs((static_cast<long double>(got) - exact) / unit));
}

template <typename T>
void expect_within(const MathCase& math_case, const std::vector<T>& x, double bound) {
  const std::vector<T> y = run_tile(math_case.op, x);
  double worst = 0;
  T at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = error_in_ulp(y[i], math_case.exact(static_cast<long double>(x[i])));
    if (error <= worst) continue;
    worst = error;
    at = x[i];
  }
  EXPECT_LE(worst, bound) << math_case.op << "(" << at << ")";
  testing::Test::RecordProperty(std::string("ulp_") + std::string(name_of(dtype_of<T>)),
                                std::to_string(worst));
}

class FloatMath : public testing::TestWithParam<MathCase> {};

TEST_P(FloatMath, Float32OverAllExponents) {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 8191) {
    float value = 0;
    const auto pattern = static_cast<uint32_t>(bits);
    std::memcpy(&value, &pattern, sizeof(value));
    x.push_back(value);
  }
  expect_within(GetParam(), x, GetParam().float_error);
}

TEST_P(FloatMath, Float64OverAllExponents) {
  std::vector<double> x;
  uint64_t state = 1;
  for (int i = 0; i < 400'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    double value = 0;
    std::memcpy(&value, &state, sizeof(value));
    // Every other one in the range where the functions differ most from their limits.
    const double unit = static_cast<double>(state >> 11) * 0x1p-53;
    x.push_back(i % 2 == 0 ? value : 40 * unit - 20);
  }
  expect_within(GetParam(), x, GetParam().double_error);
}

TEST_P(FloatMath, SpecialValues) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {0.0f,   -0.0f,   inf,    -inf,    std::nanf(""), 1.0f,    -1.0f,
                                1e-45f, -1e-45f, 1e-38f, -1e-38f, 88.7f,         -103.9f, 3e38f};
  expect_within(GetParam(), x, GetParam().float_error);
  const std::vector<float> y = run_tile(GetParam().op, x);
  for (size_t i = 0; i < 2; ++i) {
    const long double exact = GetParam().exact(static_cast<long double>(x[i]));
    EXPECT_EQ(std::signbit(y[i]), std::signbit(exact)) << x[i];
  }
}

TEST_P(FloatMath, OneResultAtAnyPlaceInATile) {
  for (const size_t count : {1, 3, 8, 17, 64}) {
    const std::vector<double> y = run_tile(GetParam().op, std::vector<double>(count, 0.3));
    for (const double value : y) EXPECT_EQ(value, y[0]);
  }
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
  uint64_t state = 7;
  while (x.size() < count) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto unit = static_cast<T>(static_cast<double>(state >> 11) * 0x1p-53);
    x.push_back(x.size() % 2 == 0 ? from_pattern<T>(state >> (64 - 8 * sizeof(T)))
                                  : T(200) * unit - T(100));
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

INSTANTIATE_TEST_SUITE_P(Functions, FloatMath,
                         testing::Values(MathCase{"exp", 1.0, 1.1, std::exp},
                                         MathCase{"expm1", 1.5, 2.1, std::expm1},
                                         MathCase{"log", 1.0, 1.0, std::log},
                                         MathCase{"log1p", 1.6, 1.6, std::log1p},
                                         MathCase{"tanh", 2.4, 2.4, std::tanh}),
                         [](const auto& info) { return std::string(info.param.op); });

}  // namespace
}  // namespace bitale
