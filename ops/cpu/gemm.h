// C = alpha A B + beta C for matrices of any strides: blocked and packed, many threads, no
// allocation.
//
// The same bits come out for any number of threads: blocks follow from the shapes, and every
// element of C is summed in an order that follows from the shapes and strides, most in ascending
// order of the inner index.

#ifndef BITALE_OPS_CPU_GEMM_H_
#define BITALE_OPS_CPU_GEMM_H_

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "core/runtime/kernel.h"

namespace bitale::cpu {

// Element (i, j) is data[i * row_stride + j * column_stride]; strides may be zero or negative.
template <typename T>
struct MatrixView {
  const T* data = nullptr;
  int64_t row_stride = 0;
  int64_t column_stride = 0;

  MatrixView transposed() const { return {data, column_stride, row_stride}; }
};

// Bytes of workspace, aligned to 64, for a product of these sizes.
template <typename T>
size_t gemm_workspace_bytes(int64_t m, int64_t n, int64_t k);

// `a` is m by k, `b` k by n, `c` m by n with rows of `c_stride` elements and adjacent columns; `c`
// overlaps neither. T is float or double; NaN and infinities propagate. Where beta is 0, c is
// written without being read. k == 0 gives beta * c. `done` is told of parts of c that have their
// final values, as places behind c: runs of one or several whole rows, or a piece of one.
template <typename T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, MatrixView<T> b, T beta, T* c,
          int64_t c_stride, void* workspace, PartDone done = {});

// The same with a right operand that pack_right_operand() arranged, for products of more than one
// row and column.
template <typename T>
void gemm_packed(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, const T* packed_b,
                 T beta, T* c, int64_t c_stride, void* workspace, PartDone done = {});
// Elements that a packed right operand takes, and the arrangement itself, by all threads.
template <typename T>
int64_t packed_right_elements(int64_t k, int64_t n);
template <typename T>
void pack_right_operand(int64_t k, int64_t n, MatrixView<T> b, T* to);

// C = A B for other element types, by plain loops; integers wrap, bool is or of ands.
template <typename T>
void generic_gemm(int64_t m, int64_t n, int64_t k, MatrixView<T> a, MatrixView<T> b, T* c,
                  int64_t c_stride);

// --- Packing, for kernels that feed gemm_tile() themselves ---------------------------------------

// `rows` rows and `depth` columns of a left operand as a tile reads them: to[k * rows + i].
template <typename T>
void pack_left(int64_t rows, int64_t depth, MatrixView<T> a, T* to);
// `depth` rows and `columns` columns of a right operand as panels of a tile's width, each
// panel_size elements after the one before; the last is padded with zeros. A right operand in row
// order is read along its rows.
template <typename T>
void pack_panels(int64_t depth, int64_t columns, MatrixView<T> b, T* to, int64_t panel_size);

// Splits `count` rows into as few panels as possible of at most `most` rows, equal up to one:
// panel p starts at row panel_begin(count, panels, p).
constexpr int64_t panel_count(int64_t count, int64_t most) { return (count + most - 1) / most; }
constexpr int64_t panel_begin(int64_t count, int64_t panels, int64_t panel) {
  return count * panel / panels;
}
// As panel_count(), for panels that threads share: one more where there would be an odd number of
// them beyond one, which leaves a thread without work, if that makes none empty.
constexpr int64_t even_panel_count(int64_t count, int64_t most) {
  const int64_t panels = panel_count(count, most);
  return panels > 1 && panels % 2 == 1 && panels < count ? panels + 1 : panels;
}

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_GEMM_H_
