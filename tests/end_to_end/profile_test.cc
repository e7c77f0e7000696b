// Function::profile(): what it counts, and its three forms.

#include <algorithm>
#include <stdexcept>

#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kRows = 12, kInner = 30, kColumns = 7;

// A product of (12, 30) and (30, 7), called `calls` times.
Profile profile_of_product(int calls) {
  const Variable a = matrix("a"), b = matrix("b");
  const Function f = function({a, b}, dot(a, b), {.name = "multiply", .profile = true});
  for (int i = 0; i < calls; ++i) {
    f(Tensor::ones(DType::kFloat32, {kRows, kInner}),
      Tensor::ones(DType::kFloat32, {kInner, kColumns}));
  }
  return f.profile();
}

KernelProfile row_of(const Profile& profile, const std::string& op) {
  for (const KernelProfile& kernel : profile.kernels) {
    if (kernel.op.starts_with(op)) return kernel;
  }
  throw std::runtime_error("no row for " + op);
}

TEST(Profile, CountsCallsFlopsAndBytesOfAProduct) {
  const Profile profile = profile_of_product(5);
  EXPECT_EQ(profile.function, "multiply");
  EXPECT_EQ(profile.calls, 5);
  const KernelProfile dot = row_of(profile, "dot");
  EXPECT_EQ(dot.calls, 5);
  EXPECT_EQ(dot.flops, 5.0 * 2 * kRows * kInner * kColumns);
  EXPECT_EQ(dot.bytes_read, 5.0 * 4 * (kRows * kInner + kInner * kColumns));
  EXPECT_EQ(dot.bytes_written, 5.0 * 4 * kRows * kColumns);
  EXPECT_THAT(dot.site, HasSubstr("profile_test.cc:"));
  EXPECT_GT(dot.nanoseconds, 0);
  EXPECT_GE(profile.nanoseconds, profile.kernel_nanoseconds());
}

TEST(Profile, CountsMultiplicationsOfAConvolutionByItsGroups) {
  const Variable x = tensor4("x"), w = tensor4("w");
  const Function f = function({x, w}, conv2d(x, w, {.num_groups = 2}), {.profile = true});
  f(Tensor::ones(DType::kFloat32, {3, 4, 9, 8}), Tensor::ones(DType::kFloat32, {6, 2, 3, 2}));
  EXPECT_EQ(row_of(f.profile(), "conv2d").flops, 2.0 * 3 * 6 * 7 * 7 * (2 * 3 * 2));
}

TEST(Profile, ReadsABroadcastOperandOnce) {
  const Variable x = matrix("x"), row = vector("row");
  const Function f = function({x, row}, x + row, {.profile = true});
  f(Tensor::ones(DType::kFloat32, {10, 6}), Tensor::ones(DType::kFloat32, {6}));
  const KernelProfile add = row_of(f.profile(), "add");
  EXPECT_EQ(add.bytes_read, 4.0 * (60 + 6));
  EXPECT_EQ(add.flops, 60);
}

TEST(Profile, PercentOfLimitIsThatOfTheNearerLimit) {
  KernelProfile kernel;
  kernel.nanoseconds = 1000;
  kernel.flops = 500;        // 0.5 GFLOP/s
  kernel.bytes_read = 3000;  // 4 GB/s in all
  kernel.bytes_written = 1000;
  EXPECT_DOUBLE_EQ(kernel.flops_per_second(), 0.5e9);
  EXPECT_DOUBLE_EQ(kernel.bytes_per_second(), 4e9);
  EXPECT_DOUBLE_EQ(kernel.percent_of_limit({1e9, 16e9}), 50);
  EXPECT_DOUBLE_EQ(kernel.percent_of_limit({1e9, 5e9}), 80);
  EXPECT_DOUBLE_EQ(kernel.percent_of_limit({0, 5e9}), 80);
  EXPECT_LT(kernel.percent_of_limit({}), 0);
}

TEST(Profile, TextHasARowPerKernelAndPercentOnlyWithLimits) {
  const Profile profile = profile_of_product(2);
  EXPECT_THAT(profile.str(), StartsWith("function multiply: 2 calls"));
  EXPECT_THAT(profile.str(), HasSubstr("GFLOP/s"));
  EXPECT_THAT(profile.str(), HasSubstr("      - "));
  EXPECT_THAT(profile.str({1e3, 1e3}), testing::Not(HasSubstr("      - ")));
}

TEST(Profile, JsonHoldsEveryRow) {
  const Profile profile = profile_of_product(3);
  const json root = json::parse(profile.json({1e9, 1e9}));
  EXPECT_EQ(root["function"], "multiply");
  EXPECT_EQ(root["calls"], 3);
  EXPECT_EQ(root["limits"]["flops_per_second"], 1e9);
  ASSERT_EQ(root["kernels"].size(), profile.kernels.size());
  double share = 0;
  for (const json& kernel : root["kernels"]) {
    EXPECT_TRUE(kernel.contains("percent_of_limit"));
    share += kernel["share"].get<double>();
  }
  EXPECT_NEAR(share, 1, 1e-9);
  const json without = json::parse(profile.json());
  EXPECT_FALSE(without["kernels"][0].contains("percent_of_limit"));
}

TEST(Profile, TraceHasAnEventPerKernelCallWithinItsFunctionsCall) {
  const json root = json::parse(profile_of_product(4).trace());
  const json& events = root["traceEvents"];
  std::vector<std::pair<double, double>> calls;
  for (const json& event : events) {
    EXPECT_EQ(event["ph"], "X");
    EXPECT_TRUE(event.contains("tid"));
    EXPECT_GE(event["ts"].get<double>(), 0);
    const double start = event["ts"], end = start + event["dur"].get<double>();
    if (event["cat"] == "call") calls.emplace_back(start, end);
  }
  ASSERT_EQ(calls.size(), 4u);
  int kernels = 0;
  for (const json& event : events) {
    if (event["cat"] != "kernel") continue;
    ++kernels;
    EXPECT_THAT(event["args"]["site"], HasSubstr("profile_test.cc:"));
    const double start = event["ts"], end = start + event["dur"].get<double>();
    const bool within = std::any_of(calls.begin(), calls.end(), [&](const auto& call) {
      return call.first <= start && end <= call.second + 1e-6;
    });
    EXPECT_TRUE(within) << event;
  }
  EXPECT_GE(kernels, 4);
}

TEST(Profile, KeepsTheLatestEventsOfMany) {
  const Variable a = scalar("a");
  const Function f = function({a}, a + a, {.profile = true});
  const int calls = static_cast<int>(Profile::kMostEvents) / 2 + 100;
  for (int i = 0; i < calls; ++i) f(1.0);
  const Profile profile = f.profile();
  EXPECT_EQ(profile.calls, calls);
  EXPECT_EQ(profile.events.size(), Profile::kMostEvents);
  EXPECT_THAT(profile.events, Contains(Field(&ProfileEvent::start, 0)));
}

TEST(Profile, OfEqualKernelsInTwoProgramsIsOneRow) {
  const Variable x = vector("x");
  const Function f = function({x}, tanh(x), {.profile = true});
  f(Tensor::ones(DType::kFloat32, {4}));
  f(Tensor::ones(DType::kFloat32, {6}));
  const Profile profile = f.profile();
  ASSERT_EQ(profile.kernels.size(), 1u);
  EXPECT_EQ(profile.kernels[0].calls, 2);
  EXPECT_EQ(profile.kernels[0].bytes_written, 4.0 * (4 + 6));
}

TEST(Profile, OfAFunctionWithoutItIsEmpty) {
  const Variable x = vector("x");
  const Function f = function({x}, tanh(x));
  f(Tensor::ones(DType::kFloat32, {4}));
  EXPECT_EQ(f.profile().str(), "");
  EXPECT_TRUE(f.profile().kernels.empty());
}

}  // namespace
}  // namespace bitale
