#include "ops/cpu/gemm.h"

#include <algorithm>
#include <type_traits>

#include "core/runtime/thread_pool.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::cpu {
namespace {

// A packed panel of B (kMostDepth by a tile's columns) stays in L1, a block of A (kBlockRows by
// kMostDepth) in L2, a slice of B (kMostDepth by kSliceColumns) and of A in L3.
constexpr int64_t kMostDepth = 320;
constexpr int64_t kBlockRows = 120;
constexpr int64_t kBlockColumns = 512;
constexpr int64_t kSliceRows = 3840;
constexpr int64_t kSliceColumns = 2048;
// Products of up to this many multiplications run as one block: waking a thread costs more.
constexpr double kSmallProduct = 1e6;
// With fewer rows than this, packing B costs more than reading it where it lies.
constexpr int64_t kFewRows = 24;
// Up to this depth C is most of what moves: it is walked along its rows, so that memory is read and
// written in order.
constexpr int64_t kShallow = 64;
// Rows of A per block when B is one column.
constexpr int64_t kVectorRows = 256;

struct Blocking {
  int64_t depth;  // of a block along k
  int64_t block_rows;
  int64_t block_columns;
};

Blocking blocking(int64_t m, int64_t n, int64_t k, int64_t tile_columns) {
  const int64_t depth_blocks = std::max<int64_t>(1, (k + kMostDepth - 1) / kMostDepth);
  Blocking b{(k + depth_blocks - 1) / depth_blocks, kBlockRows, kBlockColumns};
  b.depth = std::max<int64_t>(b.depth, 1);
  if (static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < kSmallProduct) {
    b.block_rows = kSliceRows;
    b.block_columns = kSliceColumns;
  } else if (m < 4 * kBlockRows && n < 4 * kBlockColumns) {
    b.block_columns = std::max<int64_t>(tile_columns, kBlockColumns / 4);
  }
  return b;
}

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// One column: y = alpha A x + beta y.
template <typename T>
void matrix_vector(int64_t m, int64_t k, T alpha, MatrixView<T> a, const T* x, int64_t x_stride,
                   T beta, T* y, int64_t y_stride, T* workspace) {
  const GemmTile<T>& tile = gemm_tile<T>();
  const T* vector = x;
  if (x_stride != 1) {
    for (int64_t i = 0; i < k; ++i) workspace[i] = x[i * x_stride];
    vector = workspace;
  }
  workspace += round_up(k, 64);
  parallel_ranges(m, kVectorRows, [&](int64_t begin, int64_t end) {
    T sums[kVectorRows];
    if (a.column_stride == 1) {
      for (int64_t i = begin; i < end; ++i) {
        sums[i - begin] = tile.dot(k, a.data + i * a.row_stride, vector);
      }
    } else {
      std::fill_n(sums, end - begin, T{0});
      const T* columns = a.data + begin * a.row_stride;
      if (a.row_stride == 1) {
        tile.add_rows(end - begin, k, vector, columns, a.column_stride, sums);
      } else {
        for (int64_t p = 0; p < k; ++p) {
          const T* column = columns + p * a.column_stride;
          for (int64_t i = 0; i < end - begin; ++i) sums[i] += column[i * a.row_stride] * vector[p];
        }
      }
    }
    for (int64_t i = begin; i < end; ++i) {
      T& to = y[i * y_stride];
      const T sum = alpha * sums[i - begin];
      to = beta == T{0} ? sum : sum + beta * to;
    }
  });
}

template <typename T>
void scale_rows(int64_t m, int64_t n, T beta, T* c, int64_t c_stride) {
  for (int64_t i = 0; i < m; ++i) {
    T* row = c + i * c_stride;
    for (int64_t j = 0; j < n; ++j) row[j] = beta == T{0} ? T{0} : beta * row[j];
  }
}

}  // namespace

template <typename T>
void pack_left(int64_t rows, int64_t depth, MatrixView<T> a, T* to) {
  if (a.row_stride == 1) {
    for (int64_t k = 0; k < depth; ++k) {
      const T* from = a.data + k * a.column_stride;
      for (int64_t i = 0; i < rows; ++i) to[i] = from[i];
      to += rows;
    }
    return;
  }
  if (a.column_stride == 1 && rows <= kMostTileRows) {
    int64_t offsets[kMostTileRows];
    for (int64_t i = 0; i < rows; ++i) offsets[i] = i * a.row_stride;
    runs<T>().gather_columns(rows, offsets, depth, a.data, to, rows);
    return;
  }
  // Several columns at once, so that each row is read along its cache line.
  constexpr int64_t kColumns = 8;
  for (int64_t k = 0; k < depth; k += kColumns) {
    const int64_t columns = std::min(kColumns, depth - k);
    for (int64_t i = 0; i < rows; ++i) {
      const T* from = a.data + i * a.row_stride + k * a.column_stride;
      for (int64_t c = 0; c < columns; ++c) to[(k + c) * rows + i] = from[c * a.column_stride];
    }
  }
}

template <typename T>
void pack_right(int64_t depth, int64_t columns, int64_t width, MatrixView<T> b, T* to) {
  if (b.column_stride == 1) {
    for (int64_t k = 0; k < depth; ++k) {
      const T* from = b.data + k * b.row_stride;
      T* row = to + k * width;
      if (columns == 16) {
        std::copy_n(from, 16, row);
      } else {
        std::copy_n(from, columns, row);
        std::fill(row + columns, row + width, T{0});
      }
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

template <typename T>
size_t gemm_workspace_bytes(int64_t m, int64_t n, int64_t k) {
  const int64_t width = gemm_tile<T>().columns;
  const int64_t depth = blocking(m, n, k, width).depth;
  WorkspaceLayout layout;
  layout.take<T>(std::max(std::min(m, kSliceRows) * depth, round_up(k, 64)));
  layout.take<T>(round_up(std::min(n, kSliceColumns), width) * depth);
  return layout.bytes();
}

template <typename T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, MatrixView<T> b, T beta, T* c,
          int64_t c_stride, void* workspace) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scale_rows(m, n, beta, c, c_stride);
  const GemmTile<T>& tile = gemm_tile<T>();
  const int64_t width = tile.columns;
  const Blocking blocks = blocking(m, n, k, width);
  WorkspaceLayout layout(workspace);
  T* const packed_a =
      layout.take<T>(std::max(std::min(m, kSliceRows) * blocks.depth, round_up(k, 64)));
  T* const packed_b = layout.take<T>(round_up(std::min(n, kSliceColumns), width) * blocks.depth);
  if (n == 1) {
    return matrix_vector(m, k, alpha, a, b.data, b.row_stride, beta, c, c_stride, packed_a);
  }
  if (m == 1) {
    return matrix_vector(n, k, alpha, b.transposed(), a.data, a.column_stride, beta, c, int64_t{1},
                         packed_a);
  }
  const bool pack_b = m > kFewRows || b.column_stride != 1;

  for (int64_t row0 = 0; row0 < m; row0 += kSliceRows) {
    const int64_t rows = std::min(kSliceRows, m - row0);
    const int64_t row_panels = panel_count(rows, tile.rows);
    const int64_t panels_per_block = blocks.block_rows / tile.rows;
    const int64_t row_blocks = panel_count(row_panels, panels_per_block);
    for (int64_t column0 = 0; column0 < n; column0 += kSliceColumns) {
      const int64_t columns = std::min(kSliceColumns, n - column0);
      const int64_t column_panels = panel_count(columns, width);
      const int64_t columns_per_block = blocks.block_columns / width;
      const int64_t column_blocks = panel_count(column_panels, columns_per_block);
      for (int64_t k0 = 0; k0 < k; k0 += blocks.depth) {
        const int64_t depth = std::min(blocks.depth, k - k0);
        const T* const a_slice = a.data + row0 * a.row_stride + k0 * a.column_stride;
        const T* const b_slice = b.data + k0 * b.row_stride + column0 * b.column_stride;

        parallel_for(row_blocks + column_blocks, [&](int64_t block) {
          if (block < row_blocks) {
            const int64_t last = std::min(row_panels, (block + 1) * panels_per_block);
            for (int64_t p = block * panels_per_block; p < last; ++p) {
              const int64_t i = panel_begin(rows, row_panels, p);
              pack_left(panel_begin(rows, row_panels, p + 1) - i, depth,
                        MatrixView<T>{a_slice + i * a.row_stride, a.row_stride, a.column_stride},
                        packed_a + i * depth);
            }
            return;
          }
          block -= row_blocks;
          const int64_t last = std::min(column_panels, (block + 1) * columns_per_block);
          for (int64_t p = block * columns_per_block; p < last; ++p) {
            const int64_t j = p * width;
            const int64_t count = std::min(width, columns - j);
            if (!pack_b && count == width) continue;
            pack_right(depth, count, width,
                       MatrixView<T>{b_slice + j * b.column_stride, b.row_stride, b.column_stride},
                       packed_b + j * depth);
          }
        });

        const T keep = k0 == 0 ? beta : T{1};
        parallel_for(row_blocks * column_blocks, [&](int64_t block) {
          const int64_t first_row = block % row_blocks * panels_per_block;
          const int64_t last_row = std::min(row_panels, first_row + panels_per_block);
          const int64_t first_column = block / row_blocks * columns_per_block;
          const int64_t last_column = std::min(column_panels, first_column + columns_per_block);
          const auto multiply = [&](int64_t p, int64_t q) {
            const int64_t i = panel_begin(rows, row_panels, p);
            const int64_t j = q * width;
            const int64_t count = std::min(width, columns - j);
            const bool packed = pack_b || count < width;
            tile.run(panel_begin(rows, row_panels, p + 1) - i, count, depth, packed_a + i * depth,
                     packed ? packed_b + j * depth : b_slice + j, packed ? width : b.row_stride,
                     c + (row0 + i) * c_stride + column0 + j, c_stride, alpha, keep);
          };
          if (depth <= kShallow) {
            for (int64_t p = first_row; p < last_row; ++p) {
              for (int64_t q = first_column; q < last_column; ++q) multiply(p, q);
            }
            return;
          }
          for (int64_t q = first_column; q < last_column; ++q) {
            for (int64_t p = first_row; p < last_row; ++p) multiply(p, q);
          }
        });
      }
    }
  }
}

template <typename T>
void generic_gemm(int64_t m, int64_t n, int64_t k, MatrixView<T> a, MatrixView<T> b, T* c,
                  int64_t c_stride) {
  parallel_ranges(
      m, std::max<int64_t>(1, 65536 / std::max<int64_t>(1, n * k)),
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          T* row = c + i * c_stride;
          for (int64_t j = 0; j < n; ++j) {
            if constexpr (std::is_same_v<T, bool>) {
              bool any = false;
              for (int64_t p = 0; p < k; ++p) {
                any = any || (a.data[i * a.row_stride + p * a.column_stride] &&
                              b.data[p * b.row_stride + j * b.column_stride]);
              }
              row[j] = any;
            } else {
              uint64_t sum = 0;  // wraps, as does the narrower type cut from it
              for (int64_t p = 0; p < k; ++p) {
                sum += static_cast<uint64_t>(a.data[i * a.row_stride + p * a.column_stride]) *
                       static_cast<uint64_t>(b.data[p * b.row_stride + j * b.column_stride]);
              }
              row[j] = static_cast<T>(sum);
            }
          }
        }
      });
}

#define BITALE_INSTANTIATE_GEMM(T)                                                         \
  template void pack_left<T>(int64_t, int64_t, MatrixView<T>, T*);                         \
  template void pack_right<T>(int64_t, int64_t, int64_t, MatrixView<T>, T*);               \
  template size_t gemm_workspace_bytes<T>(int64_t, int64_t, int64_t);                      \
  template void gemm<T>(int64_t, int64_t, int64_t, T, MatrixView<T>, MatrixView<T>, T, T*, \
                        int64_t, void*)
BITALE_INSTANTIATE_GEMM(float);
BITALE_INSTANTIATE_GEMM(double);
#undef BITALE_INSTANTIATE_GEMM

#define BITALE_INSTANTIATE_GENERIC(T)                                                        \
  template void generic_gemm<T>(int64_t, int64_t, int64_t, MatrixView<T>, MatrixView<T>, T*, \
                                int64_t)
BITALE_INSTANTIATE_GENERIC(bool);
BITALE_INSTANTIATE_GENERIC(int8_t);
BITALE_INSTANTIATE_GENERIC(int16_t);
BITALE_INSTANTIATE_GENERIC(int32_t);
BITALE_INSTANTIATE_GENERIC(int64_t);
BITALE_INSTANTIATE_GENERIC(uint8_t);
BITALE_INSTANTIATE_GENERIC(uint16_t);
BITALE_INSTANTIATE_GENERIC(uint32_t);
BITALE_INSTANTIATE_GENERIC(uint64_t);
#undef BITALE_INSTANTIATE_GENERIC

}  // namespace bitale::cpu
