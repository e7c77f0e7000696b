// In which tiles an elementwise kernel walks over its elements, so that its strided operands are
// read in long runs, and each of their lines from memory once.

#ifndef BITALE_OPS_ELEMENTWISE_TILE_ORDER_CPU_H_
#define BITALE_OPS_ELEMENTWISE_TILE_ORDER_CPU_H_

#include <cstdint>
#include <span>

#include "ops/elementwise/divisor_cpu.h"
#include "ops/elementwise/strided_reader_cpu.h"

namespace bitale {

// Short rows of an operand are tiled whole: every tile begins where a row does. Of long rows, a
// tile is a part. Where an operand is transposed, as many rows as have elements in one line of its
// memory are a group, whose tiles follow each other; else each tile is a group.
class TileOrder {
 public:
  // How one operand is best read in this order.
  enum class Reading : uint8_t {
    kCopied,    // tile by tile
    kInPlace,   // a tile lies in a row, whose elements are neighbours
    kRepeated,  // every tile has the same elements
    kGrouped,   // all tiles of a group at once
  };

  // `strided`: the operands that do not lie in order. `most`: elements of a tile. Tiles have a
  // multiple of `unit` if they can: a row of the output that fits one.
  TileOrder(std::span<const StridedReader* const> strided, int64_t count, int64_t most,
            int64_t unit = 1);

  Reading reading(const StridedReader& operand) const;

  // The most elements of a tile.
  int64_t tile() const { return tile_rows_ * piece_; }
  // The most elements of a group.
  int64_t group_elements() const { return group_rows_ * piece_; }
  // Whether tiles follow each other in memory from group to group.
  bool is_sequential() const { return group_rows_ == 1; }

  struct Group {
    int64_t first = 0;     // element
    int64_t rows = 1;      // in all tiles
    int64_t columns = 0;   // elements of a row
    int64_t distance = 0;  // elements between the beginnings of two rows
  };
  int64_t groups() const { return groups_; }
  Group group(int64_t index) const;

  // Rows of a group that a tile has, which lie together if there are several.
  int64_t tile_rows() const { return tile_rows_; }

 private:
  int64_t row_;             // elements of a row
  int64_t rows_ = 1;        // along the axis that groups are taken from
  int64_t piece_ = 1;       // most elements of a row that a tile has
  Divisor pieces_;          // of a row
  int64_t group_rows_ = 1;  // most rows of a group
  Divisor row_groups_;      // groups along that axis
  Divisor between_;         // beside_.between
  int64_t tile_rows_ = 1;   // rows of a group that a tile has
  int64_t groups_ = 0;
  // The axis, if groups have several rows.
  StridedReader::SideBySide beside_;
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_TILE_ORDER_CPU_H_
