#include "models/program/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "models/program/bitmap.h"
#include "models/program/curve.h"
#include "models/program/summary.h"

namespace bitale {
namespace {

TrainingProgram logistic() {
  return {.name = "logistic",
          .purpose = "is a test",
          .defaults = {.learning_rate = 0.13, .n_epochs = 1, .batch_size = 600},
          .build = softmax_regression,
          .last_lines = [](const TrainingResult& result) {
            return std::string(result.state.costs.empty() ? "nothing\n" : "The end.\n");
          }};
}

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "logistic");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.code = run_program(logistic(), static_cast<int>(argv.size()), argv.data());
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(Program, BadFlagsAreOneLineAndCodeTwo) {
  for (const char* flag : {"--no_such_flag", "--learning_rate=-1", "--batch_size=x",
                           "--floatX=int8", "--device=tpu", "--nkerns=1,2"}) {
    const Outcome outcome = run({flag});
    EXPECT_EQ(outcome.code, 2) << flag;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "") << flag;
  }
}

TEST(Program, BatchLargerThanTheDataIsABadFlag) {
  const Outcome outcome = run({"--batch_size=10001"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "logistic: --batch_size=10001: the data set has parts of only 10000 images\n");
}

// What a step of `batch` images takes at least, as the refusal tells.
int64_t bytes_of_step(int64_t batch) {
  const Outcome refused = run({"--max_bytes=1", "--batch_size=" + std::to_string(batch)});
  EXPECT_EQ(refused.code, 2);
  const std::string before = "function train_model: a call of these shapes takes ";
  const size_t at = refused.err.find(before);
  return at == std::string::npos ? -1 : std::stoll(refused.err.substr(at + before.size()));
}

TEST(Program, BatchBeyondMaxBytesIsABadFlagThatNamesOneThatFits) {
  const int64_t least = bytes_of_step(1), most = bytes_of_step(600);
  ASSERT_LT(least, most);
  const std::string limit = std::to_string((least + most) / 2);
  const Outcome refused = run({"--max_bytes=" + limit});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              ::testing::StartsWith("logistic: --batch_size=600: function train_model: a call of "
                                    "these shapes takes "));
  EXPECT_THAT(refused.err,
              ::testing::HasSubstr(" bytes, .max_bytes allows " + limit + "; --batch_size="));
  EXPECT_THAT(refused.err, ::testing::EndsWith(" fits\n"));
  EXPECT_EQ(refused.out.find("... training"), std::string::npos);
  const int64_t fits = std::stoll(refused.err.substr(refused.err.rfind('=') + 1));
  const auto code_with = [&](int64_t batch) {
    return run({"--max_bytes", limit, "--max_iterations=1",
                "--batch_size=" + std::to_string(batch)})
        .code;
  };
  EXPECT_EQ(code_with(fits), 0);
  EXPECT_EQ(code_with(fits + 1), 2);
}

TEST(Program, MaxBytesThatNoBatchFitsSaysSo) {
  const Outcome outcome = run({"--max_bytes=1"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("; not even --batch_size=1 fits\n"));
}

TEST(Program, MaxBytesThatAllBatchesFitChangesNothing) {
  const std::string free = ::testing::TempDir() + "free.csv";
  const std::string limited = ::testing::TempDir() + "limited.csv";
  ASSERT_EQ(run({"--max_iterations=3", "--cost_log", free}).code, 0);
  ASSERT_EQ(run({"--max_iterations=3", "--cost_log", limited, "--max_bytes=1000000000"}).code, 0);
  std::stringstream of_free, of_limited;
  of_free << std::ifstream(free).rdbuf();
  of_limited << std::ifstream(limited).rdbuf();
  EXPECT_EQ(of_limited.str(), of_free.str());
  EXPECT_NE(of_free.str(), "");
}

TEST(Program, HelpSaysDefaultsAndCodeIsZero) {
  const Outcome outcome = run({"--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("--learning_rate"), std::string::npos);
  EXPECT_NE(outcome.out.find("(default: 0.13)"), std::string::npos);
  EXPECT_EQ(outcome.out.find("--nkerns"), std::string::npos);
}

TEST(Program, MissingDataIsOneLineAndCodeOne) {
  const Outcome outcome = run({"--data_dir=/no/such/folder"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_NE(outcome.err.find("/no/such/folder"), std::string::npos);
}

TEST(Program, UnwritableFilesAreOneLineBeforeTraining) {
  const std::string folder = ::testing::TempDir();
  for (const std::string& flag :
       {std::string("--report=/no/such/folder/x.html"), "--report=" + folder,
        std::string("--checkpoint=/no/such/folder/x"), "--checkpoint=" + folder,
        std::string("--profile_trace=/no/such/folder/x")}) {
    const Outcome outcome = run({flag, "--max_iterations=1"});
    EXPECT_EQ(outcome.code, 1) << flag;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find(flag), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out.find("... training"), std::string::npos) << flag;
  }
  const Outcome full = run({"--cost_log=/dev/full", "--max_iterations=1"});
  EXPECT_EQ(full.code, 1);
  EXPECT_EQ(full.err, "logistic: cannot write the cost log /dev/full: No space left on device\n");
}

TEST(Program, LookingWhetherFilesCanBeWrittenChangesNothing) {
  const std::string report = ::testing::TempDir() + "old.html";
  const std::string checkpoint = ::testing::TempDir() + "new.ckpt";
  std::ofstream(report) << "old";
  const Outcome outcome =
      run({"--report", report, "--checkpoint", checkpoint, "--data_dir=/no/such/folder"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("train-images"), std::string::npos) << outcome.err;
  EXPECT_EQ(std::filesystem::file_size(report), 3u);
  EXPECT_FALSE(std::filesystem::exists(checkpoint));
  EXPECT_FALSE(std::filesystem::exists(checkpoint + ".tmp"));
}

TEST(Program, CheckpointOfOtherDataIsRefused) {
  const std::string path = ::testing::TempDir() + "data.ckpt";
  std::filesystem::remove(path);
  ASSERT_EQ(run({"--max_iterations=1", "--checkpoint", path}).code, 0);
  ASSERT_EQ(run({"--max_iterations=2", "--checkpoint", path, "--resume"}).code, 0);
  // The images to train on, as those to test with too.
  const std::filesystem::path from = "models/data/mnist", other = ::testing::TempDir() + "other";
  std::filesystem::remove_all(other);
  std::filesystem::create_directory(other);
  for (const auto& file : std::filesystem::directory_iterator(from)) {
    const std::string name = file.path().filename();
    const std::string source = name.starts_with("t10k") ? "train" + name.substr(4) : name;
    std::filesystem::create_symlink(std::filesystem::absolute(from / source), other / name);
  }
  const Outcome outcome =
      run({"--max_iterations=3", "--checkpoint", path, "--resume", "--data_dir=" + other.string()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("made with other settings"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(" data="), std::string::npos) << outcome.err;
}

TEST(Program, ProfileIsPrintedAndItsTraceWritten) {
  const std::string path = ::testing::TempDir() + "steps.json";
  const Outcome outcome = run({"--profile", "--profile_trace", path, "--max_iterations=3"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("function train_model: 3 calls"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("GFLOP/s"), std::string::npos) << outcome.out;
  // A kernel's share of the time, and how near it comes to what the machine reaches.
  EXPECT_THAT(outcome.out, ::testing::ContainsRegex("\n +[0-9.]+% [ 0-9.]+ +[0-9]+%  [a-z_]+  "));
  std::stringstream trace;
  trace << std::ifstream(path).rdbuf();
  EXPECT_NE(trace.str().find("\"traceEvents\":["), std::string::npos);
  EXPECT_NE(trace.str().find("\"dur\":"), std::string::npos);
  std::filesystem::remove(path);
}

TEST(Program, SummaryCountsParametersAndNeedsNoData) {
  const Outcome outcome = run({"--summary", "--data_dir=/no/such/folder"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("7,850"), std::string::npos);
}

TEST(Program, TrainsAndWritesAReportOfOneFile) {
  const std::string path = ::testing::TempDir() + "report.html";
  const Outcome outcome = run({"--max_iterations=83", "--report", path});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("... loading data\n... building the model\n... training\n"),
            std::string::npos);
  EXPECT_NE(outcome.out.find("epoch 1, minibatch 83/83, validation error"), std::string::npos);
  EXPECT_NE(outcome.out.find("The end.\n"), std::string::npos);
  EXPECT_EQ(outcome.out.find("training @ iter"), std::string::npos);
  std::ifstream file(path);
  std::stringstream html;
  html << file.rdbuf();
  for (const char* part : {"<svg", "data:image/bmp;base64,", "Confusion matrix",
                           "Misclassified digits", "learning_rate", "</html>"}) {
    EXPECT_NE(html.str().find(part), std::string::npos) << part;
  }
  EXPECT_EQ(html.str().find("http"), std::string::npos);
}

TEST(Summary, AddsUp) {
  EXPECT_EQ(with_commas(431080), "431,080");
  EXPECT_EQ(with_commas(12), "12");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
  EXPECT_EQ(summary_table({{"a", "dense", {3, 4}, 1000, 20}, {"b", "dense", {5}, 500, 7}}),
            "layer  kind   output  parameters  multiply-adds\n"
            "-----------------------------------------------\n"
            "a      dense  3x4          1,000             20\n"
            "b      dense  5              500              7\n"
            "-----------------------------------------------\n"
            "total                      1,500             27\n");
}

TEST(Bitmap, IsAnImageOfThePixels) {
  const std::string uri = gray_bitmap_uri(Tensor::from(std::vector<uint8_t>{1, 2, 3}, {1, 3}));
  // "BM", then the size: 14 + 40 + 1024 bytes and a row of 4.
  EXPECT_EQ(uri.substr(0, 30), "data:image/bmp;base64,Qk06BAAA");
}

TEST(Curve, HoldsPeaksAndSkipsWhatIsNotFinite) {
  std::vector<Point> points;
  for (int i = 0; i < 5000; ++i) points.push_back({static_cast<double>(i), i == 2500 ? 10.0 : 1.0});
  points.push_back({5000, std::numeric_limits<double>::quiet_NaN()});
  const std::string svg = curve_svg({{"--cost", points}}, "minibatch", "cost", false);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_NE(svg.find(" 16.0L"), std::string::npos);  // the peak touches the top
  EXPECT_LT(svg.size(), 20000u);
  EXPECT_NE(curve_svg({}, "x", "y", true).find("</svg>"), std::string::npos);
}

}  // namespace
}  // namespace bitale
