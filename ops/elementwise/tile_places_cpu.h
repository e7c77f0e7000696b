// Where the values of an elementwise group lie while it runs on a tile, and in which tiles it runs.

#ifndef BITALE_OPS_ELEMENTWISE_TILE_PLACES_CPU_H_
#define BITALE_OPS_ELEMENTWISE_TILE_PLACES_CPU_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "core/runtime/kernel.h"
#include "ops/elementwise/tile_order_cpu.h"
#include "ops/elementwise/tile_plan_cpu.h"

namespace bitale {

// Rows of a chain that run at once, at most.
inline constexpr int64_t kMostTileRows = 64;

class TilePlaces {
 public:
  // Tiles between instructions lie on the stack of the thread that runs a block: those of one tile
  // in the first part, and behind them operands that are read for several tiles at once.
  static constexpr size_t kScratchBytes = 96 * 1024;
  static constexpr size_t kGroupedBytes = 64 * 1024;
  static constexpr int kMostValues = 192;

  // Where a value's tile is found.
  struct Place {
    enum Kind : uint8_t {
      kUnread,    // only its dims count
      kDirect,    // in the input's memory
      kInPlace,   // the same, tile by tile where the tile's elements lie
      kUniform,   // one element, repeated in scratch once per block
      kRepeated,  // the elements of every tile, copied to scratch once per block
      kGrouped,   // strided elements, copied to scratch for all tiles of a group
      kGather,    // strided elements, copied to scratch before the first step that reads them
      kOutput,    // in the output's memory
      kScratch,   // between steps
    };
    Kind kind = kUnread;
    int slot = -1;
    bool fills_slot() const {
      return kind == kUniform || kind == kRepeated || kind == kGather || kind == kScratch;
    }
  };

  // `group` must live as long as this. CompileError for one that needs more scratch than there is.
  explicit TilePlaces(const TileGroup& group);

  const TileOrder& order() const { return *order_; }
  // The most elements of a tile.
  int64_t tile() const { return order_->tile(); }
  const Place& operator[](size_t value) const { return places_[value]; }
  size_t size() const { return places_.size(); }
  size_t slot_bytes() const { return slot_bytes_; }
  // Bytes of scratch in front of the slots that a conversion of two-byte floats may use.
  size_t bytes_of_slots() const { return static_cast<size_t>(slot_count_) * slot_bytes_; }

  // What is the same in all tiles, the first `count` elements of it, and where the rest has its
  // slots. `values`: where the tile of each value is.
  void start(const KernelFrame& frame, int64_t count, std::byte* scratch, void** values) const;
  // The operands that are read for all tiles of a group at once.
  void read_group(const KernelFrame& frame, const TileOrder::Group& group, std::byte* to) const;
  // The tile that begins with a row of the group. The frame's outputs begin with that element.
  void place_tile(const KernelFrame& frame, const TileOrder::Group& group, int64_t row,
                  void** values, std::byte* grouped, int64_t first_of_outputs = 0) const;
  // What an instruction is the first to read and has to be copied.
  void gather(const KernelFrame& frame, size_t instruction, int64_t first, int64_t count,
              void** values) const;

 private:
  void plan_order();
  void place_values();
  int64_t most_tile() const;
  int64_t whole_rows(int64_t elements) const;
  void size_slots();
  void plan_gathers();

  const TileGroup& group_;
  std::vector<Place> places_;  // of values
  std::optional<const TileOrder> order_;
  std::vector<std::vector<int>> gathers_;  // by instruction: inputs
  int slot_count_ = 0;
  size_t slot_bytes_ = 0;
  size_t grouped_bytes_ = 0;
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_TILE_PLACES_CPU_H_
