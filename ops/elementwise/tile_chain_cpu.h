// Runs the chains of an elementwise group.

#ifndef BITALE_OPS_ELEMENTWISE_TILE_CHAIN_CPU_H_
#define BITALE_OPS_ELEMENTWISE_TILE_CHAIN_CPU_H_

#include <algorithm>

#include "core/runtime/kernel.h"
#include "ops/elementwise/divisor_cpu.h"
#include "ops/elementwise/tile_fetches_cpu.h"

namespace bitale {

// A tile, and how many elements further the next one is (0: there is none).
struct TileRange {
  int64_t first, count, ahead;
};

class TileChains {
 public:
  // Both must live as long as this.
  TileChains(const TileGroup& group, const TileFetches& fetches)
      : group_(group), fetches_(fetches), row_(std::max<int64_t>(1, group.rows.row_length())) {}

  // Parts of rows at both ends of the tile, and whole rows between them.
  void run(const TileInstruction& chain, const KernelFrame& frame, const TileRange& tile,
           void* const* values) const;

 private:
  // Rows within a tile, from element `begin` of it on.
  struct Rows {
    int64_t begin, count, length;
  };
  void run_rows(const TileInstruction& chain, const KernelFrame& frame, const TileRange& tile,
                const Rows& rows, void* const* values) const;

  const TileGroup& group_;
  const TileFetches& fetches_;
  Divisor row_;  // elements of a row
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_TILE_CHAIN_CPU_H_
