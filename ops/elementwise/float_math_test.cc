// The errors that elementwise.h states for functions of floats, against the C library in a wider
// type, and their special values.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ops/elementwise/tiles_cpu.h"
#include "tests/support/float_error.h"

namespace bitale {
namespace {

struct MathCase {
  const char* op;
  double float_error;  // in units in the last place
  double double_error;
  Exact (*exact)(Exact);
  double low = -20;  // where the function differs most from its limits
  double high = 20;
};

void PrintTo(const MathCase& math_case, std::ostream* out) { *out << math_case.op; }

Exact exact_sigmoid(Exact x) { return 1 / (1 + std::exp(-x)); }
Exact exact_softplus(Exact x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

const MathCase kMathCases[] = {
    {"sqrt", 0.5, 0.5, std::sqrt},
    {"exp", 1.0, 1.1, std::exp},
    {"expm1", 1.5, 2.2, std::expm1},
    {"log", 0.8, 0.9, std::log, 0.3, 3},
    {"log1p", 1.6, 1.6, std::log1p, -0.9, 3},
    {"log2", 0.8, 0.8, std::log2, 0.3, 3},
    {"log10", 0.8, 0.8, std::log10, 0.3, 3},
    {"sin", 0.9, 1.0, std::sin},
    {"cos", 0.9, 1.0, std::cos},
    {"tan", 1.2, 1.2, std::tan},
    {"asin", 1.2, 1.2, std::asin, -1, 1},
    {"acos", 1.2, 1.2, std::acos, -1, 1},
    {"atan", 1.0, 1.0, std::atan, -4, 4},
    {"sinh", 1.0, 1.0, std::sinh},
    {"cosh", 1.0, 1.0, std::cosh},
    {"tanh", 2.0, 2.2, std::tanh, -2, 2},
    {"erf", 1.3, 1.3, std::erf, -6, 6},
    {"erfc", 1.3, 1.3, std::erfc, -6, 28},
    {"sigmoid", 1.7, 1.7, exact_sigmoid},
    {"softplus", 2.1, 2.0, exact_softplus},
};

// Functions of pairs, stated in float_pair_math_test.cc.
const char* const kPairFunctions[] = {"add", "atan2", "elu", "leaky_relu", "mod",
                                      "mul", "pow",   "sub", "true_div"};

// Functions whose results are exact but for one rounding, or no floats.
const char* const kExactFunctions[] = {
    "abs",        "cast",        "ceil",   "clip",    "eq",      "floor",       "ge",
    "gt",         "int_div",     "isinf",  "isnan",   "le",      "logical_and", "logical_not",
    "logical_or", "logical_xor", "lt",     "maximum", "minimum", "neg",         "neq",
    "relu",       "round",       "second", "sgn",     "sqr",     "trunc",       "where"};

template <typename T>
std::vector<T> run_tile(const std::string& op, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  const void* in[] = {x.data()};
  TileRegistrar::find(op)->table()[dtype_of<T>](static_cast<int64_t>(x.size()), y.data(), in);
  return y;
}

// Around where implementations change from one formula to another.
template <typename T>
void add_neighbours(std::vector<T>& x) {
  for (const double place :
       {0.5, 0.546875, 1.0, 1.8125, 4.0, 10.1, 0.70710678118654752, 1.0 / 3, 1.4142135623730951,
        0x1p16, 0x1p30, 0x1.02f52ap+1, 27.2, 88.7, 89.4, 103.9, 709.78, 710.47, 745.1}) {
    for (const double sign : {1.0, -1.0}) {
      T value = static_cast<T>(sign * place);
      for (int i = 0; i < 8; ++i) value = std::nextafter(value, T(0));
      for (int i = 0; i < 16; ++i) {
        x.push_back(value);
        value = std::nextafter(value, static_cast<T>(sign * INFINITY));
      }
    }
  }
  // What lies nearest to zeros of sine and cosine, and to changes of e^x's power of two.
  for (int i = 1; i < 3000; ++i) {
    x.push_back(static_cast<T>(i * 1.5707963267948966));
    x.push_back(static_cast<T>(i * 0.34657359027997264));
  }
}

std::vector<float> float_operands(const MathCase& math_case) {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 8191) {
    float value = 0;
    const auto pattern = static_cast<uint32_t>(bits);
    std::memcpy(&value, &pattern, sizeof(value));
    x.push_back(value);
  }
  Numbers numbers;
  for (int i = 0; i < 300'000; ++i) {
    x.push_back(static_cast<float>(numbers.between(math_case.low, math_case.high)));
  }
  add_neighbours(x);
  return x;
}

std::vector<double> double_operands(const MathCase& math_case) {
  std::vector<double> x;
  Numbers numbers;
  for (int i = 0; i < 200'000; ++i) {
    x.push_back(numbers.of_any_bits<double>());
    x.push_back(numbers.between(math_case.low, math_case.high));
    x.push_back(numbers.between(math_case.low, math_case.high));
    x.push_back(numbers.with_exponents(-30, 10));
  }
  add_neighbours(x);
  return x;
}

template <typename T>
void expect_within(const MathCase& math_case, const std::vector<T>& x, double bound) {
  const std::vector<T> y = run_tile(math_case.op, x);
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = error_in_ulp(y[i], math_case.exact(static_cast<Exact>(x[i])));
    if (error <= worst) continue;
    worst = error;
    at = i;
  }
  EXPECT_LE(worst, bound) << math_case.op << "(" << x[at] << ")";
  testing::Test::RecordProperty(std::string("ulp_") + std::string(name_of(dtype_of<T>)),
                                std::to_string(worst));
}

class FloatMath : public testing::TestWithParam<MathCase> {};

TEST_P(FloatMath, Float32OverAllExponents) {
  expect_within(GetParam(), float_operands(GetParam()), GetParam().float_error);
}

TEST_P(FloatMath, Float64OverAllExponents) {
  expect_within(GetParam(), double_operands(GetParam()), GetParam().double_error);
}

template <typename T>
void expect_special_values(const MathCase& math_case, double bound) {
  const std::vector<T> x = special_values<T>();
  expect_within(math_case, x, bound);
  const std::vector<T> y = run_tile(math_case.op, x);
  for (size_t i = 0; i < x.size(); ++i) {
    const Exact exact = math_case.exact(static_cast<Exact>(x[i]));
    if (std::isnan(exact)) continue;
    EXPECT_EQ(std::signbit(y[i]), std::signbit(exact)) << x[i];
  }
}

TEST_P(FloatMath, SpecialValues) {
  expect_special_values<float>(GetParam(), GetParam().float_error);
  expect_special_values<double>(GetParam(), GetParam().double_error);
}

TEST_P(FloatMath, OneResultAtAnyPlaceInATile) {
  for (const size_t count : {1, 3, 8, 17, 64}) {
    const std::vector<double> y = run_tile(GetParam().op, std::vector<double>(count, 0.3));
    for (const double value : y) EXPECT_EQ(value, y[0]);
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, FloatMath, testing::ValuesIn(kMathCases),
                         [](const auto& info) { return std::string(info.param.op); });

// A tile with operands that vector code leaves out is computed in another way.
TEST(RareOperands, ChangeNoOtherResult) {
  for (const char* op : {"sin", "cos", "tan"}) {
    std::vector<float> x(300);
    for (size_t i = 0; i < x.size(); ++i) x[i] = 0.37f * static_cast<float>(i);
    const std::vector<float> usual = run_tile(op, x);
    x[5] = 1e30f;
    x[250] = -1e20f;
    const std::vector<float> mixed = run_tile(op, x);
    for (size_t i = 0; i < x.size(); ++i) {
      if (i != 5 && i != 250) {
        EXPECT_EQ(mixed[i], usual[i]) << op << "(" << x[i] << ")";
      }
    }
  }
}

TEST(Accuracy, IsStatedForEveryFunctionOfFloats) {
  std::set<std::string> stated(std::begin(kExactFunctions), std::end(kExactFunctions));
  stated.insert(std::begin(kPairFunctions), std::end(kPairFunctions));
  for (const MathCase& math_case : kMathCases) stated.insert(math_case.op);
  for (const KernelRegistration* kernel : all_kernels()) {
    const TileRegistrar* tiles = TileRegistrar::find(kernel->op);
    if (tiles == nullptr || tiles->table()[DType::kFloat32] == nullptr) continue;
    EXPECT_TRUE(stated.contains(kernel->op)) << kernel->op;
  }
}

}  // namespace
}  // namespace bitale
