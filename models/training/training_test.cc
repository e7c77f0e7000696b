#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/options.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "models/training/checkpoint.h"
#include "models/training/data_set.h"
#include "models/training/early_stopping.h"
#include "models/training/flags.h"
#include "models/training/progress.h"
#include "models/training/trainer.h"
#include "nn/hidden_layer.h"
#include "nn/logistic_regression.h"
#include "nn/sgd.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"

namespace bitale {
namespace {

std::string temporary(const std::string& name) { return ::testing::TempDir() + name; }

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(EarlyStopping, PatienceGrowsOnlyWithClearImprovements) {
  const EarlyStoppingOptions options{.patience = 100};
  EarlyStopping stopping(options);
  EXPECT_TRUE(stopping.observe(0.5, 10, options));
  EXPECT_EQ(stopping.patience, 100);  // 2 * 10 is less
  EXPECT_TRUE(stopping.observe(0.4, 80, options));
  EXPECT_EQ(stopping.patience, 160);
  EXPECT_TRUE(stopping.observe(0.399, 120, options));  // better, but by less than 0.5 %
  EXPECT_EQ(stopping.patience, 160);
  EXPECT_EQ(stopping.best_iteration, 120);
  EXPECT_FALSE(stopping.observe(0.399, 150, options));
  EXPECT_FALSE(stopping.should_stop(159));
  EXPECT_TRUE(stopping.should_stop(160));
}

TEST(EarlyStopping, ValidatesEachEpochOrTwiceWithinThePatience) {
  EXPECT_EQ(validation_frequency(100, {.patience = 10000}), 100);
  EXPECT_EQ(validation_frequency(2500, {.patience = 1000}), 500);
  EXPECT_EQ(validation_frequency(2500, {.patience = 1}), 1);
}

TEST(Progress, LineShowsEpochSpeedCostAndTimeLeft) {
  EXPECT_EQ(progress_line(3, 200, 0.5, 9514.4, 0.07124, 7440),
            "epoch 3/200 [============>           ]  50 % 9514 images/s cost 0.0712 left 2h04m");
  EXPECT_EQ(progress_line(200, 200, 1, 10, 1, 0),
            "epoch 200/200 [========================] 100 % 10 images/s cost 1.0000 left 0s");
}

TEST(Progress, DrawsOverItsLineAndClearsIt) {
  const std::string path = temporary("terminal");
  std::FILE* terminal = std::fopen(path.c_str(), "w");
  ASSERT_NE(terminal, nullptr);
  Progress progress(terminal, /*first_iteration=*/0, /*total_iterations=*/200,
                    /*batches_per_epoch=*/100, /*batch_size=*/500);
  progress.update(/*iteration=*/49, /*cost=*/0.5);
  const std::string drawn = contents_of(path);
  const std::string start = "\r\033[Kepoch 1/2 [============>           ]  50 % ";
  EXPECT_EQ(drawn.substr(0, start.size()), start);
  EXPECT_EQ(drawn.find('\n'), std::string::npos);
  progress.clear();
  EXPECT_EQ(contents_of(path), drawn + "\r\033[K");
  // There is no line to clear any more.
  progress.clear();
  EXPECT_EQ(contents_of(path), drawn + "\r\033[K");
  std::fclose(terminal);
}

// A small network over random images, with weights of its own.
struct Problem {
  TrainingTask task;

  Problem() {
    RandomState rng(5);
    Variable data = shared(rng.uniform(0, 1, {80, 6}).cast(float_x()), "data");
    Variable labels = shared(rng.randint(0, 3, {80}).cast(DType::kInt32), "labels");
    Variable x = matrix("x"), y = ivector("y"), index = lscalar("index");
    HiddenLayer hidden(rng, x, {.n_in = 6, .n_out = 8});
    LogisticRegression top(hidden.output(), {.n_in = 8, .n_out = 3});
    Variable cost = top.negative_log_likelihood(y);
    const Variables params = {hidden.W(), hidden.b(), top.W(), top.b()};
    const Index rows = slice(index * 10, (index + 1) * 10);
    const Givens givens = {{x, data[rows]}, {y, labels[rows]}};
    task = {.name = "problem",
            .train = function({index}, cost, {.updates = sgd(cost, params, 0.5), .givens = givens}),
            .validate = function({index}, top.errors(y), {.givens = givens}),
            .test = function({index}, top.errors(y), {.givens = givens}),
            .train_batches = 8,
            .valid_batches = 8,
            .test_batches = 8,
            .batch_size = 10,
            .parameters = {{"hidden.W", params[0]},
                           {"hidden.b", params[1]},
                           {"top.W", params[2]},
                           {"top.b", params[3]}}};
  }
};

TrainerOptions quiet(int64_t iterations, const std::string& checkpoint, bool resume = false) {
  return {.n_epochs = 100,
          .max_iterations = iterations,
          .checkpoint = checkpoint,
          .resume = resume,
          .settings = "problem",
          .quiet = true};
}

TEST(Checkpoint, ResumedRunContinuesToTheSameBits) {
  const Problem whole, halved, resumed;
  const std::string path = temporary("resume.ckpt");
  std::filesystem::remove(path);
  const auto all = train(whole.task, quiet(30, ""));
  ASSERT_TRUE(all.ok()) << all.status().message();
  ASSERT_TRUE(train(halved.task, quiet(15, path)).ok());
  const auto rest = train(resumed.task, quiet(30, path, true));
  ASSERT_TRUE(rest.ok()) << rest.status().message();
  EXPECT_EQ(all->state.costs, rest->state.costs);
  EXPECT_EQ(all->state.validation_errors, rest->state.validation_errors);
  EXPECT_EQ(all->state.test_errors, rest->state.test_errors);
  EXPECT_EQ(all->state.early_stopping.patience, rest->state.early_stopping.patience);
  EXPECT_EQ(all->state.early_stopping.best_iteration, rest->state.early_stopping.best_iteration);
  EXPECT_EQ(rest->state.costs.size(), 30u);
  for (size_t i = 0; i < whole.task.parameters.size(); ++i) {
    EXPECT_TRUE(same_bits(get_value(whole.task.parameters[i].variable),
                          get_value(resumed.task.parameters[i].variable)))
        << whole.task.parameters[i].name;
  }
}

TEST(Checkpoint, FinishedRunIsNotTrainedFurther) {
  const Problem problem, again;
  const std::string path = temporary("finished.ckpt");
  std::filesystem::remove(path);
  TrainerOptions options = quiet(0, path);
  options.early_stopping = {.patience = 4, .patience_increase = 1};
  const auto first = train(problem.task, options);
  ASSERT_TRUE(first.ok());
  options.resume = true;
  const auto second = train(again.task, options);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(first->state.costs, second->state.costs);
}

TEST(Checkpoint, StateComesBack) {
  const Problem problem;
  const std::string path = temporary("state.ckpt");
  TrainingState state;
  state.next_iteration = 7;
  state.settings = "a=1";
  state.costs = {0.1, 1.0 / 3};
  state.validation_errors = {{3, 0.25}};
  state.early_stopping.best_validation_error = 1.0 / 7;
  ASSERT_TRUE(save_checkpoint(path, problem.task.parameters, state).ok());
  const auto loaded = load_checkpoint(path, problem.task.parameters, "a=1");
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->next_iteration, 7);
  EXPECT_EQ(loaded->costs, state.costs);
  EXPECT_EQ(loaded->validation_errors, state.validation_errors);
  EXPECT_TRUE(loaded->test_errors.empty());
  EXPECT_EQ(loaded->early_stopping.best_validation_error, 1.0 / 7);
}

TEST(Checkpoint, OtherSettingsAreRefused) {
  const Problem problem;
  const std::string path = temporary("settings.ckpt");
  TrainingState state;
  state.settings = "batch_size=20";
  ASSERT_TRUE(save_checkpoint(path, problem.task.parameters, state).ok());
  const auto loaded = load_checkpoint(path, problem.task.parameters, "batch_size=30");
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.status().message().find("batch_size=20"), std::string::npos);
}

TEST(Checkpoint, DamagedFilesAreRefusedAndChangeNothing) {
  const Problem problem;
  const std::string path = temporary("damaged.ckpt");
  TrainingState state;
  state.settings = "s";
  state.costs = {1, 2, 3};
  ASSERT_TRUE(save_checkpoint(path, problem.task.parameters, state).ok());
  const std::string good = contents_of(path);
  const Tensor before = get_value(problem.task.parameters[0].variable);
  for (size_t length = 0; length < good.size(); length += 1 + good.size() / 97) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << good.substr(0, length);
    EXPECT_FALSE(load_checkpoint(path, problem.task.parameters, "s").ok()) << length;
  }
  EXPECT_TRUE(same_bits(before, get_value(problem.task.parameters[0].variable)));
  EXPECT_FALSE(load_checkpoint(temporary("no such file"), problem.task.parameters, "s").ok());
}

TEST(Trainer, WritesTheCostLog) {
  const Problem problem;
  TrainerOptions options = quiet(3, "");
  options.cost_log = temporary("cost.csv");
  const auto result = train(problem.task, options);
  ASSERT_TRUE(result.ok());
  char expected[200];
  std::snprintf(expected, sizeof expected, "iteration,cost\n0,%.12f\n1,%.12f\n2,%.12f\n",
                result->state.costs[0], result->state.costs[1], result->state.costs[2]);
  EXPECT_EQ(contents_of(options.cost_log), expected);
}

TEST(Trainer, UnwritableFilesAreErrors) {
  const Problem problem;
  EXPECT_FALSE(train(problem.task, quiet(1, "/no/such/folder/x.ckpt")).ok());
  TrainerOptions options = quiet(1, "");
  options.cost_log = "/no/such/folder/cost.csv";
  EXPECT_FALSE(train(problem.task, options).ok());
  options.cost_log = "/dev/full";
  EXPECT_EQ(train(problem.task, options).status().message(),
            "cannot write the cost log /dev/full: No space left on device");
}

TEST(DataSets, DigestTellsThemApart) {
  const auto part = [](float pixel, int32_t label) {
    return LabelledImages{Tensor::full(DType::kFloat32, {2, 784}, pixel),
                          Tensor::from(std::vector<int32_t>{1, label}, {2})};
  };
  const auto digest = [&](float pixel, int32_t label) {
    return share({part(pixel, label), part(0.5f, 1), part(0.5f, 1)}).digest;
  };
  EXPECT_EQ(digest(0.5f, 1), digest(0.5f, 1));
  EXPECT_EQ(digest(0.5f, 1).size(), 8u);
  EXPECT_NE(digest(0.5f, 1), digest(0.25f, 1));
  EXPECT_NE(digest(0.5f, 1), digest(0.5f, 2));
}

// --- Flags --------------------------------------------------------------------------------------

std::string complaint(const std::vector<std::string>& arguments) {
  Settings settings;
  return std::string(parse_flags(arguments, {"nkerns", "seed"}, settings).message());
}

TEST(Flags, ValuesAreTaken) {
  Settings settings;
  ASSERT_TRUE(parse_flags({"--learning_rate=0.05", "--nkerns=3,7", "-batch_size", "20",
                           "--floatX=float64", "--threads=", "--max_iterations=5",
                           "--max_bytes=100000000000", "--summary", "--noprofile", "--seed=0"},
                          {"nkerns", "seed"}, settings)
                  .ok());
  EXPECT_EQ(settings.learning_rate, 0.05);
  EXPECT_EQ(settings.nkerns, (std::array<int64_t, 2>{3, 7}));
  EXPECT_EQ(settings.batch_size, 20);
  EXPECT_EQ(settings.float_x, DType::kFloat64);
  EXPECT_EQ(settings.threads, 0);
  EXPECT_EQ(settings.max_iterations, 5);
  EXPECT_EQ(settings.max_bytes, 100'000'000'000);
  EXPECT_TRUE(settings.summary);
  EXPECT_FALSE(settings.profile);
  EXPECT_EQ(settings.seed, 0);
}

TEST(Flags, BadValuesAreOneClearLine) {
  EXPECT_EQ(complaint({"--learning_rate=fast"}), "--learning_rate=fast: is not a number");
  EXPECT_EQ(complaint({"--learning_rate=0"}), "--learning_rate=0: must be positive");
  EXPECT_EQ(complaint({"--learning_rate=nan"}), "--learning_rate=nan: must be positive");
  EXPECT_EQ(complaint({"--n_epochs=1.5"}), "--n_epochs=1.5: is not a whole number");
  EXPECT_EQ(complaint({"--batch_size=-1"}), "--batch_size=-1: must be positive");
  EXPECT_EQ(complaint({"--max_iterations=0"}), "--max_iterations=0: must be positive");
  EXPECT_EQ(complaint({"--max_bytes=0"}), "--max_bytes=0: must be positive");
  EXPECT_EQ(complaint({"--max_bytes=1G"}), "--max_bytes=1G: is not a whole number");
  EXPECT_EQ(complaint({"--nkerns=20"}), "--nkerns=20: must be two positive numbers, such as 20,50");
  EXPECT_EQ(complaint({"--nkerns=20,0"}),
            "--nkerns=20,0: must be two positive numbers, such as 20,50");
  EXPECT_EQ(complaint({"--floatX=float16"}), "--floatX=float16: must be float32 or float64");
  EXPECT_EQ(complaint({"--device=tpu"}), "--device=tpu: is no device of this build: cpu");
  EXPECT_EQ(complaint({"--seed=-1"}), "--seed=-1: must not be negative");
  EXPECT_EQ(complaint({"--n_hidden=5"}), "unknown flag '--n_hidden=5'; --help lists the flags");
  EXPECT_EQ(complaint({"train"}), "'train' is no flag; flags read --name=value");
  EXPECT_EQ(complaint({"--cost_log"}),
            "--cost_log needs a value: write the cost of every minibatch to this CSV file");
  EXPECT_EQ(complaint({"--resume"}), "--resume needs --checkpoint, the file to continue from");
}

}  // namespace
}  // namespace bitale
