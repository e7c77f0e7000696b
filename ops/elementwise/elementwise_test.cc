// What all elementwise functions share: broadcasting, errors, non-finite values, choices, ties,
// host integers.

#include "ops/elementwise/elementwise.h"

#include <cmath>
#include <limits>

#include "autograd/grad.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shape_analysis.h"
#include "core/graph/traversal.h"
#include "ops/elementwise/elementwise_op.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor gradient_at(const Variable& y, const Variable& x, const Tensor& value) {
  return eval(grad(sum(y), x), {{x, value}});
}

TEST(Broadcasting, TypesMeetStaticDims) {
  const Variable x = tensor(DType::kFloat32, {"batch", Dim()}, "x");
  const Variable y = tensor(DType::kFloat32, {Dim(), 784}, "y");
  EXPECT_EQ((x + y).type().str(), "float32 (batch, 784)");
  EXPECT_EQ((x + row("r")).type().str(), "float32 (batch, ?)");
  EXPECT_EQ((col("c") + vector("v")).type().str(), "float32 (?, ?)");
  EXPECT_EQ((row("r") + row("s")).type().str(), "float32 (1, ?)");
  EXPECT_EQ(where(scalar("c"), x, 0).type().str(), "float32 (batch, ?)");
}

TEST(Broadcasting, RefusesDimsThatCannotBeEqual) {
  const Variable x = tensor(DType::kFloat32, {3, 4}, "x");
  const Variable y = tensor(DType::kFloat32, {5, 4}, "y");
  expect_error<ShapeError>([&] { x + y; },
                           {"add: operands could not be broadcast: (3, 4) and (5, 4)",
                            "operand 0: x float32 (3, 4)", "operand 1: y float32 (5, 4)"});
  const Variable a = tensor(DType::kInt32, {"batch"}, "a");
  const Variable b = tensor(DType::kFloat32, {"n"}, "b");
  expect_error<ShapeError>([&] { a* b; },
                           {"mul: operands could not be broadcast: (batch,) and (n,)",
                            "operand 0: a int32 (batch,)", "two names are two lengths"});
  expect_error<ShapeError>([&] { clip(x, 0, y); },
                           {"clip: operands could not be broadcast: (3, 4), () and (5, 4)"});
}

TEST(Broadcasting, RefusesALengthOfOneThatWasNotDeclared) {
  const Variable x = matrix("x");
  const Variable y = matrix("y");
  const Variable z = x + y;
  const Tensor wide = Tensor::ones(DType::kFloat32, {2, 3});
  EXPECT_TRUE(equal_to(eval(z, {{x, wide}, {y, wide}}), Tensor::full(DType::kFloat32, {2, 3}, 2)));
  try {
    eval(z, {{x, wide}, {y, Tensor::ones(DType::kFloat32, {1, 3})}});
    FAIL() << "a hidden broadcast";
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("operands could not be broadcast: dims differ"),
              std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("broadcastable(x, axis)"), std::string::npos)
        << error.what();
  }
}

TEST(Broadcasting, GradientsHaveTheOperandsType) {
  const Variable x = tensor(DType::kFloat64, {"n", 1, 4}, "x");
  const Variable y = tensor(DType::kFloat64, {3, 1}, "y");
  const Variables g = grad(sum(x * y), {x, y});
  EXPECT_EQ(g[0].rank(), 3);
  EXPECT_EQ(g[0].type().dims[1], Dim(1));
  EXPECT_EQ(g[1].rank(), 2);
  EXPECT_EQ(g[1].type().dims[1], Dim(1));
}

TEST(Missing, OperandIsNamed) {
  expect_error<TypeError>([] { add(vector("x"), Variable()); }, {"add: operand 1 is no variable"});
}

TEST(Weak, NumbersThatDoNotFitAreRefused) {
  const Variable x = tensor(DType::kInt8, {3}, "x");
  EXPECT_EQ((x + 100).dtype(), DType::kInt8);
  expect_error<TypeError>([&] { x + 1000; }, {"add: the number 1000 does not fit the int8"});
}

TEST(NonFinite, NaNWinsMaximumAndMinimum) {
  const Variable a = constant(Tensor::of<double>({kNan, 1, kInf, 2}));
  const Variable b = constant(Tensor::of<double>({1, kNan, 3, -kInf}));
  EXPECT_TRUE(close_to(eval(maximum(a, b)), Tensor::of<double>({kNan, kNan, kInf, 2})));
  EXPECT_TRUE(close_to(eval(minimum(a, b)), Tensor::of<double>({kNan, kNan, 3, -kInf})));
  EXPECT_TRUE(close_to(eval(relu(a)), Tensor::of<double>({kNan, 1, kInf, 2})));
  EXPECT_TRUE(close_to(eval(sgn(a)), Tensor::of<double>({kNan, 1, 1, 1})));
}

TEST(NonFinite, ActivationsSaturate) {
  const Variable x = constant(Tensor::of<double>({-kInf, -1e4, 1e4, kInf, kNan}));
  EXPECT_TRUE(close_to(eval(sigmoid(x)), Tensor::of<double>({0, 0, 1, 1, kNan})));
  EXPECT_TRUE(close_to(eval(softplus(x)), Tensor::of<double>({0, 0, 1e4, kInf, kNan})));
  EXPECT_TRUE(close_to(eval(tanh(x)), Tensor::of<double>({-1, -1, 1, 1, kNan})));
  EXPECT_TRUE(close_to(eval(elu(x)), Tensor::of<double>({-1, -1, 1e4, kInf, kNan})));
  EXPECT_TRUE(close_to(eval(sqrt(constant(Tensor::of<double>({-1, 0, kInf})))),
                       Tensor::of<double>({kNan, 0, kInf})));
  EXPECT_TRUE(close_to(eval(log(constant(Tensor::of<double>({-1, 0, kInf})))),
                       Tensor::of<double>({kNan, -kInf, kInf})));
}

TEST(NonFinite, GradientsOfSaturatedActivationsAreFinite) {
  const Variable x = dvector("x");
  const Tensor at = Tensor::of<double>({-1e4, 1e4});
  EXPECT_TRUE(close_to(gradient_at(sigmoid(x), x, at), Tensor::of<double>({0, 0})));
  EXPECT_TRUE(close_to(gradient_at(softplus(x), x, at), Tensor::of<double>({0, 1})));
  EXPECT_TRUE(close_to(gradient_at(elu(x), x, at), Tensor::of<double>({0, 1})));
  EXPECT_TRUE(close_to(gradient_at(tanh(x), x, at), Tensor::of<double>({0, 0})));
}

TEST(Kinks, HaveTheDerivativesOfTheDesign) {
  const Variable x = dvector("x");
  const Tensor zero = Tensor::of<double>({0});
  const auto at_zero = [&](const Variable& y) { return gradient_at(y, x, zero).item<double>(); };
  EXPECT_EQ(at_zero(abs(x)), 0);
  EXPECT_EQ(at_zero(relu(x)), 0);
  EXPECT_EQ(at_zero(sqrt(x)), kInf);
  EXPECT_EQ(at_zero(maximum(x, 0.0)), 0.5);
  EXPECT_EQ(at_zero(minimum(0.0, x)), 0.5);
  EXPECT_EQ(at_zero(clip(x, 0.0, 1.0)), 1);
  EXPECT_EQ(at_zero(pow(x, 0.0)), 0);
  EXPECT_EQ(at_zero(pow(x, 1.0)), 1);
  EXPECT_EQ(at_zero(floor(x)), 0);
  EXPECT_EQ(at_zero(elu(x, 0.7)), 0.7);
}

TEST(Kinks, ClipSendsTheGradientToTheBoundThatHolds) {
  const Variable x = dvector("x");
  const Variable low = dscalar("low");
  const Variable high = dscalar("high");
  const Variables g = grad(sum(clip(x, low, high)), {x, low, high});
  const std::vector<std::pair<Variable, Tensor>> at = {
      {x, Tensor::of<double>({-2, -1, 0, 1, 2, 3})}, {low, Tensor(-1.0)}, {high, Tensor(1.0)}};
  EXPECT_TRUE(close_to(eval(g[0], at), Tensor::of<double>({0, 1, 1, 1, 0, 0})));
  EXPECT_EQ(eval(g[1], at).item<double>(), 1);
  EXPECT_EQ(eval(g[2], at).item<double>(), 2);
}

TEST(Where, GuardsTheBranchNotTaken) {
  const Variable x = dvector("x");
  const Tensor at = Tensor::of<double>({-1, 0, 4});
  // sqrt has NaN and inf at the first two; where() must not let them through.
  const Variable y = where(x > 0, sqrt(where(x > 0, x, 1)), 0);
  EXPECT_TRUE(close_to(eval(y, {{x, at}}), Tensor::of<double>({0, 0, 2})));
  EXPECT_TRUE(close_to(gradient_at(y, x, at), Tensor::of<double>({0, 0, 0.25})));
}

TEST(Where, ChoosesByBroadcastCondition) {
  run_op_case({.name = "where",
               .inputs = {Tensor::of<bool>({{true}, {false}}), random_tensor({2, 3}),
                          random_tensor({3}, -1, 1, 2)},
               .build = [](const Variables& v) { return where(v[0], v[1], v[2]); },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     Tensor result = Tensor::zeros(DType::kFloat64, {2, 3});
                     for_each_index({2, 3}, [&](const Dims& i) {
                       set_element(result, i,
                                   element(x[0], {i[0], 0}) != 0 ? element(x[1], i)
                                                                 : element(x[2], {i[1]}));
                     });
                     return result;
                   }});
}

TEST(Where, ConditionsDtypeDoesNotReachTheResult) {
  EXPECT_EQ(where(dscalar("c"), fvector("a"), 0).dtype(), DType::kFloat32);
  EXPECT_EQ(where(bscalar("c"), lvector("a"), 0).dtype(), DType::kInt64);
}

TEST(Cast, PassesGradientsBetweenFloats) {
  run_op_case({.name = "cast",
               .inputs = {random_tensor({2, 3})},
               .build =
                   [](const Variables& v) {
                     return cast(cast(v[0], DType::kFloat64) * 2, DType::kFloat64);
                   },
               .oracle =
                   [](const std::vector<Tensor>& x) {
                     return map_elements(x[0], [](double v) { return 2 * v; });
                   }});
  const Variable x = fvector("x");
  const Variable g = grad(sum(cast(x, DType::kFloat64)), x);
  EXPECT_EQ(g.dtype(), DType::kFloat32);
  EXPECT_THROW(grad(sum(cast(cast(x, DType::kInt32), DType::kFloat32)), {x}), GradientError);
}

TEST(HostIntegers, FollowArithmeticIntoShapes) {
  const Variable i = lscalar("i");
  const Variable j = lscalar("j");
  const Variable expressions[] = {i + j,
                                  i - j,
                                  i * j,
                                  int_div(i, j),
                                  mod(i, j),
                                  -i,
                                  maximum(i, j),
                                  minimum(i, j),
                                  where(i < j, i, j),
                                  cast(i, DType::kInt8),
                                  abs(i),
                                  sgn(i),
                                  cast(i > j, DType::kInt64),
                                  sqr(i),
                                  clip(i, 0, 5)};
  for (const Variable& e : expressions) {
    ShapeAnalysis analysis;
    const Variables outputs = {e};
    analysis.analyze(outputs);
    ASSERT_TRUE(analysis.has_value(e)) << e.str();
    const IntExpr value = analysis.value(e, 0);
    IntProgram program(analysis.ints(), {&value, 1});
    for (const auto& [a, b] : {std::pair<int64_t, int64_t>(7, 3), {-7, 3}, {200, -3}, {5, 5}}) {
      std::vector<int64_t> symbols;
      for (const IntSymbol& symbol : analysis.symbols()) {
        symbols.push_back(symbol.variable == i ? a : b);
      }
      std::vector<int64_t> registers(program.register_count());
      int64_t result = 0;
      program.evaluate(symbols, registers, {&result, 1});
      std::vector<std::pair<Variable, Tensor>> at;
      for (const Variable& leaf : leaves(outputs)) {
        if (leaf.is_input()) at.emplace_back(leaf, Tensor(leaf == i ? a : b));
      }
      EXPECT_EQ(result, eval(e, at).item<int64_t>()) << e.str() << " of " << a << " and " << b;
    }
  }
}

TEST(LongTensors, AreSplitAtAnyLength) {
  // Around the borders of tiles and of the blocks that threads take.
  for (int64_t n : {1023, 1024, 1025, 32767, 32768, 32769, 100003}) {
    const Tensor value = Tensor::arange(DType::kFloat64, n);
    const Variable x = dvector("x");
    const Tensor got = eval(where(x > 10, x * 0.5 + 1.0, -x), {{x, value}});
    for (int64_t i : {int64_t{0}, int64_t{11}, n / 2, n - 1}) {
      const double v = static_cast<double>(i);
      EXPECT_EQ(got.at<double>({i}), v > 10 ? v * 0.5 + 1 : -v) << n << " " << i;
    }
  }
}

TEST(Operators, AreTheNamedFunctions) {
  const Variable x = dvector("x");
  const Variable y = dvector("y");
  const auto same = [](const Variable& a, const Variable& b) {
    return structurally_equal(Variables{a}, Variables{b});
  };
  EXPECT_TRUE(same(x + y, add(x, y)));
  EXPECT_TRUE(same(x - y, sub(x, y)));
  EXPECT_TRUE(same(x * y, mul(x, y)));
  EXPECT_TRUE(same(x / y, true_div(x, y)));
  EXPECT_TRUE(same(x % y, mod(x, y)));
  EXPECT_TRUE(same(-x, neg(x)));
  EXPECT_TRUE(same(x < y, lt(x, y)));
  EXPECT_TRUE(same(x <= y, le(x, y)));
  EXPECT_TRUE(same(x > y, gt(x, y)));
  EXPECT_TRUE(same(x >= y, ge(x, y)));
  EXPECT_FALSE(x == y);
  EXPECT_TRUE((2.0 - x).site().source.known());
  EXPECT_NE((-x).site().str().find("elementwise_test.cc"), std::string::npos);
}

}  // namespace
}  // namespace bitale
