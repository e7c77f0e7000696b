#include "core/compile/memory_plan.h"

#include <algorithm>
#include <random>

#include "gtest/gtest.h"

namespace bitale {
namespace {

using Buffers = std::vector<BufferLifetime>;

// Every pair, byte range by byte range, so that it shares nothing with the planner.
void expect_disjoint(const Buffers& buffers, const MemoryPlan& plan) {
  ASSERT_EQ(plan.offsets.size(), buffers.size());
  for (size_t a = 0; a < buffers.size(); ++a) {
    EXPECT_EQ(plan.offsets[a] % 64, 0);
    EXPECT_GE(plan.offsets[a], 0);
    EXPECT_LE(plan.offsets[a] + buffers[a].bytes, plan.total_bytes);
    for (size_t b = 0; b < a; ++b) {
      bool at_once = false;
      for (int32_t i = buffers[a].begin; i <= buffers[a].end && !at_once; ++i) {
        at_once = i >= buffers[b].begin && i <= buffers[b].end;
      }
      const bool apart = plan.offsets[a] + buffers[a].bytes <= plan.offsets[b] ||
                         plan.offsets[b] + buffers[b].bytes <= plan.offsets[a];
      EXPECT_TRUE(!at_once || apart) << "buffers " << a << " and " << b;
    }
  }
}

int64_t most_in_use(const Buffers& buffers) {
  int64_t most = 0;
  for (const BufferLifetime& at : buffers) {
    int64_t bytes = 0;
    for (const BufferLifetime& buffer : buffers) {
      if (buffer.begin <= at.begin && at.begin <= buffer.end) bytes += buffer.bytes;
    }
    most = std::max(most, bytes);
  }
  return most;
}

Buffers random_buffers(std::mt19937& random, size_t count) {
  std::uniform_int_distribution<int32_t> at(0, static_cast<int32_t>(count));
  std::uniform_int_distribution<int32_t> life(0, 12);
  std::uniform_int_distribution<int> magnitude(0, 14);
  Buffers buffers;
  for (size_t i = 0; i < count; ++i) {
    const int32_t begin = at(random);
    const int64_t bytes = (int64_t{1} << magnitude(random)) - (i % 3 == 0 ? 1 : 0);
    buffers.push_back({bytes, begin, begin + life(random)});
  }
  return buffers;
}

TEST(MemoryPlan, GivesBuffersInUseAtOnceDisjointPlaces) {
  std::mt19937 random(7);
  for (const size_t count : {1, 2, 5, 20, 60, 200}) {
    for (int round = 0; round < 20; ++round) {
      const Buffers buffers = random_buffers(random, count);
      expect_disjoint(buffers, plan_memory(buffers));
    }
  }
}

TEST(MemoryPlan, GivesDisjointPlacesToManyBuffers) {
  std::mt19937 random(8);
  const Buffers buffers = random_buffers(random, 3000);
  expect_disjoint(buffers, plan_memory(buffers));
}

TEST(MemoryPlan, WithoutReuseGivesEveryBufferItsOwnPlace) {
  Buffers buffers = {{100, 0, 0}, {100, 1, 1}, {0, 2, 2}, {64, 3, 3}};
  const MemoryPlan plan = plan_memory(buffers, /*reuse=*/false);
  for (BufferLifetime& buffer : buffers) buffer = {buffer.bytes, 0, 3};
  expect_disjoint(buffers, plan);
  EXPECT_EQ(plan.total_bytes, 128 + 128 + 64);
}

TEST(MemoryPlan, StaysWithinATenthOfTheLowerBoundOnChainsWithGradients) {
  // Forward results live until their layer's backward step; sizes shrink as in a convolutional net.
  for (const int64_t odd : {0, 37, 129}) {
    Buffers buffers;
    const int32_t layers = 12;
    for (int32_t layer = 0; layer < layers; ++layer) {
      const int64_t bytes = (int64_t{1} << 20) / (layer + 1) + odd * 64 * layer;
      buffers.push_back({bytes, layer, 2 * layers - layer});
      buffers.push_back({bytes / 3, layer, layer});                            // workspace
      buffers.push_back({bytes, 2 * layers - layer, 2 * layers - layer + 1});  // gradient
    }
    const MemoryPlan plan = plan_memory(buffers);
    expect_disjoint(buffers, plan);
    EXPECT_LE(static_cast<double>(plan.total_bytes),
              1.1 * static_cast<double>(most_in_use(buffers)));
  }
}

TEST(MemoryPlan, TakesTheRoomOfTheDeadWherePlacesInTimeOrderWouldLeaveGaps) {
  // In the order of time the third finds a hole too small for it; by size it lies at the bottom.
  const Buffers buffers = {{1024, 0, 1}, {2048, 1, 3}, {3072, 2, 3}};
  const MemoryPlan plan = plan_memory(buffers);
  expect_disjoint(buffers, plan);
  EXPECT_EQ(plan.total_bytes, 5120);
}

TEST(MemoryPlan, OfNothingTakesNothing) {
  EXPECT_EQ(plan_memory({}).total_bytes, 0);
  EXPECT_EQ(plan_memory({{0, 0, 5}, {0, 1, 2}}).total_bytes, 0);
}

}  // namespace
}  // namespace bitale
