// How the kernels cut their work for threads.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/runs.h"

namespace bitale::conv2d_cpu {
namespace {

constexpr double kBlocksAtLeast = 16;
// Between some microseconds, which the way to another thread costs, and what fills its caches.
constexpr double kLeastWork = 2e5;
constexpr double kMostWork = 2e6;

// A block of images clears and adds up sums of its own: that must be little beside its products.
constexpr double kProductsPerSum = 80;
constexpr int64_t kMostBlocksOfImages = 16;
constexpr int64_t kSumsPerThread = 4096;

// Elements that are told of at once where all are.
constexpr int64_t kToldElements = 8192;

}  // namespace

double multiplications_of_block(double all) {
  return std::clamp(all / kBlocksAtLeast, kLeastWork, kMostWork);
}

void tell_all(int64_t count, PartDone done) {
  if (!done) return;
  parallel_ranges(count, kToldElements,
                  [&](int64_t begin, int64_t end) { done(begin, end - begin); });
}

int64_t blocks_of_images(const Lengths& lengths, double multiplications, int64_t size) {
  const double least = std::max(kLeastWork, kProductsPerSum * static_cast<double>(size));
  const double blocks = std::min(multiplications / least, static_cast<double>(kMostBlocksOfImages));
  return std::clamp<int64_t>(static_cast<int64_t>(blocks), 1, std::max<int64_t>(lengths.batch, 1));
}

template <typename T>
void add_blocks(int64_t blocks, int64_t size, T* sums) {
  if (blocks == 1) return;
  parallel_ranges(size, kSumsPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t block = 1; block < blocks; ++block) {
      cpu::runs<T>().add(end - begin, sums + block * size + begin, sums + begin);
    }
  });
}

template void add_blocks<float>(int64_t, int64_t, float*);
template void add_blocks<double>(int64_t, int64_t, double*);

}  // namespace bitale::conv2d_cpu
