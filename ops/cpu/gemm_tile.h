// The innermost kernels of matrix products, and of what is made of them: a small block of C held in
// vector registers while the inner dimension is walked. Chosen once per process for the CPU at hand
// (AVX2, AVX-512 or the portable baseline).
//
// gemm() in ops/cpu/gemm.h is the whole product. Use the tile directly where operands are packed in
// another way, as convolutions do.

#ifndef BITALE_OPS_CPU_GEMM_TILE_H_
#define BITALE_OPS_CPU_GEMM_TILE_H_

#include <cstdint>

namespace bitale::cpu {

// Rows, each as wide as a tile, that will be read soon: a tile asks for them while it multiplies, a
// row or two for every two steps, so that their way from memory costs nothing. What does not fit
// its depth is not asked for.
template <typename T>
struct RowsAhead {
  const T* first = nullptr;
  int64_t count = 0;
  int64_t stride = 0;

  // One of `parts` parts of nearly the same size.
  RowsAhead part(int64_t at, int64_t parts) const {
    const int64_t begin = count * at / parts;
    return {first + begin * stride, count * (at + 1) / parts - begin, stride};
  }
};

template <typename T>
struct GemmTile {
  // A tile has at most this many rows, and exactly this many columns in packed B.
  int64_t rows = 0;
  int64_t columns = 0;

  // c[i][j] = beta * c[i][j] + alpha * sum_k a[k][i] * b[k][j] for i < rows, j < columns. Row k of
  // `a` is a + k * rows; row k of `b` is b + k * b_stride and holds readable elements up to the
  // tile's column count; row i of `c` is c + i * c_stride. Where beta is 0, c is not read. The sum
  // runs in ascending k, one fused multiply-add each. `ahead` ({} for none) changes no result.
  void (*run)(int64_t rows, int64_t columns, int64_t depth, const T* a, const T* b,
              int64_t b_stride, T* c, int64_t c_stride, T alpha, T beta,
              const RowsAhead<T>& ahead) = nullptr;

  // Panels of packed B from whole ones side by side: row k of panel p, which is to + p * panel_size
  // + k * columns, from b + k * b_stride + p * columns. B is read along its rows.
  void (*pack)(int64_t depth, int64_t panels, const T* b, int64_t b_stride, T* to,
               int64_t panel_size) = nullptr;

  // As run() with all columns of a tile, where the parts of row k of B need not lie side by side:
  // part p begins at begins[p] + offsets[k]. `parts` is 2 or 4 and divides `columns`. The same
  // sums, bit by bit.
  void (*run_windows)(int64_t parts, int64_t rows, int64_t depth, const T* a,
                      const T* const* begins, const int64_t* offsets, T* c, int64_t c_stride,
                      T alpha, T beta) = nullptr;

  // As run(), where element i of column k of A is a[i][places[k]]. The same sums, bit by bit.
  void (*run_picked)(int64_t rows, int64_t columns, int64_t depth, const T* const* a,
                     const int64_t* places, const T* b, int64_t b_stride, T* c, int64_t c_stride,
                     T alpha, T beta) = nullptr;

  // sum_k x[k] * y[k] in a fixed order.
  T (*dot)(int64_t depth, const T* x, const T* y) = nullptr;
  // y[i] += sum_r scales[r] * x[r * stride + i] for r < rows, in ascending r.
  void (*add_rows)(int64_t count, int64_t rows, const T* scales, const T* x, int64_t stride,
                   T* y) = nullptr;
};

// T is float or double.
template <typename T>
const GemmTile<T>& gemm_tile();

// An upper bound of gemm_tile<T>().columns on any CPU.
inline constexpr int64_t kMostTileColumns = 64;
// And of its rows.
inline constexpr int64_t kMostTileRows = 12;

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_GEMM_TILE_H_
