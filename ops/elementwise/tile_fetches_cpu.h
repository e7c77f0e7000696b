// What is asked for ahead while an elementwise group runs.

#ifndef BITALE_OPS_ELEMENTWISE_TILE_FETCHES_CPU_H_
#define BITALE_OPS_ELEMENTWISE_TILE_FETCHES_CPU_H_

#include <vector>

#include "ops/cpu/row_chain.h"
#include "ops/elementwise/tile_places_cpu.h"

namespace bitale {

// What lies in memory tile after tile is fetched one tile early: some of it before each
// instruction, or by a chain while it runs. A function that walks through its operands in order
// waits for memory at any rate.
class TileFetches {
 public:
  TileFetches(const TileGroup& group, const TilePlaces& places);

  // Asks for its share of the next tile, which begins `ahead` elements after this one; 0: there is
  // none.
  void before(size_t instruction, int64_t ahead, void* const* values) const;

  // For a chain that runs from element `begin` of a tile on. Returns how many there are.
  size_t for_chain(int64_t begin, int64_t ahead, void* const* values,
                   cpu::row_chain::Fetch* fetches) const;

 private:
  // Lines [first, last) of a value's next tile.
  struct Fetch {
    int value;
    int64_t first, last;
    bool to_write;
  };

  const TileGroup& group_;
  std::vector<std::vector<Fetch>> fetches_;  // by instruction
  bool in_chain_ = false;                    // which is the only instruction
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_TILE_FETCHES_CPU_H_
