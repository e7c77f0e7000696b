// Where nodes run, which transfers that takes, and what programs for a device look like.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/compile/transfer.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/support/null_device.h"

namespace bitale {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Kind = DeviceEvent::Kind;

const Mode on_device = kFastRun.on(kNullDevice);

std::string compile_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const CompileError& error) {
    return error.what();
  }
  return "no CompileError";
}

TEST(Placement, AMissingKernelIsAnErrorThatNamesOpDeviceDTypesAndLine) {
  NullDevice::get().remove_kernels({"dot", "gemm"});
  Variable x = fmatrix("x");
  Variable w = shared(Tensor::ones(DType::kFloat32, {3, 2}), "w");
  Function f = function({x}, dot(x, w), {.mode = on_device});
  const std::string text = compile_error([&] { f(Tensor::ones(DType::kFloat32, {4, 3})); });
  EXPECT_THAT(text, AllOf(HasSubstr("dot: no kernel for this call on null:0"), HasSubstr("float32"),
                          HasSubstr("placement_test.cc:"), HasSubstr("kernels exist on cpu only"),
                          HasSubstr("hint: transfer(")));
}

TEST(Placement, AnOpWithoutAKernelRunsOnTheHostIfTheUserSaysSo) {
  NullDevice& null = NullDevice::get();
  null.remove_kernels({"dot", "gemm"});
  Variable x = fmatrix("x");
  Variable y = dot(transfer(tanh(x), kCpu), transfer(tanh(x), kCpu));
  Function f = function({x}, sum(transfer(y, kNullDevice)), {.mode = on_device});
  Function host = function({x}, sum(dot(tanh(x), tanh(x))));
  const Tensor value = Tensor::of<float>({{0.5f, 1.0f}, {-1.0f, 0.25f}});
  for (int call = 0; call < 3; ++call) {
    EXPECT_TRUE(same_bits(f(value).only(), host(value).only())) << f.program_dump();
  }
  EXPECT_EQ(null.count(Kind::kDownload), 6u) << "tanh(x) and the sum";
}

TEST(Placement, AnUnknownDeviceIsAnErrorWhenCompiling) {
  NullDevice::get();
  Variable x = fmatrix("x");
  EXPECT_THROW(function({x}, tanh(x), {.mode = kFastRun.on({DeviceKind::kCuda, 0})}), DeviceError);
}

TEST(Placement, DebugModeRefusesADevice) {
  NullDevice::get();
  Variable x = fmatrix("x");
  EXPECT_THAT(compile_error([&] { function({x}, tanh(x), {.mode = kDebugMode.on(kNullDevice)}); }),
              HasSubstr("kDebugMode runs on cpu, not on null:0"));
}

TEST(Placement, HostIntegersNeverCross) {
  NullDevice& null = NullDevice::get();
  Variable x = fmatrix("x");
  Variable n = lscalar("n");
  Function f = function({x, n}, tanh(x) * cast(n + 1, DType::kFloat32), {.mode = on_device});
  EXPECT_EQ(f(Tensor::zeros(DType::kFloat32, {2, 2}), int64_t{4}).only().shape(), (Dims{2, 2}));
  for (const DeviceEvent& event : null.log()) {
    if (event.kind == Kind::kUpload) {
      EXPECT_TRUE(event.bytes == 16 || event.bytes == 8) << event.bytes;
    }
  }
  EXPECT_EQ(null.count(Kind::kUpload), 2u) << "x, and one register\n" << f.program_dump();
}

TEST(Placement, AResultThatIsTransferredStaysOnTheDevice) {
  NullDevice& null = NullDevice::get();
  Variable x = fmatrix("x");
  Function f = function({x}, transfer(tanh(x), kNullDevice), {.mode = on_device});
  const Tensor value = Tensor::of<float>({{0.5f, 1.0f}});
  const Tensor result = f(value).only();
  EXPECT_EQ(result.device(), kNullDevice);
  EXPECT_EQ(null.count(Kind::kDownload), 0u);
  EXPECT_TRUE(same_bits(result.to(kCpu), function({x}, tanh(x))(value).only()));
}

TEST(Placement, StopoversAreSkipped) {
  NullDevice& null = NullDevice::get();
  Variable x = fmatrix("x");
  Variable there_and_back = transfer(transfer(tanh(x), kCpu), kNullDevice);
  Function f = function({x}, exp(there_and_back), {.mode = on_device});
  f(Tensor::of<float>({{0.5f, 1.0f}}));
  EXPECT_EQ(null.count(Kind::kDownload), 1u) << f.program_dump();
  EXPECT_EQ(null.count(Kind::kUpload), 1u);
}

TEST(Placement, TransferHasAGradientAndATangent) {
  NullDevice::get();
  Variable x = dmatrix("x");
  const Variable cost = sum(sqr(transfer(tanh(x), kCpu)));
  Function f = function({x}, grad(cost, x), {.mode = on_device});
  Function host = function({x}, grad(sum(sqr(tanh(x))), x));
  const Tensor value = Tensor::of<double>({{0.5, 1.0}, {2.0, -1.0}});
  EXPECT_TRUE(all_close(f(value).only(), host(value).only(), 1e-12)) << f.program_dump();
}

TEST(Placement, TheDumpNamesDevices) {
  NullDevice::get();
  Variable x = fmatrix("x");
  Variable w = shared(Tensor::ones(DType::kFloat32, {3, 2}), "w");
  Function f = function({x}, tanh(dot(x, w)), {.mode = on_device});
  f(Tensor::ones(DType::kFloat32, {4, 3}));
  EXPECT_THAT(f.program_dump(),
              AllOf(HasSubstr("on null:0: arena "), HasSubstr("shared0@null:0"),
                    HasSubstr("arena@null:0+"), HasSubstr("[upload@null:0] (input0)"),
                    HasSubstr("output0 float32(4, 2) = transfer [download@null:0]")));
}

TEST(Placement, AFunctionOfTheHostKnowsNoDevice) {
  NullDevice::get();
  Variable x = fmatrix("x");
  Function f = function({x}, tanh(x));
  f(Tensor::ones(DType::kFloat32, {4, 3}));
  EXPECT_THAT(f.program_dump(), Not(HasSubstr("@")));
}

}  // namespace
}  // namespace bitale
