// Function::memory(): what calls of whole programs take, and how near that is to the least.

#include <algorithm>
#include <functional>
#include <string>

#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/networks/networks.h"
#include "nn/sgd.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

using testing::HasSubstr;

DataSets blank_images(int64_t images) {
  const SharedSet set{shared(Tensor::zeros(float_x(), {images, 28 * 28})),
                      shared(Tensor::zeros(DType::kInt32, {images})), images};
  return {set, set, set, ""};
}

Network lenet(int64_t batch, std::array<int64_t, 2> nkerns = {20, 50}) {
  Settings settings;
  settings.batch_size = batch;
  settings.nkerns = nkerns;
  return convolutional_network(blank_images(batch), settings);
}

bool in_arena(const MemoryBuffer& buffer) {
  return buffer.kind == MemoryBuffer::Kind::kArena || buffer.kind == MemoryBuffer::Kind::kWorkspace;
}

// Which buffers hold a value while instruction `at` runs, told from the report alone.
std::vector<const MemoryBuffer*> in_use(const MemoryReport& report, int32_t at) {
  std::vector<const MemoryBuffer*> buffers;
  for (const MemoryBuffer& buffer : report.buffers) {
    if (in_arena(buffer) && buffer.in_place_of < 0 && buffer.begin <= at && at <= buffer.end) {
      buffers.push_back(&buffer);
    }
  }
  return buffers;
}

// Instruction by instruction and pair by pair: nothing here is shared with the planner.
void expect_consistent(const MemoryReport& report) {
  int32_t last = 0;
  for (const MemoryBuffer& buffer : report.buffers) last = std::max(last, buffer.end);
  size_t most = 0;
  for (int32_t at = 0; at <= last; ++at) {
    const std::vector<const MemoryBuffer*> live = in_use(report, at);
    size_t bytes = 0;
    for (size_t a = 0; a < live.size(); ++a) {
      bytes += live[a]->bytes;
      EXPECT_LE(live[a]->offset + live[a]->bytes, report.arena_bytes);
      for (size_t b = 0; b < a; ++b) {
        EXPECT_TRUE(live[a]->offset + live[a]->bytes <= live[b]->offset ||
                    live[b]->offset + live[b]->bytes <= live[a]->offset)
            << live[a]->op << " and " << live[b]->op << " overlap at instruction " << at;
      }
    }
    most = std::max(most, bytes);
  }
  EXPECT_EQ(report.lower_bound_bytes, most);
  for (const MemoryBuffer& buffer : report.buffers) {
    if (buffer.in_place_of < 0) continue;
    const MemoryBuffer& host = report.buffers[buffer.in_place_of];
    EXPECT_EQ(buffer.offset, host.offset);
    EXPECT_EQ(buffer.bytes, host.bytes);
    EXPECT_GE(buffer.begin, host.begin);
    EXPECT_LE(buffer.end, host.end);
  }
  EXPECT_EQ(report.peak_bytes,
            report.workspace_bytes + report.device_arena_bytes + report.output_bytes);
  EXPECT_GE(report.workspace_bytes, report.arena_bytes);
}

void expect_near_the_bound(const MemoryReport& report) {
  EXPECT_GT(report.lower_bound_bytes, 0u);
  EXPECT_LE(report.ratio(), 1.1) << report.str();
}

TEST(Memory, OfLeNetsTrainingStepIsWithinATenthOfTheLivenessBound) {
  for (const int64_t batch : {1, 3, 20, 57}) {
    const Network network = lenet(batch);
    network.task.train(0);
    const MemoryReport report = network.task.train.memory();
    expect_consistent(report);
    expect_near_the_bound(report);
  }
}

TEST(Memory, OfOddlyShapedNetworksIsWithinATenthOfTheLivenessBound) {
  for (const std::array<int64_t, 2> nkerns :
       {std::array<int64_t, 2>{3, 7}, {1, 1}, {33, 5}, {6, 64}}) {
    const Network network = lenet(11, nkerns);
    network.task.train(0);
    network.task.validate(0);
    expect_consistent(network.task.train.memory());
    expect_near_the_bound(network.task.train.memory());
    expect_consistent(network.task.validate.memory());
    expect_near_the_bound(network.task.validate.memory());
  }
}

TEST(Memory, OfTheMultilayerPerceptronIsWithinATenthOfTheLivenessBound) {
  for (const int64_t hidden : {17, 500}) {
    Settings settings;
    settings.batch_size = 20;
    settings.n_hidden = hidden;
    settings.L1_reg = 0.001;
    const Network network = multilayer_perceptron(blank_images(20), settings);
    network.task.train(0);
    expect_consistent(network.task.train.memory());
    expect_near_the_bound(network.task.train.memory());
  }
}

TEST(Memory, OfDeepNetworksOfUnequalLayersIsWithinATenthOfTheLivenessBound) {
  const Variable x = matrix("x");
  Variables params;
  Variable hidden = x;
  int64_t width = 48;
  for (int64_t layer = 0; layer < 24; ++layer) {
    const int64_t next = 16 + 29 * ((layer * 7) % 11);
    const Variable w = shared(Tensor::full(float_x(), {width, next}, 0.01));
    params.push_back(w);
    hidden = layer % 3 == 0 ? tanh(dot(hidden, w)) : sqr(dot(hidden, w)) * 0.5 + dot(hidden, w);
    width = next;
  }
  const Variable cost = mean(sqr(hidden));
  const Function train = function({x}, cost, {.updates = sgd(cost, params, 0.1)});
  train(Tensor::ones(float_x(), {70, 48}));
  expect_consistent(train.memory());
  expect_near_the_bound(train.memory());
}

TEST(Memory, NamesOpShapeAndTheUsersLineOfEachBuffer) {
  const Variable a = matrix("a"), b = matrix("b");
  const int line = __LINE__ + 1;
  const Variable product = dot(a, b);
  const Function f = function({a, b}, {tanh(product), dot(product, product)});
  f(Tensor::ones(DType::kFloat32, {8, 8}), Tensor::ones(DType::kFloat32, {8, 8}));
  const MemoryReport report = f.memory();
  const auto of_product =
      std::find_if(report.buffers.begin(), report.buffers.end(), [&](const MemoryBuffer& buffer) {
        return buffer.kind == MemoryBuffer::Kind::kArena &&
               testing::Value(buffer.site, HasSubstr("memory_test.cc:" + std::to_string(line)));
      });
  ASSERT_NE(of_product, report.buffers.end()) << report.str();
  EXPECT_EQ(of_product->bytes, 8u * 8u * 4u);
  EXPECT_EQ(of_product->dtype, DType::kFloat32);
  EXPECT_EQ(of_product->shape, (Dims{8, 8}));
  EXPECT_EQ(report.output_bytes, 2u * 8u * 8u * 4u);
  EXPECT_THAT(report.str(), HasSubstr("liveness lower bound"));
  EXPECT_THAT(report.str(), HasSubstr("float32 (8, 8), made at "));
}

TEST(Memory, OfAFunctionThatWasNotCalledIsEmpty) {
  const Variable x = matrix("x");
  const MemoryReport report = function({x}, tanh(x)).memory();
  EXPECT_EQ(report.peak_bytes, 0u);
  EXPECT_TRUE(report.buffers.empty());
  EXPECT_EQ(report.ratio(), 1);
}

TEST(Memory, BeyondMaxBytesIsRefusedBeforeAnythingRuns) {
  const Variable x = matrix("x");
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {64, 64}));
  const Variable count = shared(Tensor(int64_t{0}));
  const Function f = function({x}, mean(tanh(dot(x, w))),
                              {.updates = {{count, count + 1}}, .max_bytes = 128 * 1024});
  f(Tensor::ones(DType::kFloat32, {100, 64}));
  EXPECT_LE(f.memory().peak_bytes, 128u * 1024u);
  try {
    f(Tensor::ones(DType::kFloat32, {1000, 64}));
    FAIL() << "1000 rows take 256000 bytes";
  } catch (const OutOfMemoryError& error) {
    EXPECT_THAT(error.what(), HasSubstr(".max_bytes allows 131072"));
    // What is promised to fit does, and one row more does not.
    const std::string text = error.what();
    const size_t at = text.find("a first axis of at most ");
    ASSERT_NE(at, std::string::npos) << text;
    const int64_t rows = std::stoll(text.substr(at + 24));
    EXPECT_GT(rows, 100);
    f(Tensor::ones(DType::kFloat32, {rows, 64}));
    EXPECT_THROW(f(Tensor::ones(DType::kFloat32, {rows + 1, 64})), OutOfMemoryError);
  }
  EXPECT_EQ(get_value(count).item<int64_t>(), 2);
}

// What a call that `function` refuses is told.
std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const OutOfMemoryError& error) {
    return error.what();
  }
  return "not refused";
}

TEST(Memory, BeyondMaxBytesSaysWhyNoArgumentIsNamed) {
  const Variable x = matrix("x"), index = lscalar("index");
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {64, 64}));
  const Variable images = shared(Tensor::zeros(DType::kFloat32, {2000, 64}));
  const Variable cost = mean(tanh(dot(x, w)));
  const Function of_slice = function(
      {index}, cost,
      {.givens = {{x, images[slice(index * 1000, (index + 1) * 1000)]}}, .max_bytes = 128 * 1024});
  EXPECT_THAT(refusal([&] { of_slice(int64_t{0}); }),
              HasSubstr("\n  hint: no argument has a first axis that may be shorter: the lengths "
                        "are the graph's own, such as that of a slice in .givens"));
  const Function tiny = function({x}, cost, {.max_bytes = 1});
  EXPECT_THAT(refusal([&] {
                tiny(Tensor::ones(DType::kFloat32, {100, 64}));
              }),
              HasSubstr("\n  hint: arguments with a shorter first axis do not fit either"));
}

// Large values of small operands, each needed forward and again for the gradient.
struct WideSum {
  Variable x = vector("x");
  Variable w = shared(Tensor::full(DType::kFloat32, {256, 4}, 0.01));
  Updates updates;
  Variable cost;

  WideSum() {
    const Variable ramp = constant(Tensor::arange(DType::kFloat32, 256));
    Variable total = constant(0.0F);
    for (int i = 0; i < 6; ++i) {
      const Variable waves = sin(dimshuffle(x, {0, kNewAxis}) * (0.1 + i) + ramp);
      total = total + mean(sqr(dot(waves, w)));
    }
    cost = total;
    updates = sgd(cost, {w}, 0.1);
  }
};

TEST(Memory, IsSavedByComputingCheapValuesAgainWhereTheLimitAsksForIt) {
  const Tensor x = Tensor::full(DType::kFloat32, {300}, 0.5);
  const WideSum free, limited;
  const Function roomy = function({free.x}, free.cost, {.updates = free.updates});
  const float cost = roomy(x).item<float>();
  const size_t kept = roomy.memory().peak_bytes;
  const Function tight =
      function({limited.x}, limited.cost, {.updates = limited.updates, .max_bytes = kept / 2});
  EXPECT_EQ(tight(x).item<float>(), cost);
  EXPECT_LE(tight.memory().peak_bytes, kept / 2);
  expect_consistent(tight.memory());
  EXPECT_TRUE(same_bits(get_value(limited.w), get_value(free.w)));
  // What fits anyway computes nothing twice.
  const Function enough =
      function({limited.x}, limited.cost, {.updates = limited.updates, .max_bytes = kept});
  enough(x);
  EXPECT_EQ(enough.memory().buffers.size(), roomy.memory().buffers.size());
}

}  // namespace
}  // namespace bitale
