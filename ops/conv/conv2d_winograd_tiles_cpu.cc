#include "ops/conv/conv2d_winograd_tiles_cpu.h"

#include <algorithm>

#include "ops/cpu/gemm_tile.h"

namespace bitale::conv2d_cpu {

TileBlock::TileBlock(const Tiling& tiling, int64_t begin, int64_t count) {
  const int64_t first_row = begin / tiling.columns;
  const int64_t last_row = (begin + count - 1) / tiling.columns;
  const bool one_row = first_row == last_row;
  const int64_t first_image = first_row / tiling.rows;
  int64_t offset = 0;
  for (int64_t image = first_image; image * tiling.rows <= last_row; ++image) {
    const int64_t first = std::max(first_row - image * tiling.rows, int64_t{0});
    const int64_t last = std::min(last_row - image * tiling.rows, tiling.rows - 1);
    const int64_t rows = 2 * (last - first + 1) + 2;
    staged_[images_++] = {
        .image = image,
        .y = 2 * first,
        .rows = rows,
        .begin = one_row ? 2 * (begin % tiling.columns) : 0,
        .end = one_row ? 2 * (begin % tiling.columns + count) + 2 : stride(tiling),
        .offset = offset};
    offset += rows * stride(tiling);
  }
  int64_t column = begin % tiling.columns;
  int64_t row = first_row % tiling.rows;
  const StagedRows* rows = staged_;
  for (int64_t done = 0; done < count;) {
    const int64_t length = std::min(tiling.columns - column, count - done);
    runs_[run_count_++] = {
        .column = done,
        .length = length,
        .image = rows->image,
        .y = 2 * row,
        .x = 2 * column,
        .staged = rows->offset + (2 * row - rows->y) * stride(tiling) + 2 * column};
    done += length;
    column = 0;
    if (++row == tiling.rows) {
      row = 0;
      ++rows;
    }
  }
}

int64_t TileBlock::staged_elements(const Tiling& tiling, int64_t count) {
  const auto touched = [](int64_t neighbours, int64_t length) {
    return (neighbours - 1 + length - 1) / length + 1;
  };
  const int64_t rows = touched(count, tiling.columns);
  const int64_t images = touched(rows, tiling.rows);
  return 2 * (rows + images) * stride(tiling) + 4 * cpu::kMostTileColumns;
}

}  // namespace bitale::conv2d_cpu
