#include "core/runtime/thread_pool.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/base/options.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

// The number of threads for the life of the object.
class Threads {
 public:
  explicit Threads(int count) : before_(options().threads) { options().threads = count; }
  ~Threads() { options().threads = before_; }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

void expect_each_block_once(int64_t blocks) {
  std::vector<std::atomic<int>> visits(static_cast<size_t>(blocks));
  parallel_for(blocks, [&](int64_t block) { ++visits[static_cast<size_t>(block)]; });
  for (const std::atomic<int>& count : visits) ASSERT_EQ(count, 1);
}

TEST(ParallelFor, VisitsEachBlockOnce) {
  for (const int threads : {1, 2, 3, 8, 2}) {
    const Threads scope(threads);
    for (const int64_t blocks : {0, 1, 2, 3, 7, 64, 1000}) expect_each_block_once(blocks);
  }
}

TEST(ParallelFor, SeesWhatEarlierRoundsWrote) {
  const Threads scope(3);
  std::vector<int64_t> values(16, 0);
  for (int64_t round = 0; round < 20000; ++round) {
    parallel_for(16, [&](int64_t block) { values[static_cast<size_t>(block)] += 1; });
    ASSERT_EQ(values[static_cast<size_t>(round % 16)], round + 1);
  }
}

TEST(ParallelFor, WakesWorkersThatSleep) {
  const Threads scope(4);
  for (int pause = 0; pause < 20; ++pause) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    expect_each_block_once(100);
  }
}

TEST(ParallelFor, RunsInnerLoopsInTheirBlock) {
  const Threads scope(3);
  std::atomic<int> visits = 0;
  parallel_for(8, [&](int64_t) { parallel_for(8, [&](int64_t) { ++visits; }); });
  EXPECT_EQ(visits, 64);
}

TEST(ParallelFor, PassesOnTheFirstErrorAfterAllBlocksEnded) {
  const Threads scope(3);
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> inside = 0;
    EXPECT_THROW(parallel_for(16,
                              [&](int64_t block) {
                                ++inside;
                                if (block % 5 == 0) {
                                  --inside;
                                  throw std::runtime_error("a block failed");
                                }
                                --inside;
                              }),
                 std::runtime_error);
    EXPECT_EQ(inside, 0);
    expect_each_block_once(16);
  }
}

// More blocks than shares can count. They are the caller's, one after the other, so that the first
// error is the last block; to wait for all of them would take too long.
TEST(ParallelFor, LeavesMoreThan32BitsOfBlocksToTheCaller) {
  const Threads scope(3);
  const std::thread::id caller = std::this_thread::get_id();
  for (const int64_t blocks : {int64_t{1} << 32, int64_t{1} << 40}) {
    std::vector<int64_t> visited;
    EXPECT_THROW(parallel_for(blocks,
                              [&](int64_t block) {
                                // Elsewhere, errors do not end a loop.
                                if (std::this_thread::get_id() != caller) std::abort();
                                visited.push_back(block);
                                if (block == 5) throw std::runtime_error("a block failed");
                                if (block > 5) std::abort();
                              }),
                 std::runtime_error);
    EXPECT_EQ(visited, (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
  }
}

TEST(ParallelFor, ServesSeveralCallers) {
  const Threads scope(3);
  std::vector<std::thread> callers;
  std::atomic<int64_t> visits = 0;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round) parallel_for(9, [&](int64_t) { ++visits; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(visits, 4 * 500 * 9);
}

}  // namespace
}  // namespace bitale
