// Optimizers that are asked for what they cannot do.

#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "nn/adam.h"
#include "nn/momentum.h"
#include "nn/rmsprop.h"
#include "ops/elementwise/operators.h"
#include "ops/reduction/reduction.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

Variable weights() { return shared(Tensor::ones(DType::kFloat32, {3}), "w"); }

TEST(OptimizerMistakes, RatesOfIntegers) {
  const Variable w = weights(), rate = iscalar("rate");
  expect_mistake<TypeError>([&] { momentum(sum(w), {w}, rate); }, R"(
momentum: learning_rate must be a number or a floating scalar, not rate int32 ()
  made at: {-1}
  at: {0})");
}

TEST(OptimizerMistakes, ARateForEachElement) {
  const Variable w = weights(), rate = fvector("rate");
  expect_mistake<TypeError>([&] { rmsprop(sum(w), {w}, rate); }, R"(
rmsprop: learning_rate must be a number or a floating scalar, not rate float32 (?,)
  made at: {-1}
  at: {0})");
  expect_mistake<TypeError>([&] { adam(sum(w), {w}, rate); }, R"(
adam: learning_rate must be a number or a floating scalar, not rate float32 (?,)
  made at: {-5}
  at: {0})");
}

TEST(OptimizerMistakes, StepsOfAnInput) {
  const Variable w = weights(), x = fvector("x"), cost = sum(w) + sum(x);
  const Variables params = {w, x};
  expect_mistake<TypeError>([&] { adam(cost, params, 0.1); }, R"(
adam: parameter 1 must be a shared variable, not x float32 (?,)
  made at: {-2}
  at: {0})");
}

TEST(OptimizerMistakes, StepsOfNothing) {
  const Variable w = weights();
  expect_mistake<TypeError>([&] { rmsprop(sum(w), {Variable()}, 0.1); }, R"(
rmsprop: parameter 0 must be a shared variable
  at: {0})");
}

TEST(OptimizerMistakes, ParametersThatTheCostDoesNotDependOn) {
  const Variable w = weights(), unused = weights();
  EXPECT_THROW(momentum(sum(w), {w, unused}, 0.1), GradientError);
  EXPECT_THROW(rmsprop(sum(w), {w, unused}, 0.1), GradientError);
  EXPECT_THROW(adam(sum(w), {w, unused}, 0.1), GradientError);
}

TEST(OptimizerMistakes, OptionsOutOfRange) {
  const Variable w = weights();
  expect_mistake<GraphError>([&] { momentum(sum(w), {w}, 0.1, {.momentum = 1}); }, R"(
momentum: momentum must be at least 0 and below 1, not 1
  at: {0})");
  expect_mistake<GraphError>([&] { rmsprop(sum(w), {w}, 0.1, {.decay = -0.5}); }, R"(
rmsprop: decay must be at least 0 and below 1, not -0.5
  at: {0})");
  expect_mistake<GraphError>([&] { adam(sum(w), {w}, 0.1, {.beta2 = 1.5}); }, R"(
adam: beta2 must be at least 0 and below 1, not 1.5
  at: {0})");
  expect_mistake<GraphError>([&] { adam(sum(w), {w}, 0.1, {.epsilon = 0}); }, R"(
adam: epsilon must be positive, not 0
  at: {0})");
  expect_mistake<GraphError>([&] { adam(sum(w), {w}, 0.1, {.weight_decay = -1}); }, R"(
adam: weight_decay must be at least 0, not -1
  at: {0})");
}

}  // namespace
}  // namespace bitale
