// The list of launches that a program makes: order, capture, memory.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "autograd/grad.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/support/null_device.h"

namespace bitale {
namespace {

using Kind = DeviceEvent::Kind;

// Two layers that train on slices of a data set of 12 rows.
struct TwoLayers {
  explicit TwoLayers(const Mode& mode) {
    const Variable index = lscalar("index");
    const Variable x = data[slice(index * 3, (index + 1) * 3)];
    const Variable cost = sum(sqr(tanh(dot(tanh(dot(x, v)), w)) - 0.25f));
    step = function(
        {index}, cost,
        {.updates = {{v, v - 0.1f * grad(cost, v)}, {w, w - 0.1f * grad(cost, w)}}, .mode = mode});
  }
  static Tensor ramp(const Dims& shape) {
    const Tensor values = Tensor::arange(DType::kFloat32, element_count(shape));
    for (int64_t i = 0; i < values.size(); ++i) values.data<float>()[i] *= 0.02f;
    return values.reshape(shape);
  }
  Variable data = shared(ramp({12, 4}), "data");
  Variable v = shared(ramp({4, 6}), "v");
  Variable w = shared(ramp({6, 2}), "w");
  Function step;
};

std::vector<DeviceEvent> launches(const std::vector<DeviceEvent>& log) {
  std::vector<DeviceEvent> launches;
  std::copy_if(log.begin(), log.end(), std::back_inserter(launches),
               [](const DeviceEvent& event) { return event.kind == Kind::kLaunch; });
  return launches;
}

TEST(Launches, ReplayedOnesAreTheCapturedOnes) {
  NullDevice& null = NullDevice::get();
  TwoLayers net(kFastRun.on(kNullDevice));
  net.step(int64_t{0});
  const std::vector<DeviceEvent> first = null.log();
  ASSERT_FALSE(launches(first).empty());
  for (const DeviceEvent& event : first) EXPECT_FALSE(event.replayed);
  for (int64_t call = 1; call < 4; ++call) {
    null.clear_log();
    net.step(call);
    const std::vector<DeviceEvent> again = null.log();
    ASSERT_EQ(again.size(), first.size());
    for (size_t i = 0; i < again.size(); ++i) {
      if (again[i].kind == Kind::kDownload) continue;
      EXPECT_TRUE(again[i].same_work(first[i])) << "call " << call << ", event " << i;
      EXPECT_EQ(again[i].replayed, again[i].kind == Kind::kLaunch) << again[i].kernel;
    }
  }
}

TEST(Launches, RuntimeValuesReachReplayedLaunches) {
  NullDevice::get();
  TwoLayers device(kFastRun.on(kNullDevice));
  TwoLayers host(kFastRun);
  for (int64_t index : {0, 3, 1, 2, 0, 2}) {
    EXPECT_TRUE(all_close(device.step(index).only(), host.step(index).only(), 1e-6, 1e-7)) << index;
  }
  EXPECT_EQ(device.step.compile_count(), 1u);
  EXPECT_TRUE(all_close(get_value(device.v), get_value(host.v), 1e-6, 1e-7));
}

TEST(Launches, ASharedVariableThatMovedIsCapturedAnew) {
  NullDevice& null = NullDevice::get();
  TwoLayers device(kFastRun.on(kNullDevice));
  TwoLayers host(kFastRun);
  for (TwoLayers* net : {&device, &host}) {
    for (int call = 0; call < 3; ++call) net->step(int64_t{0});
    // Held, so that the new block cannot lie where the old one did.
    const Tensor old_block = net->w.container()->read(kNullDevice);
    set_value(net->w, TwoLayers::ramp({6, 2}), /*borrow=*/true);
    null.clear_log();
    net->step(int64_t{1});
    if (net == &device) {
      for (const DeviceEvent& event : null.log()) EXPECT_FALSE(event.replayed) << event.kernel;
    }
    for (int call = 0; call < 3; ++call) net->step(int64_t{0});
  }
  EXPECT_TRUE(all_close(get_value(device.w), get_value(host.w), 1e-6, 1e-7));
}

TEST(Launches, EveryOperandWasWrittenBeforeItIsRead) {
  NullDevice& null = NullDevice::get();
  TwoLayers net(kFastRun.on(kNullDevice));
  std::set<void*> written;
  for (const Variable& variable : {net.data, net.v, net.w}) {
    written.insert(variable.container()->read(kNullDevice).raw_data());
  }
  null.clear_log();
  net.step(int64_t{0});
  std::set<void*> made;
  for (const DeviceEvent& event : null.log()) {
    for (void* output : event.outputs) made.insert(output);
  }
  for (const DeviceEvent& event : null.log()) {
    for (void* input : event.inputs) {
      // What no launch makes is a shared variable or a constant.
      EXPECT_TRUE(!made.contains(input) || written.contains(input)) << event.kernel;
    }
    for (void* output : event.outputs) written.insert(output);
  }
}

TEST(Launches, BuffersInUseDoNotOverlap) {
  NullDevice& null = NullDevice::get();
  Variable x = fmatrix("x");
  // Values of different sizes that live long.
  std::vector<Variable> parts;
  for (int i = 1; i <= 6; ++i) {
    parts.push_back(sum(tanh(x * static_cast<float>(i)), {i % 2}));
    parts.push_back(sum(dot(tanh(x + static_cast<float>(i)), x), {0}));
  }
  Variable total = sum(parts[0]);
  for (size_t i = parts.size(); i-- > 1;) total = total + sum(tanh(parts[i]) * exp(parts[i - 1]));
  Function f = function({x}, total, {.mode = kFastCompile.on(kNullDevice)});
  f(Tensor::ones(DType::kFloat32, {40, 40}));
  // What each event wrote, until another writes over it.
  struct Block {
    std::byte* first;
    std::byte* last;
    bool live = true;
  };
  std::vector<Block> blocks;
  size_t reads = 0;
  for (const DeviceEvent& event : null.log()) {
    for (void* input : event.inputs) {
      auto* address = static_cast<std::byte*>(input);
      bool known = false;
      bool live = false;
      for (const Block& block : blocks) {
        if (address < block.first || address >= block.last) continue;
        known = true;
        live = live || block.live;
      }
      reads += known;
      EXPECT_TRUE(!known || live) << event.kernel << " reads what was written over";
    }
    for (size_t o = 0; o < event.outputs.size(); ++o) {
      auto* first = static_cast<std::byte*>(event.outputs[o]);
      std::byte* last = first + event.output_bytes[o];
      for (Block& block : blocks) {
        if (first < block.last && block.first < last) block.live = false;
      }
      blocks.push_back({first, last});
    }
  }
  EXPECT_GT(reads, 20u);
  EXPECT_GT(f.memory().device_arena_bytes, 0u);
  EXPECT_LT(f.memory().device_arena_bytes, f.memory().bytes_without_reuse);
}

}  // namespace
}  // namespace bitale
