// What the modes of `function` promise.

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/graph/traversal.h"
#include "core/rewrite/rule.h"
#include "core/tensor/random_state.h"
#include "nn/hidden_layer.h"
#include "nn/logistic_regression.h"
#include "nn/sgd.h"
#include "ops/control/map.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/reduction/reduction.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

// A rule that is wrong on purpose: cosh(x) is not sinh(x).
std::optional<Variables> cosh_to_sinh(const Apply& apply, const RuleContext&) {
  return Variables{sinh(apply.input(0))};
}
const RuleRegistrar wrong_rule({.name = "wrong_rule_of_modes_test",
                                .phase = Phase::kSpecialize,
                                .why = "to be caught",
                                .op = "cosh",
                                .apply = cosh_to_sinh});

struct Model {
  Variable x = dmatrix("x");
  Variable y = ivector("y");
  Variables params;
  Variable cost;

  Model() {
    RandomState rng(3);
    HiddenLayer hidden(rng, x, {.n_in = 4, .n_out = 5});
    LogisticRegression output(hidden.output(), {.n_in = 5, .n_out = 3});
    params = {hidden.W(), hidden.b(), output.W(), output.b()};
    cost = output.negative_log_likelihood(y);
  }
};

double cost_after_three_steps(const Mode& mode) {
  Model model;
  Function train = function({model.x, model.y}, model.cost,
                            {.updates = sgd(model.cost, model.params, 0.5), .mode = mode});
  RandomState rng(5);
  const Tensor points = rng.randn({6, 4});
  const Tensor labels = Tensor::of<int32_t>({0, 1, 2, 0, 1, 2});
  double cost = 0;
  for (int i = 0; i < 3; ++i) cost = train(points, labels).item<double>();
  return cost;
}

TEST(Modes, AllModesTrainToTheSameCost) {
  const double expected = cost_after_three_steps(kFastCompile);
  EXPECT_LT(expected, std::log(3.0));
  EXPECT_NEAR(cost_after_three_steps(kFastRun), expected, 1e-12);
  EXPECT_NEAR(cost_after_three_steps(kDebugMode), expected, 1e-12);
  EXPECT_NEAR(cost_after_three_steps(kNanGuardMode), expected, 1e-12);
}

// The ops of the rewritten graph, producers first.
std::vector<std::string> ops_of(const Variable& x, const Variable& y, const Mode& mode) {
  const Variables outputs = function({x}, y, {.mode = mode}).optimized_outputs();
  std::vector<std::string> names;
  for (const Apply* apply : topological_order(outputs)) names.emplace_back(apply->op().name());
  return names;
}

TEST(FastCompile, MergesEqualNodes) {
  const Variable x = dmatrix("x");
  EXPECT_EQ(ops_of(x, exp(x) + exp(x), kFastCompile), (std::vector<std::string>{"exp", "add"}));
}

TEST(FastCompile, RewritesNothing) {
  const Variable x = dmatrix("x");
  EXPECT_EQ(ops_of(x, log(softmax(x)), kFastCompile), (std::vector<std::string>{"softmax", "log"}));
  EXPECT_EQ(ops_of(x, log(softmax(x)), kFastRun), (std::vector<std::string>{"log_softmax"}));
}

TEST(FastCompile, FusesNothing) {
  const Variable x = dvector("x");
  const auto fuses = [&](const Mode& mode) {
    const Function f = function({x}, exp(x) * tanh(x), {.mode = mode});
    f(Tensor::of<double>({1.0, 2.0}));
    return f.program_dump().find("fused_elementwise") != std::string::npos;
  };
  EXPECT_FALSE(fuses(kFastCompile));
  EXPECT_TRUE(fuses(kFastRun));
}

TEST(DebugMode, NamesTheRuleThatChangesAValueAndTheUsersLine) {
  Variable x = dvector("x");
  Variable w = shared(Tensor::of<double>({1.0}), "w");
  Function f = function({x}, sum(cosh(x)), {.updates = {{w, w + 1.0}}, .mode = kDebugMode});
  try {
    f(Tensor::of<double>({0.5, 1.0}));
    FAIL() << "no error";
  } catch (const ExecutionError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("rule wrong_rule_of_modes_test changed a value"), std::string::npos)
        << text;
    EXPECT_NE(text.find("modes_test.cc:"), std::string::npos) << text;
  }
  EXPECT_EQ(get_value(w).item<double>(), 1.0);
}

TEST(Modes, AnExcludedRuleDoesNotFire) {
  Variable x = dscalar("x");
  Function f = function({x}, cosh(x), {.mode = kFastRun.excluding("wrong_rule_of_modes_test")});
  EXPECT_DOUBLE_EQ(f(1.0).item<double>(), std::cosh(1.0));
}

TEST(Function, IsPrintedAsItsRewrittenGraph) {
  const Variable x = fvector("x"), w = shared(Tensor::ones(DType::kFloat32, {}), "w");
  const Function f = function({x}, log(exp(x) * 1.0) + 0.0, {.updates = {{w, w + 1.0}}});
  EXPECT_EQ(debugprint(f, {.types = false}),
            "x [1]\n"
            "add [2]\n"
            " |w [3]\n"
            " |constant 1 [4]\n");
  EXPECT_EQ(dot_graph(f), dot_graph(f.optimized_outputs()));
}

TEST(NanGuardMode, NamesTheFirstOpThatMakesNan) {
  Variable x = dvector("x");
  Function f = function({x}, sum(log(x) * 2.0), {.mode = kNanGuardMode});
  EXPECT_NEAR(f(Tensor::of<double>({1.0})).item<double>(), 0.0, 1e-15);
  try {
    f(Tensor::of<double>({1.0, -1.0}));
    FAIL() << "no error";
  } catch (const NonFiniteError& error) {
    EXPECT_NE(std::string(error.what()).find("log"), std::string::npos) << error.what();
  }
}

TEST(NanGuardMode, NamesTheOpInTheBodyOfALoop) {
  const Variable x = dvector("x");
  const Variable y = map([](const Variables& e) { return log(e[0]) * 2.0; }, {x});
  const Function f = function({x}, y, {.mode = kNanGuardMode});
  try {
    f(Tensor::of<double>({1.0, -1.0}));
    FAIL() << "no error";
  } catch (const NonFiniteError& error) {
    EXPECT_EQ(std::string(error.what()).find("log: element 0 of the result"), 0u) << error.what();
  }
}

TEST(NanGuardMode, LeavesSharedVariablesAsTheyWere) {
  Variable x = dscalar("x");
  Variable w = shared(Tensor(2.0), "w"), v = shared(Tensor(3.0), "v");
  Function step =
      function({x}, {}, {.updates = {{w, w + 1.0}, {v, v + log(x)}}, .mode = kNanGuardMode});
  EXPECT_THROW(step(-1.0), NonFiniteError);
  EXPECT_EQ(get_value(w).item<double>(), 2.0);
  EXPECT_EQ(get_value(v).item<double>(), 3.0);
  step(1.0);
  EXPECT_EQ(get_value(w).item<double>(), 3.0);
}

}  // namespace
}  // namespace bitale
