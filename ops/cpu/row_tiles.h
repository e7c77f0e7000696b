// Rows too short to fill vectors, turned into columns that do, and back; and strided elements
// brought together. Elements are moved, whatever they mean: functions are chosen by their size.
//
// Vector code chosen at run time, as in ops/cpu/gemm_tile.h.

#ifndef BITALE_OPS_CPU_ROW_TILES_H_
#define BITALE_OPS_CPU_ROW_TILES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace bitale::cpu {

// A tile of `rows` rows of `length` elements, as columns `stride` elements apart. It fits the first
// cache and the stack.
struct TileShape {
  // The most bytes of a tile.
  static constexpr int64_t kMostBytes = 16 * 1024;
  // The longest rows, in elements.
  static constexpr int64_t kMostLength = 64;
  // Rows come in multiples of this, so that vectors of any element are full.
  static constexpr int64_t kRowUnit = 32;
  static constexpr int64_t kMostRows = 1024;

  // As many rows of 1 <= length <= kMostLength elements as fit: a multiple of kRowUnit.
  static int64_t rows(size_t element_size, int64_t length) {
    // A block of 16 bytes is written whole.
    const int64_t written = std::max<int64_t>(length * static_cast<int64_t>(element_size), 16);
    const int64_t fitting = kMostBytes / written / kRowUnit * kRowUnit;
    return std::clamp<int64_t>(fitting, kRowUnit, kMostRows);
  }
};

struct RowTiles {
  // columns[c * stride + r] = rows[r * row_stride + c] for r < count <= stride, c < length. May
  // write other elements of max(length, 16 / element size) columns.
  void (*pack)(const void* rows, int64_t row_stride, int64_t count, int64_t length, void* columns,
               int64_t stride) = nullptr;
  // rows[r * length + c] = columns[c * stride + r]; columns hold as many as pack() may write.
  void (*unpack)(const void* columns, int64_t stride, int64_t count, int64_t length,
                 void* rows) = nullptr;
  // to[i] = from[i * step] for i < count.
  void (*gather)(const void* from, int64_t step, int64_t count, void* to) = nullptr;
};

// For elements of 1, 2, 4 or 8 bytes.
const RowTiles& row_tiles(size_t element_size);

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_ROW_TILES_H_
