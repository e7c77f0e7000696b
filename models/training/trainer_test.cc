// When the training loop validates, when it tests, and what it prints, on a task that only pretends
// to learn.

#include "models/training/trainer.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"

namespace bitale {
namespace {

constexpr int64_t kTestBatches = 4;

Variable shared_number(double value, const std::string& name) {
  return shared(Tensor(value), name);
}

// Its validation errors are 30 %, 20 %, 10 %, and then 20 %, 30 %, ...: the third one is the best
// and the last of the new bests. Its test error is 25 %.
struct ScriptedTask {
  TrainingTask task;
  // Calls of `task.test` so far.
  Variable test_calls = shared_number(0, "test_calls");

  explicit ScriptedTask(int64_t train_batches) {
    Variable index = lscalar("index");
    Variable validations = shared_number(0, "validations");
    const auto scripted = [&](const Variable& result, const Updates& updates) {
      return function({index}, result,
                      {.updates = updates, .on_unused_input = OnUnusedInput::kIgnore});
    };
    task = {.name = "scripted",
            .train = scripted(shared_number(1.5, "cost"), {}),
            .validate =
                scripted(abs(validations - 2.0) / 10.0 + 0.1, {{validations, validations + 1.0}}),
            .test = scripted(shared_number(0.25, "test_error"), {{test_calls, test_calls + 1.0}}),
            .train_batches = train_batches,
            .valid_batches = 1,
            .test_batches = kTestBatches,
            .batch_size = 1,
            .parameters = {}};
  }
};

std::string printed_by(const ScriptedTask& scripted, const TrainerOptions& options) {
  ::testing::internal::CaptureStdout();
  EXPECT_TRUE(train(scripted.task, options).ok());
  return ::testing::internal::GetCapturedStdout();
}

TEST(Trainer, TestsOnlyWhereTheValidationErrorIsANewBest) {
  const ScriptedTask scripted(/*train_batches=*/2);
  const auto result = train(scripted.task, {.max_iterations = 10, .quiet = true});
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_EQ(result->state.validation_errors.size(), 5u);
  EXPECT_EQ(result->state.test_errors,
            (std::vector<std::pair<int64_t, double>>{{1, 0.25}, {3, 0.25}, {5, 0.25}}));
  EXPECT_EQ(get_value(scripted.test_calls).item<double>(), 3 * kTestBatches);
  EXPECT_EQ(result->state.early_stopping.best_iteration, 5);
}

TEST(Trainer, PrintsTheLinesOfTheTutorial) {
  const ScriptedTask scripted(/*train_batches=*/60);
  EXPECT_EQ(printed_by(scripted, {.max_iterations = 240}),
            "training @ iter = 0\n"
            "epoch 1, minibatch 60/60, validation error 30.000000 %\n"
            "     epoch 1, minibatch 60/60, test error of best model 25.000000 %\n"
            "training @ iter = 100\n"
            "epoch 2, minibatch 60/60, validation error 20.000000 %\n"
            "     epoch 2, minibatch 60/60, test error of best model 25.000000 %\n"
            "epoch 3, minibatch 60/60, validation error 10.000000 %\n"
            "     epoch 3, minibatch 60/60, test error of best model 25.000000 %\n"
            "training @ iter = 200\n"
            "epoch 4, minibatch 60/60, validation error 20.000000 %\n");
}

TEST(Trainer, AnnouncesNoIterationsWhereThatIsOff) {
  const ScriptedTask scripted(/*train_batches=*/2);
  EXPECT_EQ(printed_by(scripted, {.max_iterations = 2, .announce_iterations = false}),
            "epoch 1, minibatch 2/2, validation error 30.000000 %\n"
            "     epoch 1, minibatch 2/2, test error of best model 25.000000 %\n");
}

TEST(Trainer, PrintsNothingWhenQuiet) {
  const ScriptedTask scripted(/*train_batches=*/2);
  EXPECT_EQ(printed_by(scripted, {.max_iterations = 2, .quiet = true}), "");
}

}  // namespace
}  // namespace bitale
