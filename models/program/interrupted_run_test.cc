// Ctrl-C in the middle of a step: the run ends after that step, with its best result so far.

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/compile/kernel_registry.h"
#include "core/graph/inputs.h"
#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "core/graph/shape_context.h"
#include "core/graph/shared.h"
#include "models/program/program.h"
#include "nn/data/safetensors.h"
#include "ops/elementwise/operators.h"

namespace bitale {
namespace {

// The step, counted from 0, in whose middle Ctrl-C is pressed.
constexpr double kInterruptedStep = 3;

// The identity of a float64 scalar, which is the number of a step.
class TestStepOp final : public Op {
 public:
  std::string_view name() const override { return "test_step"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override {
    return {context.type(0)};
  }
  void infer_shape(ShapeContext& context) const override { context.set_dims(0, context.dims(0)); }
};

class TestStepKernel final : public Kernel {
 public:
  void run(const KernelFrame& frame) const override {
    const double step = *frame.input<double>(0);
    if (step == kInterruptedStep) std::raise(SIGINT);
    *frame.output<double>(0) = step;
  }
};

std::unique_ptr<const Kernel> make_step(KernelMaker&) { return std::make_unique<TestStepKernel>(); }

const KernelRegistrar test_step({.op = "test_step", .name = "test_step_cpu", .make = make_step});

// The cost of a step is its number. The validation error is 25 %, the test error 50 %.
Network interrupted_network(const DataSets& data, const Settings& settings) {
  Variable index = lscalar("index");
  const auto function_of_index = [&](const Variable& result, const Updates& updates) {
    return function({index}, result,
                    {.updates = updates, .on_unused_input = OnUnusedInput::kIgnore});
  };
  Variable step = shared(Tensor(0.0), "step");
  const Variable cost = apply_one(std::make_shared<TestStepOp>(), {step}, SourceSite::current());
  Network network = softmax_regression(data, settings);
  network.task.train = function_of_index(cost, {{step, step + 1.0}});
  network.task.validate = function_of_index(shared(Tensor(0.25), "validation_error"), {});
  network.task.test = function_of_index(shared(Tensor(0.5), "test_error"), {});
  return network;
}

std::string last_lines(const TrainingResult& result) {
  const EarlyStopping& best = result.state.early_stopping;
  return absl::StrFormat("best: %.2f at iteration %d, test %.2f\n", best.best_validation_error,
                         best.best_iteration + 1, best.test_error);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(InterruptedRun, EndsAfterTheRunningStepWithTheBestResult) {
  const std::string cost_log = ::testing::TempDir() + "interrupted.csv";
  const std::string checkpoint = ::testing::TempDir() + "interrupted.ckpt";
  std::filesystem::remove(checkpoint);
  // A validation after every third step; patience alone would end the run after the seventh.
  std::vector<std::string> arguments = {"interrupted", "--patience=6", "--cost_log=" + cost_log,
                                        "--checkpoint=" + checkpoint};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = run_program({.name = "interrupted",
                                .purpose = "is a test",
                                .defaults = {.batch_size = 500},
                                .build = interrupted_network,
                                .last_lines = last_lines},
                               static_cast<int>(argv.size()), argv.data());
  const std::string out = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(code, 0);
  const size_t training = out.find("... training\n");
  ASSERT_NE(training, std::string::npos) << out;
  EXPECT_EQ(out.substr(training),
            "... training\n"
            "epoch 1, minibatch 3/100, validation error 25.000000 %\n"
            "     epoch 1, minibatch 3/100, test error of best model 50.000000 %\n"
            "Interrupted.\n"
            "best: 0.25 at iteration 3, test 0.50\n");
  EXPECT_EQ(text_of(cost_log),
            "iteration,cost\n"
            "0,0.000000000000\n"
            "1,1.000000000000\n"
            "2,2.000000000000\n"
            "3,3.000000000000\n");
  const auto saved = read_safetensors(checkpoint);
  ASSERT_TRUE(saved.ok()) << saved.status().message();
  EXPECT_EQ(saved->metadata.at("next_iteration"), "4");
}

}  // namespace
}  // namespace bitale
