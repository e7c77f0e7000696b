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

MemoryPlan place_without_reuse(const std::vector<BufferLifetime>& buffers) {
  MemoryPlan plan;
  for (const BufferLifetime& buffer : buffers) {
    plan.offsets.push_back(plan.total_bytes);
    plan.total_bytes += round_up(buffer.bytes);
  }
  return plan;
}

// The order in which a program needs them, each in the best fitting place that is free by then.
MemoryPlan place_over_time(const std::vector<BufferLifetime>& buffers,
                           const std::vector<size_t>& chosen) {
  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  std::vector<size_t> by_begin = chosen;
  std::vector<size_t> by_end = chosen;
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

// One after the other, each in the best fitting gap among those placed before it that are in use at
// the same time. Quadratic.
MemoryPlan place_in_order(const std::vector<BufferLifetime>& buffers,
                          const std::vector<size_t>& order) {
  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  std::vector<size_t> placed;  // by offset
  placed.reserve(order.size());
  for (size_t i : order) {
    const int64_t bytes = round_up(buffers[i].bytes);
    if (bytes == 0) continue;
    int64_t free_from = 0;
    int64_t best = -1;
    int64_t best_gap = 0;
    for (size_t other : placed) {
      if (buffers[other].end < buffers[i].begin || buffers[i].end < buffers[other].begin) continue;
      const int64_t gap = plan.offsets[other] - free_from;
      if (gap >= bytes && (best < 0 || gap < best_gap)) {
        best = free_from;
        best_gap = gap;
      }
      free_from = std::max(free_from, plan.offsets[other] + round_up(buffers[other].bytes));
    }
    plan.offsets[i] = best < 0 ? free_from : best;
    plan.total_bytes = std::max(plan.total_bytes, plan.offsets[i] + bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), plan.offsets[i],
                         [&](int64_t offset, size_t b) { return offset < plan.offsets[b]; }),
        i);
  }
  return plan;
}

// The largest first; then, a few times over, those that ended up on top before all others, for they
// are what is hard to place.
MemoryPlan place_by_size(const std::vector<BufferLifetime>& buffers, std::vector<size_t> order,
                         int64_t least_bytes) {
  constexpr size_t kFew = 512;
  constexpr int kTries = 24;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  MemoryPlan best = place_in_order(buffers, order);
  if (order.size() > kFew) return best;
  MemoryPlan last = best;
  for (int attempt = 0; attempt < kTries && best.total_bytes > least_bytes; ++attempt) {
    std::stable_partition(order.begin(), order.end(), [&](size_t i) {
      return last.offsets[i] + round_up(buffers[i].bytes) == last.total_bytes;
    });
    last = place_in_order(buffers, order);
    if (last.total_bytes < best.total_bytes) best = last;
  }
  return best;
}

// The most bytes in use at once.
int64_t lower_bound_of(const std::vector<BufferLifetime>& buffers) {
  int32_t last = -1;
  for (const BufferLifetime& buffer : buffers) last = std::max(last, buffer.end);
  std::vector<int64_t> change(static_cast<size_t>(last + 2));
  for (const BufferLifetime& buffer : buffers) {
    change[buffer.begin] += round_up(buffer.bytes);
    change[buffer.end + 1] -= round_up(buffer.bytes);
  }
  int64_t in_use = 0;
  int64_t most = 0;
  for (const int64_t bytes : change) most = std::max(most, in_use += bytes);
  return most;
}

// The large ones by size, and the many small ones above them.
MemoryPlan place_large_below_small(const std::vector<BufferLifetime>& buffers,
                                   std::vector<size_t> order, int64_t least_bytes) {
  constexpr std::ptrdiff_t kLarge = 1024;
  if (std::ssize(order) <= kLarge) return place_by_size(buffers, std::move(order), least_bytes);
  std::nth_element(order.begin(), order.begin() + kLarge, order.end(), [&](size_t a, size_t b) {
    return buffers[a].bytes != buffers[b].bytes ? buffers[a].bytes > buffers[b].bytes : a < b;
  });
  const std::vector<size_t> small(order.begin() + kLarge, order.end());
  order.resize(kLarge);
  std::sort(order.begin(), order.end());
  MemoryPlan plan = place_by_size(buffers, order, least_bytes);
  const MemoryPlan above = place_over_time(buffers, small);
  for (size_t i : small) plan.offsets[i] = plan.total_bytes + above.offsets[i];
  plan.total_bytes += above.total_bytes;
  return plan;
}

}  // namespace

MemoryPlan plan_memory(const std::vector<BufferLifetime>& buffers, bool reuse) {
  if (!reuse) return place_without_reuse(buffers);
  std::vector<size_t> all(buffers.size());
  std::iota(all.begin(), all.end(), size_t{0});
  const int64_t least_bytes = lower_bound_of(buffers);
  MemoryPlan over_time = place_over_time(buffers, all);
  if (over_time.total_bytes == least_bytes) return over_time;
  MemoryPlan by_size = place_large_below_small(buffers, std::move(all), least_bytes);
  return by_size.total_bytes < over_time.total_bytes ? by_size : over_time;
}

}  // namespace bitale
