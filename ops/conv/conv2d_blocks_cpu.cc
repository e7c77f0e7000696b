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

// What is arranged at once, some microseconds' work.
constexpr int64_t kArrangedElements = 4096;

// Elements that are told of at once where all are.
constexpr int64_t kToldElements = 8192;

}  // namespace

double multiplications_of_block(double all) {
  return std::clamp(all / kBlocksAtLeast, kLeastWork, kMostWork);
}

int64_t depth_blocks(int64_t depth) { return cpu::panel_count(depth, kMostDepthAtOnce); }

int64_t depth_block_begin(int64_t depth, int64_t block) {
  return cpu::panel_begin(depth, depth_blocks(depth), block);
}

void tell_all(int64_t count, PartDone done) {
  if (!done) return;
  parallel_ranges(count, kToldElements,
                  [&](int64_t begin, int64_t end) { done(begin, end - begin); });
}

int64_t rows_of_block(int64_t depth) {
  return std::max<int64_t>(1, kArrangedElements / std::max<int64_t>(depth, 1));
}

// A power of two, which threads share evenly, or one for each image: the next one up too where its
// blocks have three quarters of the least work.
int64_t blocks_of_images(const Lengths& lengths, double multiplications, int64_t size) {
  const double least = std::max(kLeastWork, kProductsPerSum * static_cast<double>(size));
  int64_t blocks = 1;
  while (blocks < kMostBlocksOfImages &&
         static_cast<double>(3 * blocks) * least <= 2 * multiplications) {
    blocks *= 2;
  }
  return std::min(blocks, std::max<int64_t>(lengths.batch, 1));
}

template <typename T>
void add_blocks(int64_t blocks, int64_t size, int64_t count, T* sums) {
  for (int64_t block = 1; block < blocks; ++block) {
    cpu::runs<T>().add(count, sums + block * size, sums);
  }
}

template void add_blocks<float>(int64_t, int64_t, int64_t, float*);
template void add_blocks<double>(int64_t, int64_t, int64_t, double*);

}  // namespace bitale::conv2d_cpu
