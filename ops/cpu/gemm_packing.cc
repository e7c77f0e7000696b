// Copies of operands in the order in which the tiles of a product read them.

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/runs.h"

namespace bitale::cpu {
namespace {

// Columns of kRows adjacent elements, one after the other. A number of rows known to the compiler
// makes a column a move or two (of std::copy GCC would make calls, as it has to expect overlaps).
template <typename T, int kRows>
void copy_columns(int64_t count, const T* from, int64_t stride, T* to) {
  for (int64_t k = 0; k < count; ++k) {
    std::memcpy(to, from, kRows * sizeof(T));
    from += stride;
    to += kRows;
  }
}

template <typename T>
using ColumnsCopy = void (*)(int64_t, const T*, int64_t, T*);

template <typename T, int... kRows>
constexpr std::array<ColumnsCopy<T>, sizeof...(kRows)> columns_copies(
    std::integer_sequence<int, kRows...>) {
  return {&copy_columns<T, kRows + 1>...};
}

// One panel, `columns` of whose `width` are not zero: to[k * width + j].
template <typename T>
void pack_panel(int64_t depth, int64_t columns, int64_t width, MatrixView<T> b, T* to) {
  if (b.column_stride == 1 && columns == width && width <= kMostTileRows) {
    static constexpr auto copies =
        columns_copies<T>(std::make_integer_sequence<int, kMostTileRows>());
    copies[static_cast<size_t>(width - 1)](depth, b.data, b.row_stride, to);
    return;
  }
  if (b.column_stride == 1) {
    for (int64_t k = 0; k < depth; ++k) {
      T* row = to + k * width;
      std::copy_n(b.data + k * b.row_stride, columns, row);
      std::fill(row + columns, row + width, T{0});
    }
    return;
  }
  if (b.row_stride == 1 && columns <= kMostTileColumns) {
    int64_t offsets[kMostTileColumns];
    for (int64_t j = 0; j < columns; ++j) offsets[j] = j * b.column_stride;
    runs<T>().gather_columns(columns, offsets, depth, b.data, to, width);
    for (int64_t k = 0; k < depth && columns < width; ++k) {
      std::fill(to + k * width + columns, to + (k + 1) * width, T{0});
    }
    return;
  }
  // Several rows at once, so that each column is read along its cache line.
  constexpr int64_t kRows = 8;
  for (int64_t k = 0; k < depth; k += kRows) {
    const int64_t rows = std::min(kRows, depth - k);
    for (int64_t j = 0; j < columns; ++j) {
      const T* from = b.data + k * b.row_stride + j * b.column_stride;
      for (int64_t r = 0; r < rows; ++r) to[(k + r) * width + j] = from[r * b.row_stride];
    }
    for (int64_t r = 0; r < rows; ++r) {
      std::fill(to + (k + r) * width + columns, to + (k + r + 1) * width, T{0});
    }
  }
}

}  // namespace

template <typename T>
void pack_left(int64_t rows, int64_t depth, MatrixView<T> a, T* to) {
  pack_panel(depth, rows, rows, a.transposed(), to);
}

template <typename T>
void pack_panels(int64_t depth, int64_t columns, MatrixView<T> b, T* to, int64_t panel_size) {
  const GemmTile<T>& tile = gemm_tile<T>();
  const int64_t width = tile.columns;
  const int64_t whole = b.column_stride == 1 ? columns / width : 0;
  tile.pack(depth, whole, b.data, b.row_stride, to, panel_size);
  for (int64_t p = whole; p * width < columns; ++p) {
    pack_panel(depth, std::min(width, columns - p * width), width,
               MatrixView<T>{b.data + p * width * b.column_stride, b.row_stride, b.column_stride},
               to + p * panel_size);
  }
}

#define BITALE_INSTANTIATE_PACKING(T)                              \
  template void pack_left<T>(int64_t, int64_t, MatrixView<T>, T*); \
  template void pack_panels<T>(int64_t, int64_t, MatrixView<T>, T*, int64_t)
BITALE_INSTANTIATE_PACKING(float);
BITALE_INSTANTIATE_PACKING(double);
#undef BITALE_INSTANTIATE_PACKING

}  // namespace bitale::cpu
