#include "core/compile/memory_plan.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace bitale {
namespace {

constexpr int64_t kAlignment = 64;

int64_t round_up(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Free blocks of an arena, by offset and by size.
class FreeBlocks {
 public:
  // The smallest block that fits, else more arena.
  int64_t take(int64_t bytes) {
    const auto fit = by_size_.lower_bound({bytes, 0});
    if (fit != by_size_.end()) {
      const auto [size, offset] = *fit;
      erase(offset);
      if (size > bytes) insert(offset + bytes, size - bytes);
      return offset;
    }
    // A free block at the very end can grow.
    if (!by_offset_.empty()) {
      const auto last = std::prev(by_offset_.end());
      if (last->first + last->second == top_) {
        const int64_t offset = last->first;
        erase(offset);
        top_ = offset + bytes;
        return offset;
      }
    }
    const int64_t offset = top_;
    top_ += bytes;
    return offset;
  }

  void give(int64_t offset, int64_t bytes) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && offset + bytes == next->first) {
      bytes += next->second;
      const int64_t joined = next->first;
      ++next;
      erase(joined);
    }
    if (next != by_offset_.begin()) {
      const auto previous = std::prev(next);
      if (previous->first + previous->second == offset) {
        offset = previous->first;
        bytes += previous->second;
        erase(offset);
      }
    }
    insert(offset, bytes);
  }

  int64_t top() const { return top_; }

 private:
  void insert(int64_t offset, int64_t bytes) {
    by_offset_[offset] = bytes;
    by_size_.insert({bytes, offset});
  }
  void erase(int64_t offset) {
    by_size_.erase({by_offset_[offset], offset});
    by_offset_.erase(offset);
  }

  std::map<int64_t, int64_t> by_offset_;
  std::set<std::pair<int64_t, int64_t>> by_size_;
  int64_t top_ = 0;
};

}  // namespace

MemoryPlan plan_memory(const std::vector<BufferLifetime>& buffers, bool reuse) {
  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  if (!reuse) {
    for (size_t i = 0; i < buffers.size(); ++i) {
      plan.offsets[i] = plan.total_bytes;
      plan.total_bytes += round_up(buffers[i].bytes);
    }
    return plan;
  }
  std::vector<size_t> by_begin(buffers.size());
  std::iota(by_begin.begin(), by_begin.end(), size_t{0});
  std::vector<size_t> by_end = by_begin;
  // Larger blocks first where several begin at once.
  std::stable_sort(by_begin.begin(), by_begin.end(), [&](size_t a, size_t b) {
    return buffers[a].begin != buffers[b].begin ? buffers[a].begin < buffers[b].begin
                                                : buffers[a].bytes > buffers[b].bytes;
  });
  std::stable_sort(by_end.begin(), by_end.end(),
                   [&](size_t a, size_t b) { return buffers[a].end < buffers[b].end; });
  FreeBlocks blocks;
  size_t dying = 0;
  for (size_t i : by_begin) {
    while (dying < by_end.size() && buffers[by_end[dying]].end < buffers[i].begin) {
      const size_t dead = by_end[dying++];
      if (buffers[dead].bytes > 0) blocks.give(plan.offsets[dead], round_up(buffers[dead].bytes));
    }
    if (buffers[i].bytes > 0) plan.offsets[i] = blocks.take(round_up(buffers[i].bytes));
  }
  plan.total_bytes = blocks.top();
  return plan;
}

}  // namespace bitale
