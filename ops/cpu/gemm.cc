#include "ops/cpu/gemm.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "core/runtime/thread_pool.h"
#include "ops/cpu/gemm_narrow.h"
#include "ops/cpu/gemm_tile.h"
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
// Products of up to this many multiplications are cut along rows only, for epilogues begin anew in
// each part of a row, into blocks of about so many: the way to another thread costs more than
// fewer.
constexpr double kSmallProduct = 1e6;
constexpr double kSmallBlock = 4e4;
// Elements of A that a thread packs at once.
constexpr int64_t kPackedAtOnce = 8192;
// Up to this many rows a packed block of A leaves room in L2 for the panels of B that a block of C
// needs, and every thread packs those for itself, just before it reads them.
constexpr int64_t kRowsOfOneBlock = 240;
// With fewer rows than this, packing B costs more than reading it where it lies.
constexpr int64_t kFewRows = 24;
// Of such panels, several are packed at once, so that rows of B are read in runs. They lie on the
// stack of the thread.
constexpr size_t kGroupBytes = 96 * 1024;
// Up to this depth C is most of what moves: it is walked along its rows, so that memory is read and
// written in order.
constexpr int64_t kShallow = 64;
// So many tiles before it is its turn, a tile of C is asked for then.
constexpr int64_t kTilesAhead = 4;
// Rows of A per block when B is one column.
constexpr int64_t kVectorRows = 256;

struct Blocking {
  int64_t depth;  // of a block along k
  int64_t block_rows;
  int64_t block_columns;
};

// Of blocks along k, whatever the other sizes are: packed operands are arranged in such blocks.
int64_t block_depth(int64_t k) {
  const int64_t blocks = std::max<int64_t>(1, (k + kMostDepth - 1) / kMostDepth);
  return std::max<int64_t>(1, (k + blocks - 1) / blocks);
}

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Rows of a block fill panels of A.
template <typename T>
Blocking blocking(int64_t m, int64_t n, int64_t k) {
  const GemmTile<T>& tile = gemm_tile<T>();
  Blocking b{block_depth(k), kBlockRows, kBlockColumns};
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  if (work < kSmallProduct) {
    const int64_t blocks = std::max<int64_t>(1, static_cast<int64_t>(work / kSmallBlock));
    b.block_rows = round_up(std::max(kFewRows, panel_count(m, blocks)), tile.rows);
    b.block_columns = kSliceColumns;
    return b;
  }
  if (m < 4 * kBlockRows && n < 4 * kBlockColumns) {
    b.block_columns = std::max<int64_t>(tile.columns, kBlockColumns / 4);
  }
  if (m <= kRowsOfOneBlock) b.block_rows = kSliceRows;
  return b;
}

// One column: y = alpha A x + beta y.
template <typename T>
void matrix_vector(int64_t m, int64_t k, T alpha, MatrixView<T> a, const T* x, int64_t x_stride,
                   T beta, T* y, int64_t y_stride, T* workspace, PartDone done) {
  const GemmTile<T>& tile = gemm_tile<T>();
  const T* vector = x;
  if (x_stride != 1) {
    for (int64_t i = 0; i < k; ++i) workspace[i] = x[i * x_stride];
    vector = workspace;
  }
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
    if (y_stride == 1) return done(begin, end - begin);
    for (int64_t i = begin; i < end; ++i) done(i * y_stride, 1);
  });
}

template <typename T>
void scale_rows(int64_t m, int64_t n, T beta, T* c, int64_t c_stride) {
  for (int64_t i = 0; i < m; ++i) {
    T* row = c + i * c_stride;
    for (int64_t j = 0; j < n; ++j) row[j] = beta == T{0} ? T{0} : beta * row[j];
  }
}

// Elements of a packed panel of B: a row to spare, so that panels side by side do not share their
// places in a cache.
constexpr int64_t panel_elements(int64_t depth, int64_t width) { return (depth + 1) * width; }

// Of all panels of B over one block along k.
template <typename T>
int64_t depth_block_elements(int64_t k, int64_t n) {
  const int64_t width = gemm_tile<T>().columns;
  return panel_count(n, width) * panel_elements(block_depth(k), width);
}

// Memory for packed operands of one slice.
template <typename T>
struct Packed {
  T* a;
  T* b;

  Packed(int64_t m, int64_t n, int64_t k, const Blocking& blocks, WorkspaceLayout& layout) {
    const GemmTile<T>& tile = gemm_tile<T>();
    a = layout.take<T>(std::max(std::min(m, kSliceRows) * blocks.depth, round_up(k, 64)));
    const bool shares_b = std::min(m, kSliceRows) > blocks.block_rows;
    b = layout.take<T>(shares_b ? panel_count(std::min(n, kSliceColumns), tile.columns) *
                                      panel_elements(blocks.depth, tile.columns)
                                : 0);
  }
};

// A part of the product whose operands are packed at once: `rows` by `columns` of C, over `depth`.
// Panels of A have up to tile.rows rows each, panels of B tile.columns columns. Where the panels of
// B are there already, ready_b is the first.
template <typename T>
class Slice {
 public:
  Slice(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b,
        const T* ready_b, const Blocking& blocks, Packed<T> packed)
      : columns_(columns),
        rows_(rows),
        depth_(depth),
        a_(a),
        b_(b),
        ready_b_(ready_b),
        packed_(packed),
        row_panels_(panel_count(rows, tile_.rows)),
        column_panels_(panel_count(columns, width_)),
        row_blocks_(even_panel_count(row_panels_, blocks.block_rows / tile_.rows)),
        column_blocks_(even_panel_count(column_panels_, blocks.block_columns / width_)),
        panel_size_(panel_elements(depth, width_)) {}

  // All of A, and of B what several blocks of C need.
  void pack() const {
    const int64_t at_once = std::max<int64_t>(1, kPackedAtOnce / (tile_.rows * depth_));
    const int64_t blocks_of_a = panel_count(row_panels_, at_once);
    parallel_for(blocks_of_a + (shares_b() ? column_blocks_ : 0), [&](int64_t block) {
      if (block < blocks_of_a) {
        const int64_t last = std::min(row_panels_, (block + 1) * at_once);
        for (int64_t p = block * at_once; p < last; ++p) {
          const int64_t i = first_row(p);
          pack_left(first_row(p + 1) - i, depth_,
                    MatrixView<T>{a_.data + i * a_.row_stride, a_.row_stride, a_.column_stride},
                    packed_.a + i * depth_);
        }
      } else {
        const Range panels = column_block(block - blocks_of_a);
        pack_columns(panels, packed_.b + panels.begin * panel_size_);
      }
    });
  }

  // c = alpha A B + beta c.
  void multiply(T alpha, T beta, T* c, int64_t c_stride, PartDone done) const {
    const Target target{alpha, beta, c, c_stride};
    parallel_for(row_blocks_ * column_blocks_, [&](int64_t block) {
      const Range rows = row_block(block % row_blocks_);
      const Range columns = column_block(block / row_blocks_);
      if (ready_b_ != nullptr || shares_b()) {
        const T* const panels = ready_b_ != nullptr ? ready_b_ : packed_.b;
        multiply_panels(rows, columns, panels + columns.begin * panel_size_, width_, panel_size_,
                        target);
        return tell(rows, columns, c_stride, done);
      }
      alignas(64) std::byte buffer[kGroupBytes];
      T* const own = reinterpret_cast<T*>(buffer);
      const int64_t at_once =
          std::max<int64_t>(1, static_cast<int64_t>(kGroupBytes / sizeof(T)) / panel_size_);
      for (int64_t first = columns.begin; first < columns.end; first += at_once) {
        const Range group{first, std::min(columns.end, first + at_once)};
        if (rows_ <= kFewRows && b_.column_stride == 1 && group.end * width_ <= columns_) {
          multiply_panels(rows, group, b_.data + first * width_, b_.row_stride, width_, target);
        } else {
          pack_columns(group, own);
          multiply_panels(rows, group, own, width_, panel_size_, target);
        }
      }
      tell(rows, columns, c_stride, done);
    });
  }

 private:
  // Of panels.
  struct Range {
    int64_t begin, end;
  };
  struct Target {
    T alpha, beta;
    T* c;
    int64_t c_stride;
  };

  bool shares_b() const { return ready_b_ == nullptr && row_blocks_ > 1; }
  int64_t first_row(int64_t panel) const { return panel_begin(rows_, row_panels_, panel); }
  Range row_block(int64_t block) const {
    return {panel_begin(row_panels_, row_blocks_, block),
            panel_begin(row_panels_, row_blocks_, block + 1)};
  }
  Range column_block(int64_t block) const {
    return {panel_begin(column_panels_, column_blocks_, block),
            panel_begin(column_panels_, column_blocks_, block + 1)};
  }

  // A block of C has its final values.
  void tell(Range rows, Range columns, int64_t c_stride, PartDone done) const {
    if (!done) return;
    const int64_t begin = first_row(rows.begin);
    const int64_t end = first_row(rows.end);
    const int64_t j = columns.begin * width_;
    const int64_t count = std::min(columns.end * width_, columns_) - j;
    if (count == c_stride) return done(begin * c_stride, (end - begin) * c_stride);
    for (int64_t i = begin; i < end; ++i) done(i * c_stride + j, count);
  }

  void pack_columns(Range panels, T* to) const {
    const int64_t j = panels.begin * width_;
    pack_panels(depth_, std::min(panels.end * width_, columns_) - j,
                MatrixView<T>{b_.data + j * b_.column_stride, b_.row_stride, b_.column_stride}, to,
                panel_size_);
  }

  // `b` is the first panel of `columns`: rows b_stride apart, panels b_step.
  void multiply_panels(Range rows, Range columns, const T* b, int64_t b_stride, int64_t b_step,
                       const Target& target) const {
    const bool is_shallow = depth_ <= kShallow;
    const auto multiply_tile = [&](int64_t p, int64_t q) {
      const int64_t i = first_row(p);
      const int64_t count = first_row(p + 1) - i;
      const int64_t j = q * width_;
      T* const to = target.c + i * target.c_stride + j;
      const T* const panel = b + (q - columns.begin) * b_step;
      RowsAhead<T> ahead;
      if (is_shallow && target.beta != T{0}) {
        T* const soon = to + kTilesAhead * width_;
        for (int64_t r = 0; r < count; ++r) {
          __builtin_prefetch(soon + r * target.c_stride, 1);
          __builtin_prefetch(soon + r * target.c_stride + width_ / 2, 1);
        }
      }
      if (!is_shallow && q + 1 < columns.end) {
        ahead = RowsAhead<T>{panel + b_step, depth_, b_stride}.part(p - rows.begin,
                                                                    rows.end - rows.begin);
      }
      tile_.run(count, std::min(width_, columns_ - j), depth_, packed_.a + i * depth_, panel,
                b_stride, to, target.c_stride, target.alpha, target.beta, ahead);
    };
    if (is_shallow) {
      for (int64_t p = rows.begin; p < rows.end; ++p) {
        for (int64_t q = columns.begin; q < columns.end; ++q) multiply_tile(p, q);
      }
    } else {
      for (int64_t q = columns.begin; q < columns.end; ++q) {
        for (int64_t p = rows.begin; p < rows.end; ++p) multiply_tile(p, q);
      }
    }
  }

  const GemmTile<T>& tile_ = gemm_tile<T>();
  const int64_t width_ = tile_.columns;
  int64_t columns_, rows_, depth_;
  MatrixView<T> a_, b_;
  const T* ready_b_;
  Packed<T> packed_;
  int64_t row_panels_, column_panels_;
  int64_t row_blocks_, column_blocks_;
  int64_t panel_size_;
};

// Either `b` or `ready_b`.
template <typename T>
void multiply_slices(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, MatrixView<T> b,
                     const T* ready_b, T beta, T* c, int64_t c_stride, const Blocking& blocks,
                     const Packed<T>& packed, PartDone done) {
  const int64_t width = gemm_tile<T>().columns;
  for (int64_t i = 0; i < m; i += kSliceRows) {
    for (int64_t j = 0; j < n; j += kSliceColumns) {
      for (int64_t k0 = 0; k0 < k; k0 += blocks.depth) {
        const int64_t depth = std::min(blocks.depth, k - k0);
        const T* const ready = ready_b == nullptr
                                   ? nullptr
                                   : ready_b + k0 / blocks.depth * depth_block_elements<T>(k, n) +
                                         j / width * panel_elements(depth, width);
        const Slice<T> slice(
            std::min(kSliceRows, m - i), std::min(kSliceColumns, n - j), depth,
            {a.data + i * a.row_stride + k0 * a.column_stride, a.row_stride, a.column_stride},
            {b.data + k0 * b.row_stride + j * b.column_stride, b.row_stride, b.column_stride},
            ready, blocks, packed);
        slice.pack();
        const auto tell = [&](int64_t begin, int64_t count) {
          done(i * c_stride + j + begin, count);
        };
        const bool is_last = done && k0 + depth == k;
        slice.multiply(alpha, k0 == 0 ? beta : T{1}, c + i * c_stride + j, c_stride,
                       is_last ? PartDone(tell) : PartDone());
      }
    }
  }
}

}  // namespace

template <typename T>
size_t gemm_workspace_bytes(int64_t m, int64_t n, int64_t k) {
  const auto packed_bytes = [&](int64_t rows, int64_t columns) {
    WorkspaceLayout layout;
    Packed<T>(rows, columns, k, blocking<T>(rows, columns, k), layout);
    return layout.bytes();
  };
  const size_t narrow = narrow_workspace_bytes<T>(m, n, k);
  if (narrow == 0) return packed_bytes(m, n);
  return std::max(packed_bytes(m, n), narrow + packed_bytes(n, m));  // it may be turned
}

template <typename T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, MatrixView<T> b, T beta, T* c,
          int64_t c_stride, void* workspace, PartDone done) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    scale_rows(m, n, beta, c, c_stride);
    for (int64_t i = 0; i < m; ++i) done(i * c_stride, n);
    return;
  }
  const Blocking blocks = blocking<T>(m, n, k);
  WorkspaceLayout layout(workspace);
  const Packed<T> packed(m, n, k, blocks, layout);
  if (n == 1) {
    return matrix_vector(m, k, alpha, a, b.data, b.row_stride, beta, c, c_stride, packed.a, done);
  }
  if (m == 1) {
    return matrix_vector(n, k, alpha, b.transposed(), a.data, a.column_stride, beta, c, int64_t{1},
                         packed.a, done);
  }
  if (is_narrow_gemm(m, n, k, a, b)) {
    return narrow_gemm(m, n, k, alpha, a, b, beta, c, c_stride, workspace, done);
  }
  multiply_slices<T>(m, n, k, alpha, a, b, nullptr, beta, c, c_stride, blocks, packed, done);
}

template <typename T>
void gemm_packed(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, const T* packed_b,
                 T beta, T* c, int64_t c_stride, void* workspace, PartDone done) {
  const Blocking blocks = blocking<T>(m, n, k);
  WorkspaceLayout layout(workspace);
  const Packed<T> packed(m, n, k, blocks, layout);
  multiply_slices<T>(m, n, k, alpha, a, {packed_b, 0, 0}, packed_b, beta, c, c_stride, blocks,
                     packed, done);
}

template <typename T>
int64_t packed_right_elements(int64_t k, int64_t n) {
  return panel_count(k, block_depth(k)) * depth_block_elements<T>(k, n);
}

template <typename T>
void pack_right_operand(int64_t k, int64_t n, MatrixView<T> b, T* to) {
  const int64_t width = gemm_tile<T>().columns;
  const int64_t most_depth = block_depth(k);
  const int64_t column_blocks = panel_count(n, kBlockColumns);
  parallel_for(panel_count(k, most_depth) * column_blocks, [&](int64_t block) {
    const int64_t k0 = block / column_blocks * most_depth;
    const int64_t depth = std::min(most_depth, k - k0);
    const int64_t j = block % column_blocks * kBlockColumns;
    const int64_t panel_size = panel_elements(depth, width);
    pack_panels(depth, std::min(kBlockColumns, n - j),
                MatrixView<T>{b.data + k0 * b.row_stride + j * b.column_stride, b.row_stride,
                              b.column_stride},
                to + block / column_blocks * depth_block_elements<T>(k, n) + j / width * panel_size,
                panel_size);
  });
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

#define BITALE_INSTANTIATE_GEMM(T)                                                           \
  template size_t gemm_workspace_bytes<T>(int64_t, int64_t, int64_t);                        \
  template void gemm_packed<T>(int64_t, int64_t, int64_t, T, MatrixView<T>, const T*, T, T*, \
                               int64_t, void*, PartDone);                                    \
  template int64_t packed_right_elements<T>(int64_t, int64_t);                               \
  template void pack_right_operand<T>(int64_t, int64_t, MatrixView<T>, T*);                  \
  template void gemm<T>(int64_t, int64_t, int64_t, T, MatrixView<T>, MatrixView<T>, T, T*,   \
                        int64_t, void*, PartDone)
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
