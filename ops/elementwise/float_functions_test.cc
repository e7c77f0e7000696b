// Values and derivatives of the functions of floats, each against <cmath> in double.

#include <cmath>
#include <limits>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "ops/elementwise/elementwise.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

using Unary = double (*)(double);

struct UnaryCase {
  const char* name;
  Variable (*build)(Operand);
  Unary oracle;
  double low = -2.0;  // where the function is smooth
  double high = 2.0;
  bool gradient = true;
};

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

const UnaryCase kUnary[] = {
    {"neg", neg, [](double x) { return -x; }},
    {"abs", abs, [](double x) { return std::fabs(x); }, 0.1, 2.0},
    {"abs of negatives", abs, [](double x) { return std::fabs(x); }, -2.0, -0.1},
    {"sgn", sgn, [](double x) { return x > 0   ? 1.0
                                       : x < 0 ? -1.0
                                               : 0.0; }, 0.1, 2.0},
    {"sqr", sqr, [](double x) { return x * x; }},
    {"sqrt", sqrt, [](double x) { return std::sqrt(x); }, 0.2, 3.0},
    {"exp", exp, [](double x) { return std::exp(x); }},
    {"expm1", expm1, [](double x) { return std::expm1(x); }},
    {"log", log, [](double x) { return std::log(x); }, 0.2, 3.0},
    {"log1p", log1p, [](double x) { return std::log1p(x); }, -0.7, 3.0},
    {"log2", log2, [](double x) { return std::log2(x); }, 0.2, 3.0},
    {"log10", log10, [](double x) { return std::log10(x); }, 0.2, 3.0},
    {"sin", sin, [](double x) { return std::sin(x); }},
    {"cos", cos, [](double x) { return std::cos(x); }},
    {"tan", tan, [](double x) { return std::tan(x); }, -1.2, 1.2},
    {"asin", asin, [](double x) { return std::asin(x); }, -0.8, 0.8},
    {"acos", acos, [](double x) { return std::acos(x); }, -0.8, 0.8},
    {"atan", atan, [](double x) { return std::atan(x); }},
    {"sinh", sinh, [](double x) { return std::sinh(x); }},
    {"cosh", cosh, [](double x) { return std::cosh(x); }},
    {"tanh", tanh, [](double x) { return std::tanh(x); }},
    {"erf", erf, [](double x) { return std::erf(x); }},
    {"erfc", erfc, [](double x) { return std::erfc(x); }},
    {"sigmoid", sigmoid, sigmoid_of},
    {"softplus", softplus, [](double x) { return std::log(1 + std::exp(x)); }},
    {"relu", relu, [](double x) { return x > 0 ? x : 0.0; }, 0.1, 2.0},
    {"relu of negatives", relu, [](double) { return 0.0; }, -2.0, -0.1},
    {"hard_sigmoid", hard_sigmoid, [](double x) { return 0.2 * x + 0.5; }},
    {"hard_sigmoid beyond", hard_sigmoid, [](double) { return 1.0; }, 2.6, 5.0},
    {"leaky_relu", [](Operand x) { return leaky_relu(x, 0.3); },
     [](double x) { return x > 0 ? x : 0.3 * x; }, -2.0, -0.1},
    {"elu", [](Operand x) { return elu(x, 0.7); },
     [](double x) { return x > 0 ? x : 0.7 * (std::exp(x) - 1); }, -2.0, -0.1},
    {"elu of positives", [](Operand x) { return elu(x, 0.7); }, [](double x) { return x; }, 0.1,
     2.0},
    {"round", round, [](double x) { return std::nearbyint(x); }, 1.1, 1.4},
    {"floor", floor, [](double x) { return std::floor(x); }, -1.8, -1.2},
    {"ceil", ceil, [](double x) { return std::ceil(x); }, -1.8, -1.2},
    {"trunc", trunc, [](double x) { return std::trunc(x); }, -1.8, -1.2},
};

class FloatFunction : public ::testing::TestWithParam<UnaryCase> {};

TEST_P(FloatFunction, MatchesCmathAndHasItsDerivatives) {
  const UnaryCase& c = GetParam();
  for (const Dims& shape : {Dims{3, 5}, Dims{}, Dims{1}, Dims{2, 0, 3}}) {
    run_op_case(
        {.name = c.name,
         .inputs = {random_tensor(shape, c.low, c.high)},
         .build = [&](const Variables& v) { return c.build(v[0]); },
         .oracle = [&](const std::vector<Tensor>& x) { return map_elements(x[0], c.oracle); },
         .gradient = c.gradient && element_count(shape) > 0});
  }
}

std::string case_name(const ::testing::TestParamInfo<UnaryCase>& info) {
  std::string name = info.param.name;
  for (char& letter : name) letter = letter == ' ' ? '_' : letter;
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, FloatFunction, ::testing::ValuesIn(kUnary), case_name);

using Binary = double (*)(double, double);

struct BinaryCase {
  const char* name;
  Variable (*build)(Operand, Operand);
  Binary oracle;
  double low = -2.0;
  double high = 2.0;
};

const BinaryCase kBinary[] = {
    {"add", add, [](double a, double b) { return a + b; }},
    {"sub", sub, [](double a, double b) { return a - b; }},
    {"mul", mul, [](double a, double b) { return a * b; }},
    {"true_div", true_div, [](double a, double b) { return a / b; }, 0.3, 2.0},
    {"pow", pow, [](double a, double b) { return std::pow(a, b); }, 0.3, 2.0},
    {"maximum", maximum, [](double a, double b) { return a > b ? a : b; }},
    {"minimum", minimum, [](double a, double b) { return a < b ? a : b; }},
    {"atan2", atan2, [](double a, double b) { return std::atan2(a, b); }, 0.2, 2.0},
    {"mod", mod, [](double a, double b) { return a - b * std::floor(a / b); }, 1.1, 1.9},
    {"int_div", int_div, [](double a, double b) { return std::floor(a / b); }, 1.1, 1.9},
    {"leaky_relu", leaky_relu, [](double a, double b) { return a > 0 ? a : a * b; }},
    {"elu", elu, [](double a, double b) { return a > 0 ? a : b * (std::exp(a) - 1); }},
    {"second", second, [](double, double b) { return b; }},
};

Tensor broadcast_oracle(Binary f, const Tensor& a, const Tensor& b, const Dims& shape) {
  const Tensor result = Tensor::zeros(DType::kFloat64, shape);
  const Tensor whole_a = a.broadcast_to(shape);
  const Tensor whole_b = b.broadcast_to(shape);
  for_each_index(shape, [&](const Dims& index) {
    set_element(result, index, f(element(whole_a, index), element(whole_b, index)));
  });
  return result;
}

struct Shapes {
  Dims a, b, result;
};

class FloatPair : public ::testing::TestWithParam<BinaryCase> {};

TEST_P(FloatPair, BroadcastsAsNumpyAndHasItsDerivatives) {
  const BinaryCase& c = GetParam();
  const Shapes kShapes[] = {{{3, 5}, {3, 5}, {3, 5}},       {{3, 5}, {5}, {3, 5}},
                            {{3, 1}, {1, 5}, {3, 5}},       {{}, {2, 3}, {2, 3}},
                            {{2, 1, 4}, {3, 1}, {2, 3, 4}}, {{0, 4}, {1, 4}, {0, 4}},
                            {{1, 1}, {1}, {1, 1}}};
  for (const Shapes& shapes : kShapes) {
    run_op_case({.name = std::string(c.name) + to_string(shapes.a) + to_string(shapes.b),
                 .inputs = {random_tensor(shapes.a, c.low, c.high, 1),
                            random_tensor(shapes.b, c.low, c.high, 2)},
                 .build = [&](const Variables& v) { return c.build(v[0], v[1]); },
                 .oracle =
                     [&](const std::vector<Tensor>& x) {
                       return broadcast_oracle(c.oracle, x[0], x[1], shapes.result);
                     },
                 .gradient = element_count(shapes.result) > 0});
  }
}

INSTANTIATE_TEST_SUITE_P(All, FloatPair, ::testing::ValuesIn(kBinary),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace bitale
