// The training programs as users run them: what their flags do, and every line that they print.

#include <sys/wait.h>

#include <cstdio>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/golden/costs.h"

namespace bitale {
namespace {

using testing::MatchesRegex;

// What a program of models/ prints, on stderr too. A test failure unless it ends with code 0.
std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(("models/" + command + " 2>&1").c_str(), "r");
  EXPECT_NE(pipe, nullptr) << command;
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  const int status = pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << "\n" << output;
  return output;
}

// One step, then a validation and a test: the shortest run that reaches the last lines.
constexpr char kOneStep[] = " --max_iterations=1 --patience=2 --batch_size=500";

// A number with so many digits after its point.
std::string number(int digits) { return "[0-9]+[.][0-9]{" + std::to_string(digits) + "}"; }

// The lines up to the first validation, as a regular expression.
std::string first_lines() {
  return "device cpu, [0-9]+ threads?, [A-Z0-9_]+, float32\n"
         "[.]{3} loading data\n"
         "[.]{3} building the model\n"
         "[.]{3} training\n";
}

std::string validation_lines() {
  return "epoch 1, minibatch 1/100, validation error " + number(6) + " %\n" +
         "     epoch 1, minibatch 1/100, test error of best model " + number(6) + " %\n";
}

TEST(Programs, TakeFlagsThatGiveTheTutorialsCosts) {
  constexpr size_t kIterations = 3;
  const std::string cost_log = testing::TempDir() + "costs.csv";
  output_of("convolutional_mlp --floatX=float64 --batch_size=20 --max_iterations=3 --cost_log=" +
            cost_log);
  const std::vector<double> costs = read_costs(cost_log);
  const std::vector<double> golden = read_costs("tests/golden/convolutional_mlp_batch20.csv");
  ASSERT_EQ(costs.size(), kIterations);
  ASSERT_GE(golden.size(), kIterations);
  for (size_t i = 0; i < kIterations; ++i) {
    EXPECT_NEAR(costs[i], golden[i], 1e-9) << "iteration " << i;
  }
}

TEST(Programs, ConvolutionalMlpPrintsTheTutorialsLines) {
  EXPECT_THAT(
      output_of(std::string("convolutional_mlp --nkerns=2,3") + kOneStep),
      MatchesRegex(first_lines() + "training @ iter = 0\n" + validation_lines() +
                   "Optimization complete[.]\n"
                   "Best validation score of " +
                   number(6) + " % obtained at iteration 1, with test performance " + number(6) +
                   " %\n"
                   "The code for file convolutional_mlp[.]cc ran for " +
                   number(2) + "m\n"));
}

TEST(Programs, MlpPrintsTheTutorialsLines) {
  EXPECT_THAT(output_of(std::string("mlp --n_hidden=10") + kOneStep),
              MatchesRegex(first_lines() + validation_lines() +
                           "Optimization complete[.] Best validation score of " + number(6) +
                           " % obtained at iteration 1, with test performance " + number(6) +
                           " %\n"
                           "The code for file mlp[.]cc ran for " +
                           number(2) + "m\n"));
}

TEST(Programs, LogisticSgdPrintsTheTutorialsLines) {
  EXPECT_THAT(output_of(std::string("logistic_sgd") + kOneStep),
              MatchesRegex(first_lines() + validation_lines() +
                           "Optimization complete with best validation score of " + number(6) +
                           " %, with test performance " + number(6) +
                           " %\n"
                           "The code run for 1 epochs, with " +
                           number(6) +
                           " epochs/sec\n"
                           "The code for file logistic_sgd[.]cc ran for " +
                           number(1) + "s\n"));
}

}  // namespace
}  // namespace bitale
