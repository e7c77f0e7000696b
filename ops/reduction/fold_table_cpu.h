// The table of functions of a fold: plain loops over elements of one dtype, or vector code.

#ifndef BITALE_OPS_REDUCTION_FOLD_TABLE_CPU_H_
#define BITALE_OPS_REDUCTION_FOLD_TABLE_CPU_H_

#include <algorithm>
#include <cstdint>

#include "ops/cpu/row_tiles.h"
#include "ops/reduction/column_fold_cpu.h"
#include "ops/reduction/fold_kernel_cpu.h"
#include "ops/reduction/folds_cpu.h"

namespace bitale::reduction {

// Rows fewer than this are folded one by one, however short.
inline constexpr int64_t kWorthTile = 8;

// The columns that must be turned to have all elements of a row and of its group.
inline int64_t span_of(const RowsOfElements& rows) {
  return (rows.length - 1) * rows.step + rows.group;
}

// Whether rows are turned into columns: not if most of what is turned is not used.
inline bool worth_turning(const RowsOfElements& rows) {
  constexpr int64_t kMostSkipped = 4;
  return rows.count >= kWorthTile && rows.step > 0 &&
         span_of(rows) <= cpu::TileShape::kMostLength &&
         (rows.step <= kMostSkipped || rows.group == rows.step);
}

// Calls body(columns, stride, first, count) for tiles of rows: element c of the q-th row in group
// first + r is columns[(c * rows.step + q) * stride + r].
template <typename T, typename Body>
void for_each_tile(const RowsOfElements& rows, const Body& body) {
  using cpu::TileShape;
  alignas(64) T columns[TileShape::kMostBytes / sizeof(T)];
  const int64_t span = span_of(rows);
  const int64_t most = TileShape::rows(sizeof(T), span);
  const auto pack = cpu::row_tiles(sizeof(T)).pack;
  for (int64_t first = 0; first < rows.count; first += most) {
    const int64_t count = std::min(most, rows.count - first);
    pack(static_cast<const T*>(rows.first) + first * rows.stride, rows.stride, count, span, columns,
         most);
    body(columns, most, first, count);
  }
}

template <typename F, typename T>
void fold_turned(const T* columns, int64_t stride, int64_t count, int64_t length,
                 typename F::Acc* out) {
  if constexpr (F::vector_op().has_value()) {
    fold_turned_rows(*F::vector_op(), columns, stride, count, length, out);
  } else {
    for (int64_t r = 0; r < count; ++r) out[r] = F::load(columns[r]);
    for (int64_t c = 1; c < length; ++c) {
      const T* column = columns + c * stride;
      for (int64_t r = 0; r < count; ++r) out[r] = F::combine(out[r], F::load(column[r]));
    }
  }
}

template <typename F, typename T>
void fold_rows_in_table(const RowsOfElements& rows, void* to) {
  auto* acc = static_cast<typename F::Acc*>(to);
  if (worth_turning(rows)) {
    for_each_tile<T>(rows, [&](const T* columns, int64_t stride, int64_t first, int64_t count) {
      for (int64_t q = 0; q < rows.group; ++q) {
        fold_turned<F>(columns + q * stride, stride * rows.step, count, rows.length,
                       acc + q * rows.count + first);
      }
    });
    return;
  }
  for (int64_t q = 0; q < rows.group; ++q) {
    const T* p = static_cast<const T*>(rows.first) + q;
    for (int64_t r = 0; r < rows.count; ++r, p += rows.stride) {
      *acc++ = fold_row<F>(p, rows.length, rows.step);
    }
  }
}

template <typename F, typename T>
void take_rows_in_table(void* to, const void* from, int64_t stride, int64_t rows, int64_t step,
                        int64_t width) {
  auto* acc = static_cast<typename F::Acc*>(to);
  const T* p = static_cast<const T*>(from);
  if (step != 1) {
    T gathered[kStrip];
    for (int64_t r = 0; r < rows; ++r) {
      cpu::row_tiles(sizeof(T)).gather(p + r * stride, step, width, gathered);
      take_rows_in_table<F, T>(acc, gathered, 0, 1, 1, width);
    }
    return;
  }
  if constexpr (F::vector_op().has_value()) {
    fold_rows(*F::vector_op(), acc, p, stride, rows, width);
  } else {
    for (int64_t r = 0; r < rows; ++r, p += stride) {
      for (int64_t j = 0; j < width; ++j) acc[j] = F::combine(acc[j], F::load(p[j]));
    }
  }
}

template <typename F>
void fold_accumulators_in_table(const void* from, int64_t count, void* to) {
  using Acc = typename F::Acc;
  const Acc* acc = static_cast<const Acc*>(from);
  Acc total = acc[0];
  if constexpr (std::is_floating_point_v<Acc> && F::vector_op().has_value()) {
    total = cpu::fold_vector(*F::vector_op(), acc, count);
  } else {
    for (int64_t i = 1; i < count; ++i) total = F::combine(total, acc[i]);
  }
  *static_cast<Acc*>(to) = total;
}

template <typename F>
void combine_in_table(void* to, const void* from, int64_t count) {
  using Acc = typename F::Acc;
  Acc* a = static_cast<Acc*>(to);
  const Acc* b = static_cast<const Acc*>(from);
  for (int64_t j = 0; j < count; ++j) a[j] = F::combine(a[j], b[j]);
}

template <typename F>
void clear_in_table(void* acc, int64_t count) {
  std::fill_n(static_cast<typename F::Acc*>(acc), count, F::identity());
}

template <typename F>
void store_in_table(const void* from, int64_t count, void* to, int64_t stride, int64_t first) {
  const auto* acc = static_cast<const typename F::Acc*>(from);
  auto* out = static_cast<typename F::Out*>(to) + first;
  if (stride == 1) {
    for (int64_t j = 0; j < count; ++j) out[j] = F::store(acc[j]);
  } else {
    for (int64_t j = 0; j < count; ++j) out[j * stride] = F::store(acc[j]);
  }
}

// F: Acc, Out, identity(), load(element) -> Acc, combine(Acc, Acc), store(Acc) -> Out, and
// vector_op() where vector code does the same.
template <typename F, typename T>
constexpr FoldTable fold_table() {
  return {.element_bytes = sizeof(T),
          .accumulator_bytes = sizeof(typename F::Acc),
          .fold_rows = fold_rows_in_table<F, T>,
          .take_rows = take_rows_in_table<F, T>,
          .fold_accumulators = fold_accumulators_in_table<F>,
          .combine = combine_in_table<F>,
          .clear = clear_in_table<F>,
          .store = store_in_table<F>};
}

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_FOLD_TABLE_CPU_H_
