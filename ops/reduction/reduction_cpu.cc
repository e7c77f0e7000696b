#include "ops/reduction/reduction_cpu.h"

#include <cstdlib>
#include <limits>

namespace bitale::reduction {
namespace {

// Tasks enough to keep a machine's threads busy: fewer, and extents are cut into slices.
constexpr int64_t kEnoughTasks = 16;
constexpr int64_t kMostSlices = 32;

void append(Loops& loops, const Loop& loop) {
  if (!loops.empty()) {
    Loop& last = loops.back();
    if (last.in == loop.in * loop.length && last.out == loop.out * loop.length) {
      last = {last.length * loop.length, loop.in, loop.out};
      return;
    }
  }
  loops.push_back(loop);
}

int64_t distance(const Loop& loop) {
  return loop.in == 0 ? std::numeric_limits<int64_t>::max() : std::abs(loop.in);
}

size_t closest(const Loops& loops) {
  size_t best = loops.size() - 1;
  for (size_t i = loops.size() - 1; i-- > 0;) {
    if (distance(loops[i]) < distance(loops[best])) best = i;
  }
  return best;
}

Loop take(Loops& loops, size_t at) {
  const Loop loop = loops[at];
  loops.erase(loops.begin() + static_cast<int64_t>(at));
  return loop;
}

int64_t strips_of(int64_t width) { return (width + kStrip - 1) / kStrip; }

void choose_slices(Geometry& g) {
  int64_t tasks = g.outputs;
  if (g.walk == Walk::kNested) tasks = strips_of(g.outputs);
  if (g.walk == Walk::kColumns) tasks = loop_count(g.kept) * strips_of(g.inner.length);
  const int64_t per_task = g.outputs * g.extent / tasks;
  if (tasks >= kEnoughTasks || per_task < 2 * kGrain) return;
  const int64_t wanted = std::min(kMostSlices, per_task / kGrain);
  const int64_t rows = loop_count(g.reduced);
  if (g.walk != Walk::kRows || rows > 1) {
    g.slices = std::min(wanted, rows);
    return;
  }
  constexpr int64_t kUnit = kLanes * kBlock;
  const int64_t units = (g.inner.length + kUnit - 1) / kUnit;
  g.slice_of_inner = (units + wanted - 1) / wanted * kUnit;
  g.slices = (g.inner.length + g.slice_of_inner - 1) / g.slice_of_inner;
}

// Whether some reduced loop lies further out in memory than every kept one.
bool reduces_outermost(const Geometry& g) {
  int64_t kept = 0;
  int64_t reduced = 0;
  for (const Loop& loop : g.kept) kept = std::max(kept, std::abs(loop.in));
  for (const Loop& loop : g.reduced) reduced = std::max(reduced, std::abs(loop.in));
  return !g.kept.empty() && reduced > kept;
}

}  // namespace

int64_t loop_count(const Loops& loops) {
  int64_t count = 1;
  for (const Loop& loop : loops) count *= loop.length;
  return count;
}

Geometry make_geometry(const OperandLayout& input, std::span<const int64_t> axes, bool in_order) {
  Geometry g;
  const size_t rank = input.shape.size();
  absl::InlinedVector<bool, 6> is_reduced(rank, false);
  for (int64_t axis : axes) is_reduced[static_cast<size_t>(axis)] = true;
  absl::InlinedVector<int64_t, 6> out(rank, 0);
  for (size_t i = rank; i-- > 0;) {
    if (is_reduced[i]) {
      g.extent *= input.shape[i];
    } else {
      out[i] = g.outputs;
      g.outputs *= input.shape[i];
    }
  }
  if (g.extent == 0 || g.outputs == 0) return g;
  for (size_t i = 0; i < rank; ++i) {
    if (input.shape[i] == 1) continue;
    append(is_reduced[i] ? g.reduced : g.kept, {input.shape[i], input.strides[i], out[i]});
  }
  if (g.reduced.empty() && g.kept.empty()) return g;  // one element: an inner loop of length 1
  bool by_rows = !g.reduced.empty();
  if (by_rows && !g.kept.empty()) {
    const Loop& row = in_order ? g.reduced.back() : g.reduced[closest(g.reduced)];
    by_rows = distance(row) <= distance(g.kept[closest(g.kept)]);
  }
  Loops& loops = by_rows ? g.reduced : g.kept;
  g.inner = take(loops, by_rows && in_order ? loops.size() - 1 : closest(loops));
  if (!by_rows) g.walk = Walk::kColumns;
  if (in_order) return g;
  if (by_rows && reduces_outermost(g)) g.walk = Walk::kNested;
  choose_slices(g);
  return g;
}

}  // namespace bitale::reduction
