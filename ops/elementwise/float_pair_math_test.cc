// The errors that elementwise.h states for functions of two floats, against the C library in a
// wider type, and their special values.

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ops/elementwise/tiles_cpu.h"
#include "tests/support/float_error.h"

namespace bitale {
namespace {

struct PairCase {
  const char* op;
  double float_error;
  double double_error;
  Exact (*exact)(Exact, Exact);
  double low = -20;  // of both operands
  double high = 20;
};

void PrintTo(const PairCase& pair_case, std::ostream* out) { *out << pair_case.op; }

Exact exact_mod(Exact a, Exact b) {
  const Exact rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(Exact(0), b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}
Exact exact_leaky_relu(Exact x, Exact alpha) { return x > 0 ? x : alpha * x; }

const PairCase kPairCases[] = {
    {"add", 0.5, 0.51, [](Exact a, Exact b) { return a + b; }},
    {"sub", 0.5, 0.51, [](Exact a, Exact b) { return a - b; }},
    {"mul", 0.5, 0.51, [](Exact a, Exact b) { return a * b; }},
    {"true_div", 0.5, 0.51, [](Exact a, Exact b) { return a / b; }},
    {"mod", 0.5, 0.51, exact_mod},
    {"pow", 0.51, 0.8, std::pow, 0, 20},
    {"atan2", 1.6, 1.6, std::atan2},
    {"leaky_relu", 0.5, 0.51, exact_leaky_relu},
};

template <typename T>
std::vector<T> run_tile(const std::string& op, const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> y(a.size());
  const void* in[] = {a.data(), b.data()};
  TileRegistrar::find(op)->table()[dtype_of<T>](static_cast<int64_t>(a.size()), y.data(), in);
  return y;
}

template <typename T>
void expect_within(const PairCase& pair_case, const std::vector<T>& a, const std::vector<T>& b,
                   double bound) {
  const std::vector<T> y = run_tile(pair_case.op, a, b);
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const Exact exact = pair_case.exact(static_cast<Exact>(a[i]), static_cast<Exact>(b[i]));
    const double error = error_in_ulp(y[i], exact);
    if (error <= worst) continue;
    worst = error;
    at = i;
  }
  EXPECT_LE(worst, bound) << pair_case.op << "(" << a[at] << ", " << b[at] << ")";
  testing::Test::RecordProperty(std::string("ulp_") + std::string(name_of(dtype_of<T>)),
                                std::to_string(worst));
}

class FloatPairMath : public testing::TestWithParam<PairCase> {};

template <typename T>
void expect_pairs_within(const PairCase& pair_case, double bound) {
  std::vector<T> a;
  std::vector<T> b;
  Numbers numbers;
  for (int i = 0; i < 200'000; ++i) {
    a.push_back(numbers.of_any_bits<T>());
    b.push_back(numbers.of_any_bits<T>());
    a.push_back(static_cast<T>(numbers.between(pair_case.low, pair_case.high)));
    b.push_back(static_cast<T>(numbers.between(pair_case.low, pair_case.high)));
    // Of all magnitudes, not far from each other.
    const double size = numbers.with_exponents(-100, 100);
    a.push_back(static_cast<T>(size));
    b.push_back(static_cast<T>(size * numbers.with_exponents(-8, 8)));
  }
  expect_within(pair_case, a, b, bound);
}

TEST_P(FloatPairMath, Float32OverAllExponents) {
  expect_pairs_within<float>(GetParam(), GetParam().float_error);
}

TEST_P(FloatPairMath, Float64OverAllExponents) {
  expect_pairs_within<double>(GetParam(), GetParam().double_error);
}

template <typename T>
void expect_special_pairs(const PairCase& pair_case, double bound) {
  std::vector<T> a;
  std::vector<T> b;
  for (const T x : special_values<T>()) {
    for (const T y : special_values<T>()) {
      a.push_back(x);
      b.push_back(y);
    }
  }
  expect_within(pair_case, a, b, bound);
  const std::vector<T> y = run_tile(pair_case.op, a, b);
  for (size_t i = 0; i < a.size(); ++i) {
    const Exact exact = pair_case.exact(static_cast<Exact>(a[i]), static_cast<Exact>(b[i]));
    if (std::isnan(exact)) continue;
    EXPECT_EQ(std::signbit(y[i]), std::signbit(exact)) << a[i] << ", " << b[i];
  }
}

TEST_P(FloatPairMath, SpecialValues) {
  expect_special_pairs<float>(GetParam(), GetParam().float_error);
  expect_special_pairs<double>(GetParam(), GetParam().double_error);
}

INSTANTIATE_TEST_SUITE_P(Functions, FloatPairMath, testing::ValuesIn(kPairCases),
                         [](const auto& info) { return std::string(info.param.op); });

// Results as large as floats go, where errors of the logarithm count most.
template <typename T>
void expect_large_powers(double bound) {
  const double greatest = std::numeric_limits<T>::max_exponent;
  std::vector<T> a;
  std::vector<T> b;
  Numbers numbers;
  for (int i = 0; i < 200'000; ++i) {
    const double base = i % 2 == 0 ? numbers.between(0.5, 2) : 1 + numbers.with_exponents(-20, -2);
    a.push_back(static_cast<T>(base));
    b.push_back(static_cast<T>(numbers.between(-1.1, 1.1) * greatest / std::log2(base)));
  }
  expect_within(PairCase{"pow", bound, bound, std::pow}, a, b, bound);
}

TEST(Power, LargeResultsAreAsAccurate) {
  expect_large_powers<float>(0.51);
  expect_large_powers<double>(0.8);
}

TEST(Power, OfNegativeNumbersByWholeExponents) {
  std::vector<double> a;
  std::vector<double> b;
  Numbers numbers;
  for (int exponent = -40; exponent <= 40; ++exponent) {
    for (int i = 0; i < 500; ++i) {
      a.push_back(-numbers.between(0.1, 10));
      b.push_back(exponent);
    }
  }
  expect_within(PairCase{"pow", 0.8, 0.8, std::pow}, a, b, 0.8);
}

TEST(FloorQuotient, IsTheWholeNumberBelowTheExactQuotient) {
  std::vector<double> a;
  std::vector<double> b;
  Numbers numbers;
  for (int i = 0; i < 200'000; ++i) {
    const double divisor = numbers.with_exponents(-20, 20);
    // Quotients of all sizes, every other one next to a whole number.
    const double quotient = numbers.with_exponents(-4, 50);
    b.push_back(divisor);
    a.push_back(divisor * (i % 2 == 0 ? quotient : std::floor(quotient)));
  }
  const std::vector<double> y = run_tile("int_div", a, b);
  for (size_t i = 0; i < a.size(); ++i) {
    const Exact x = a[i];
    const Exact whole = (x - exact_mod(x, b[i])) / Exact(b[i]);
    ASSERT_EQ(y[i], static_cast<double>(std::round(whole))) << a[i] << " / " << b[i];
  }
}

// Where neither operand is so small or so large that a product is not normal.
template <typename T>
void expect_elu_within(double bound) {
  std::vector<T> x;
  std::vector<T> alpha;
  Numbers numbers;
  for (int i = 0; i < 200'000; ++i) {
    x.push_back(
        static_cast<T>(i % 2 == 0 ? numbers.between(-20, 1) : numbers.with_exponents(-30, 9)));
    alpha.push_back(static_cast<T>(numbers.between(0.1, 3)));
  }
  const auto exact = [](Exact a, Exact b) { return a > 0 ? a : b * std::expm1(a); };
  expect_within(PairCase{"elu", bound, bound, exact}, x, alpha, bound);
}

TEST(Elu, IsAsAccurateAsExpm1) {
  expect_elu_within<float>(2.1);
  expect_elu_within<double>(2.7);
}

// As in float_math_test.cc.
TEST(RarePairs, ChangeNoOtherResult) {
  for (const char* op : {"mod", "int_div"}) {
    std::vector<double> a(300);
    std::vector<double> b(300, 0.7);
    for (size_t i = 0; i < a.size(); ++i) a[i] = 1.3 * static_cast<double>(i) - 100;
    const std::vector<double> usual = run_tile(op, a, b);
    a[7] = 1e300;
    b[200] = 0;
    const std::vector<double> mixed = run_tile(op, a, b);
    for (size_t i = 0; i < a.size(); ++i) {
      if (i != 7 && i != 200) {
        EXPECT_EQ(mixed[i], usual[i]) << op << "(" << a[i] << ")";
      }
    }
  }
}

}  // namespace
}  // namespace bitale
