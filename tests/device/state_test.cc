// Shared variables between the host and a device, and graphs that need more than launches.

#include <gtest/gtest.h>

#include "core/compile/function.h"
#include "core/compile/transfer.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/control/map.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"
#include "ops/linalg/dot.h"
#include "ops/random/random_streams.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/concatenate.h"
#include "tests/support/null_device.h"

namespace bitale {
namespace {

using Kind = DeviceEvent::Kind;

const Mode on_device = kFastRun.on(kNullDevice);

TEST(DeviceState, TheHostSeesWhatTheDeviceWroteAndTheOtherWayRound) {
  NullDevice::get();
  Variable w = shared(Tensor::of<double>({1, 2, 3}), "w");
  Function doubles = function({}, Variables{}, {.updates = {{w, w * 2.0}}, .mode = on_device});
  Function adds_one = function({}, Variables{}, {.updates = {{w, w + 1.0}}});
  Function reads = function({}, sum(w));
  doubles();
  EXPECT_EQ(reads().item<double>(), 12.0);
  adds_one();
  doubles();
  doubles();
  adds_one();
  EXPECT_EQ(get_value(w).to_vector<double>(), (std::vector<double>{13, 21, 29}));
}

TEST(DeviceState, TransfersAlonePlaceAPartOfAHostFunction) {
  NullDevice& null = NullDevice::get();
  Variable x = dmatrix("x");
  Function f = function({x}, sum(tanh(transfer(x * 2.0, kNullDevice))));
  Function host = function({x}, sum(tanh(x * 2.0)));
  const Tensor value = Tensor::of<double>({{0.5, 1.0}, {2.0, -1.0}});
  EXPECT_TRUE(same_bits(f(value).only(), host(value).only())) << f.program_dump();
  EXPECT_GT(null.count(Kind::kLaunch), 0u);
  EXPECT_EQ(null.count(Kind::kUpload), 1u);
  EXPECT_EQ(null.count(Kind::kDownload), 1u);
}

TEST(DeviceState, AnUpdateOfAnotherShapeTakesANewBlockOnTheDevice) {
  NullDevice::get();
  Variable rows = shared(Tensor::of<float>({{1, 2}}), "rows", {.dims = SymbolicDims{Dim("n"), 2}});
  Function grow = function(
      {}, Variables{}, {.updates = {{rows, concatenate({rows, rows + 1.0f})}}, .mode = on_device});
  grow();
  grow();
  EXPECT_EQ(get_value(rows).to_vector<float>(), (std::vector<float>{1, 2, 2, 3, 2, 3, 3, 4}));
}

TEST(DeviceState, UpdatesThatSwapReadOldValues) {
  NullDevice::get();
  Variable a = shared(Tensor::of<float>({1, 2}), "a");
  Variable b = shared(Tensor::of<float>({3, 4}), "b");
  Function swap = function({}, sum(a), {.updates = {{a, b}, {b, a}}, .mode = on_device});
  for (int call = 0; call < 3; ++call) swap();
  EXPECT_EQ(get_value(a).to_vector<float>(), (std::vector<float>{3, 4}));
  EXPECT_EQ(get_value(b).to_vector<float>(), (std::vector<float>{1, 2}));
}

TEST(DeviceState, ACounterSelectsRowsWithoutRecompiling) {
  NullDevice::get();
  Variable data = shared(Tensor::arange(DType::kFloat32, 12).reshape({6, 2}), "data");
  Variable counter = shared(Tensor(int64_t{0}), "counter");
  Function next = function({}, sum(data[slice(counter * 2, counter * 2 + 2)]),
                           {.updates = {{counter, counter + 1}}, .mode = on_device});
  for (const float expected : {6.0f, 22.0f, 38.0f}) EXPECT_EQ(next().item<float>(), expected);
  EXPECT_EQ(next.compile_count(), 1u);
  EXPECT_EQ(get_value(counter).item<int64_t>(), 3);
}

TEST(DeviceState, RandomStreamsDrawWhatTheyDrawOnTheHost) {
  NullDevice::get();
  RandomStreams host_stream(7);
  RandomStreams device_stream(7);
  Function host = function({}, host_stream.uniform({5}, 0.0, 1.0, DType::kFloat32));
  Function device =
      function({}, device_stream.uniform({5}, 0.0, 1.0, DType::kFloat32), {.mode = on_device});
  for (int call = 0; call < 3; ++call) {
    EXPECT_TRUE(same_bits(host().only(), device().only())) << call;
  }
}

TEST(DeviceState, ALoopRunsAsOneLaunch) {
  NullDevice& null = NullDevice::get();
  Variable x = dmatrix("x");
  const auto row = [](const Variables& v) { return sum(tanh(v[0]) * v[0]); };
  Function device = function({x}, map(row, {x}), {.mode = on_device});
  Function host = function({x}, map(row, {x}));
  const Tensor value = Tensor::of<double>({{0.5, 1.0}, {2.0, -1.0}});
  EXPECT_TRUE(same_bits(device(value).only(), host(value).only()));
  EXPECT_EQ(null.count(Kind::kLaunch), 1u);
}

TEST(DeviceState, EmptyTensorsRun) {
  NullDevice::get();
  Variable x = fmatrix("x");
  Variable w = shared(Tensor::ones(DType::kFloat32, {3, 2}), "w");
  Function f = function({x}, {sum(dot(x, w)), tanh(dot(x, w))}, {.mode = on_device});
  for (int call = 0; call < 3; ++call) {
    const Results results = f(Tensor::zeros(DType::kFloat32, {0, 3}));
    EXPECT_EQ(results[0].item<float>(), 0.0f);
    EXPECT_EQ(results[1].shape(), (Dims{0, 2}));
  }
}

TEST(DeviceState, StridedArgumentsArriveInOrder) {
  NullDevice::get();
  Variable x = dmatrix("x");
  Function f = function({x}, x * 2.0, {.mode = on_device});
  const Tensor value = Tensor::of<double>({{1, 2, 3}, {4, 5, 6}});
  EXPECT_EQ(f(value.transpose()).only().to_vector<double>(),
            (std::vector<double>{2, 8, 4, 10, 6, 12}));
}

}  // namespace
}  // namespace bitale
