#include "ops/reduction/reduction_cpu.h"

#include <cstdlib>
#include <limits>
#include <utility>

#include "core/base/dim.h"
#include "ops/cpu/row_tiles.h"

namespace bitale::reduction {
namespace {

// Tasks enough to keep a machine's threads busy: fewer, and extents are cut into slices.
constexpr int64_t kEnoughTasks = 16;
constexpr int64_t kMostSlices = 32;
// Rows fewer than this are not worth vectors across them.
constexpr int64_t kWorthRun = 16;
// Columns of narrow rows are folded as one row of about this many.
constexpr int64_t kWideEnough = 128;
// A strip of rows in several loops has no more elements, if it can, than the first cache has room.
constexpr int64_t kStripElements = 8192;

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

int64_t ceil_of(int64_t count, int64_t part) { return (count + part - 1) / part; }

void choose_slices(Geometry& g) {
  const bool by_rows = g.walk == Walk::kRows;
  const int64_t tasks = by_rows ? ceil_of(g.outputs, g.strip * g.group.length)
                                : loop_count(g.kept) * ceil_of(g.inner.length, g.strip);
  const int64_t per_task = g.outputs * g.extent / tasks;
  if (tasks >= kEnoughTasks || per_task < 2 * kGrain) return;
  const int64_t wanted = std::min(kMostSlices, per_task / kGrain);
  const int64_t rows = loop_count(g.reduced);
  if (!by_rows || rows > 1) {
    g.slices = std::min(wanted, rows);
    return;
  }
  constexpr int64_t kUnit = 1024;
  const int64_t units = ceil_of(g.inner.length, kUnit);
  g.slice_of_inner = ceil_of(units, wanted) * kUnit;
  g.slices = ceil_of(g.inner.length, g.slice_of_inner);
}

// Whether some reduced loop lies further out in memory than every kept one.
bool reduces_outermost(const Geometry& g) {
  int64_t kept = 0;
  int64_t reduced = 0;
  for (const Loop& loop : g.kept) kept = std::max(kept, loop.in);
  for (const Loop& loop : g.reduced) reduced = std::max(reduced, loop.in);
  return !g.kept.empty() && reduced > kept;
}

// Makes long runs of the last loop, for vectors across them.
void put_longest_last(Loops& loops) {
  if (loops.empty() || loops.back().length >= kWorthRun) return;
  size_t longest = loops.size() - 1;
  for (size_t i = 0; i < loops.size(); ++i) {
    if (loops[i].length > loops[longest].length) longest = i;
  }
  loops.push_back(take(loops, longest));
}

// Columns that are few and short, one such block beside the other, as in (many, 7, 3) over axis 1:
// better walked as rows, across blocks.
void group_short_columns(Geometry& g) {
  if (g.walk == Walk::kRows || g.kept.empty() || g.reduced.size() != 1) return;
  const Loop rows = g.reduced[0];
  if (g.inner.in != 1 || rows.in != g.inner.length) return;
  if (rows.length * rows.in > cpu::TileShape::kMostLength) return;
  if (std::ranges::all_of(g.kept, [](const Loop& l) { return l.length < kWorthRun; })) return;
  g.walk = Walk::kRows;
  g.group = g.inner;
  g.inner = rows;
  g.reduced.clear();
}

void choose_runs_of_rows(Geometry& g) {
  if (g.inner.length > cpu::TileShape::kMostLength) return;
  put_longest_last(g.kept);
  put_longest_last(g.reduced);
  const Loop kept = last_loop(g.kept);
  const Loop reduced = last_loop(g.reduced);
  g.along_reduced = reduced.length >= kWorthRun &&
                    (kept.length < kWorthRun || std::abs(reduced.in) < std::abs(kept.in));
}

void choose_strip(Geometry& g) {
  if (g.walk == Walk::kColumns) {
    g.strip = kStrip;
  } else if (g.reduced.empty()) {
    g.strip = std::clamp<int64_t>(kGrain / (g.extent * g.group.length), 1,
                                  std::max<int64_t>(1, kStrip / g.group.length));
  } else if (g.along_reduced) {
    g.strip = std::clamp<int64_t>(kGrain / g.extent, 1, kStrip);
  } else if (reduces_outermost(g)) {
    g.strip = kStrip;
  } else {
    const bool is_short = g.inner.length <= cpu::TileShape::kMostLength;
    g.strip = std::clamp<int64_t>(kStripElements / g.extent, is_short ? kWorthRun : 1, kStrip);
  }
}

void choose_rows_at_once(Geometry& g) {
  if (g.walk != Walk::kColumns || g.reduced.size() != 1) return;
  if (g.inner.in != 1 || g.reduced[0].in != g.inner.length) return;
  const int64_t rows = g.extent / g.slices;
  while (2 * g.rows_at_once * g.inner.length <= kWideEnough && 8 * g.rows_at_once <= rows) {
    g.rows_at_once *= 2;
  }
}

// Steps of the other sign from the other end.
void turn_round(Loop& loop, Geometry& g) {
  g.first_in += (loop.length - 1) * loop.in;
  g.first_out += (loop.length - 1) * loop.out;
  loop.in = -loop.in;
  loop.out = -loop.out;
}

Geometry loops_of(const OperandLayout& input, std::span<const int64_t> axes, bool in_order) {
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
    Loop loop{input.shape[i], input.strides[i], out[i]};
    if (loop.in < 0 && !(is_reduced[i] && in_order)) turn_round(loop, g);
    append(is_reduced[i] ? g.reduced : g.kept, loop);
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
  return g;
}

}  // namespace

int64_t loop_count(const Loops& loops) {
  int64_t count = 1;
  for (const Loop& loop : loops) count *= loop.length;
  return count;
}

Geometry make_geometry(const OperandLayout& input, std::span<const int64_t> axes) {
  Geometry g = loops_of(input, axes, false);
  if (g.extent == 0 || g.outputs == 0) return g;
  group_short_columns(g);
  if (g.walk == Walk::kRows) choose_runs_of_rows(g);
  choose_strip(g);
  choose_slices(g);
  choose_rows_at_once(g);
  return g;
}

Geometry make_geometry_in_order(const OperandLayout& input, std::span<const int64_t> axes) {
  Geometry g = loops_of(input, axes, true);
  if (g.extent == 0 || g.outputs == 0) return g;
  group_short_columns(g);
  if (g.walk == Walk::kRows) put_longest_last(g.kept);
  choose_strip(g);
  return g;
}

}  // namespace bitale::reduction
