#include "ops/reduction/sweep_geometry_cpu.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "ops/reduction/reduction_cpu.h"

namespace bitale::reduction {
namespace {

// Tasks enough to keep a machine's threads busy: fewer, and rows are cut into slices.
constexpr int64_t kEnoughTasks = 16;
constexpr int64_t kMostSlices = 32;
// Few columns are folded as one row of about this many.
constexpr int64_t kWideEnough = 256;

// Neighbouring axes that are both kept or both reduced, as one.
struct Axis {
  bool reduced;
  int64_t length;
};
using JoinedAxes = absl::InlinedVector<Axis, 6>;

JoinedAxes join_axes(const Dims& shape, std::span<const int64_t> axes) {
  JoinedAxes joined;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    const bool reduced = std::ranges::find(axes, static_cast<int64_t>(i)) != axes.end();
    if (!joined.empty() && joined.back().reduced == reduced) {
      joined.back().length *= shape[i];
    } else {
      joined.push_back({reduced, shape[i]});
    }
  }
  return joined;
}

// The four loops, if there are no more.
bool find_loops(const JoinedAxes& joined, SweepGeometry& g) {
  size_t next = 0;
  const auto take = [&](bool reduced, int64_t& length) {
    if (next < joined.size() && joined[next].reduced == reduced) length = joined[next++].length;
  };
  // Kept axes followed by reduced ones alone are the columns, for their runs.
  if (joined.size() > 2) take(false, g.outer);
  take(true, g.rows);
  take(false, g.columns);
  take(true, g.run);
  return next == joined.size();
}

void choose_wide_rows(SweepGeometry& g) {
  g.wide_rows = g.rows;
  if (g.run > 1 || g.columns > kStrip) return;
  while (2 * g.wide * g.columns <= kWideEnough && 8 * g.wide <= g.rows) g.wide *= 2;
  g.wide_rows = (g.rows + g.wide - 1) / g.wide;
}

void choose_tasks(SweepGeometry& g) {
  g.strip = std::min(g.columns, kStrip);
  const int64_t tasks = g.tasks();
  if (tasks >= kEnoughTasks) return;
  const int64_t work = g.outer * g.rows * g.columns * g.run / tasks;
  const int64_t wanted = std::clamp<int64_t>(work / kGrain, 1, kMostSlices);
  g.row_slices = std::min(wanted, g.wide_rows);
  g.run_slices = std::clamp<int64_t>(wanted / g.row_slices, 1, g.pieces_of_run());
  if (g.slices() == 1) g.strip = std::max<int64_t>(1, g.strip / wanted);
}

}  // namespace

std::optional<SweepGeometry> sweep_geometry(const Dims& shape, std::span<const int64_t> axes,
                                            int64_t piece) {
  SweepGeometry g;
  g.piece = piece;
  if (!find_loops(join_axes(shape, axes), g)) return std::nullopt;
  choose_wide_rows(g);
  choose_tasks(g);
  return g;
}

}  // namespace bitale::reduction
