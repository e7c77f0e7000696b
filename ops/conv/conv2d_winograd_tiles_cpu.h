// Where the tiles of Winograd's convolutions lie: which tiles a kernel takes at once, and how the
// part of an image under them is staged.

#ifndef BITALE_OPS_CONV_CONV2D_WINOGRAD_TILES_CPU_H_
#define BITALE_OPS_CONV_CONV2D_WINOGRAD_TILES_CPU_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace bitale::conv2d_cpu {

// Tiles of two by two that cover planes of height by width, in each image of a batch. The last ones
// of a row or column may reach beyond the plane.
struct Tiling {
  Tiling(int64_t batch, int64_t height, int64_t width)
      : batch(batch), rows((height + 1) / 2), columns((width + 1) / 2) {}
  int64_t batch, rows, columns;
  int64_t count() const { return batch * rows * columns; }
};

// Neighbouring tiles of one row of tiles, and the columns of a matrix that stand for them.
struct TileRun {
  int64_t column;  // the first
  int64_t length;
  int64_t image;
  int64_t y, x;    // of its first tile's first element in the plane
  int64_t staged;  // offset of its first tile's window in the staged rows
};

// The rows of one image that windows of a block's tiles cover, and where they are staged.
struct StagedRows {
  int64_t image;
  int64_t y;  // the first, in the image between zeros
  int64_t rows;
  int64_t begin, end;  // columns that are staged: not all of a row where its tiles are few
  int64_t offset;
};

// Neighbouring tiles, image after image and row after row, each a column. A tile's window of four
// by four begins where the tile does, in an image between zeros. Staged rows lie stride()
// elements apart.
class TileBlock {
 public:
  static constexpr int64_t kMostTiles = 256;

  TileBlock(const Tiling& tiling, int64_t begin, int64_t count);

  std::span<const TileRun> runs() const { return {runs_, static_cast<size_t>(run_count_)}; }
  std::span<const StagedRows> staged() const { return {staged_, static_cast<size_t>(images_)}; }

  static int64_t stride(const Tiling& tiling) { return 2 * tiling.columns + 2; }
  // At least what `count` tiles are staged in, wherever they begin, and what vectors read beyond.
  static int64_t staged_elements(const Tiling& tiling, int64_t count);

 private:
  int64_t run_count_ = 0;
  int64_t images_ = 0;
  TileRun runs_[kMostTiles];
  StagedRows staged_[kMostTiles];
};

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_WINOGRAD_TILES_CPU_H_
