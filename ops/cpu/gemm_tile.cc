#include "ops/cpu/gemm_tile.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/gemm_tile.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/cpu/vectors.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// AVX-512 has 32 registers, the others 16.
#if HWY_TARGET <= HWY_AVX3
constexpr int kTileRows = 12;
#else
constexpr int kTileRows = 6;
#endif

// In so few steps C would not arrive.
constexpr int64_t kFewSteps = 64;

// Columns of A one after the other, each with its rows side by side.
template <typename T>
struct PackedColumns {
  const T* HWY_RESTRICT column;

  HWY_INLINE T row(int i) const { return column[i]; }
  template <int kRows>
  HWY_INLINE void next() {
    column += kRows;
  }
};

// Columns of A whose elements are found apart, at one place in each row.
template <typename T>
struct PickedColumns {
  const T* const* HWY_RESTRICT rows;
  const int64_t* HWY_RESTRICT place;

  HWY_INLINE T row(int i) const { return rows[i][*place]; }
  template <int kRows>
  HWY_INLINE void next() {
    ++place;
  }
};

// Rows of B one after the other, each with its vectors side by side.
template <typename T>
struct PackedRows {
  const T* HWY_RESTRICT row;
  int64_t stride;

  template <typename D>
  HWY_INLINE hn::Vec<D> vector(D d, int64_t j) const {
    return hn::LoadU(d, row + j * vector_length<T>());
  }
  HWY_INLINE void next() { row += stride; }
};

// Rows of B whose vectors, or halves of them, are found apart, at one offset from where each began.
template <typename T, int kParts>
struct WindowRows {
  const T* const* HWY_RESTRICT begins;
  const int64_t* HWY_RESTRICT offset;

  template <typename D>
  HWY_INLINE hn::Vec<D> vector(D d, int64_t j) const {
#if HWY_TARGET != HWY_SCALAR  // has no halves
    if constexpr (kParts == 4) {
      const hn::Half<D> half;
      return hn::Combine(d, hn::LoadU(half, begins[2 * j + 1] + *offset),
                         hn::LoadU(half, begins[2 * j] + *offset));
    }
#endif
    return hn::LoadU(d, begins[j] + *offset);
  }
  HWY_INLINE void next() { ++offset; }
};

// What a tile needs around its inner loop: in memory, for as arguments these would take registers
// that the loop needs.
template <typename T>
struct Around {
  T alpha, beta;
  const RowsAhead<T>& ahead;
};

// kRows rows and kVectors vectors of C in registers.
template <typename T, int kRows, int kVectors, typename Columns, typename Rows>
HWY_NOINLINE void run_tile(int64_t columns, int64_t depth, Columns a, Rows b, T* HWY_RESTRICT c,
                           int64_t c_stride, const Around<T>& around) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = vector_length<T>();
  V sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) sums[i][j] = hn::Zero(d);
  }
  const auto step = [&]() HWY_ATTR {
    V right[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) right[j] = b.vector(d, j);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const V left = hn::Set(d, a.row(i));
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) sums[i][j] = hn::MulAdd(left, right[j], sums[i][j]);
    }
    a.template next<kRows>();
    b.next();
  };
  int64_t k = 0;
  const RowsAhead<T>& ahead = around.ahead;
  if (depth > kFewSteps || ahead.count > 0) {
    // Asked for a row or two at a time: all at once they would fill the queue of what comes from
    // memory, and the operands that are needed now would wait behind them.
    T* own = c;
    T* const last_own = c + (kRows - 1) * c_stride;
    const T* next = ahead.first;
    const T* const end = next + ahead.count * ahead.stride;
    const int rows_at_once = 2 * ahead.count > depth ? 2 : 1;
    const int64_t fetching = std::min(depth - 1, 2 * std::max<int64_t>(kRows, ahead.count));
    for (; k < fetching; k += 2) {
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) __builtin_prefetch(own + j * lanes, 1);
      if (own != last_own) own += c_stride;
      for (int r = 0; r < rows_at_once && next != end; ++r) {
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; ++j) __builtin_prefetch(next + j * lanes);
        next += ahead.stride;
      }
      step();
      step();
    }
  }
#pragma GCC unroll 2
  for (; k < depth; ++k) step();
  const T beta = around.beta;
  const V scale = hn::Set(d, around.alpha);
  if (columns == kVectors * lanes) {
    const V keep = hn::Set(d, beta);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) {
        T* to = c + i * c_stride + j * lanes;
        V sum = hn::Mul(sums[i][j], scale);
        if (beta != T{0}) sum = hn::MulAdd(keep, hn::LoadU(d, to), sum);
        hn::StoreU(sum, d, to);
      }
    }
    return;
  }
  HWY_ALIGN T buffer[kVectors * vector_length<T>()];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      hn::Store(hn::Mul(sums[i][j], scale), d, buffer + j * lanes);
    }
    T* to = c + i * c_stride;
    for (int64_t j = 0; j < columns; ++j) {
      to[j] = beta != T{0} ? __builtin_fma(beta, to[j], buffer[j]) : buffer[j];
    }
  }
}

template <typename T, typename Columns, typename Rows>
using TileFunction = void (*)(int64_t, int64_t, Columns, Rows, T*, int64_t, const Around<T>&);

template <typename T, int kVectors, typename Columns, typename Rows, int... kRows>
constexpr std::array<TileFunction<T, Columns, Rows>, sizeof...(kRows)> tile_table(
    std::integer_sequence<int, kRows...>) {
  return {&run_tile<T, kRows + 1, kVectors, Columns, Rows>...};
}
using AllRows = std::make_integer_sequence<int, kTileRows>;

// As many vectors as the columns fill.
template <typename T, typename Columns>
HWY_ATTR HWY_INLINE void run_packed_rows(int64_t rows, int64_t columns, int64_t depth, Columns a,
                                         const T* b, int64_t b_stride, T* c, int64_t c_stride,
                                         const Around<T>& around) {
  using Rows = PackedRows<T>;
  static constexpr auto kNarrow = tile_table<T, 1, Columns, Rows>(AllRows());
  static constexpr auto kWide = tile_table<T, 2, Columns, Rows>(AllRows());
  const auto& table = columns <= vector_length<T>() ? kNarrow : kWide;
  table[rows - 1](columns, depth, a, Rows{b, b_stride}, c, c_stride, around);
}

template <typename T>
HWY_ATTR void run(int64_t rows, int64_t columns, int64_t depth, const T* a, const T* b,
                  int64_t b_stride, T* c, int64_t c_stride, T alpha, T beta,
                  const RowsAhead<T>& ahead) {
  run_packed_rows(rows, columns, depth, PackedColumns<T>{a}, b, b_stride, c, c_stride,
                  Around<T>{alpha, beta, ahead});
}

template <typename T>
HWY_ATTR void run_picked(int64_t rows, int64_t columns, int64_t depth, const T* const* a,
                         const int64_t* places, const T* b, int64_t b_stride, T* c,
                         int64_t c_stride, T alpha, T beta) {
  const RowsAhead<T> nothing;
  run_packed_rows(rows, columns, depth, PickedColumns<T>{a, places}, b, b_stride, c, c_stride,
                  Around<T>{alpha, beta, nothing});
}

template <typename T>
HWY_ATTR void run_windows(int64_t parts, int64_t rows, int64_t depth, const T* a,
                          const T* const* begins, const int64_t* offsets, T* c, int64_t c_stride,
                          T alpha, T beta) {
  const RowsAhead<T> nothing;
  const Around<T> around{alpha, beta, nothing};
  const auto run_rows = [&]<typename Rows>(const Rows& b) {
    static constexpr auto kTable = tile_table<T, 2, PackedColumns<T>, Rows>(AllRows());
    kTable[rows - 1](2 * vector_length<T>(), depth, PackedColumns<T>{a}, b, c, c_stride, around);
  };
  parts == 2 ? run_rows(WindowRows<T, 2>{begins, offsets})
             : run_rows(WindowRows<T, 4>{begins, offsets});
}

template <typename T>
HWY_ATTR void pack(int64_t depth, int64_t panels, const T* HWY_RESTRICT b, int64_t b_stride,
                   T* HWY_RESTRICT to, int64_t panel_size) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = vector_length<T>();
  for (int64_t k = 0; k < depth; ++k) {
    const T* from = b + k * b_stride;
    T* row = to + k * 2 * lanes;
    for (int64_t p = 0; p < panels; ++p) {
      hn::StoreU(hn::LoadU(d, from), d, row);
      hn::StoreU(hn::LoadU(d, from + lanes), d, row + lanes);
      from += 2 * lanes;
      row += panel_size;
    }
  }
}

template <typename T>
HWY_ATTR T dot(int64_t depth, const T* HWY_RESTRICT x, const T* HWY_RESTRICT y) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = vector_length<T>();
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  auto sum2 = hn::Zero(d);
  auto sum3 = hn::Zero(d);
  int64_t k = 0;
  for (; k + 4 * lanes <= depth; k += 4 * lanes) {
    sum0 = hn::MulAdd(hn::LoadU(d, x + k), hn::LoadU(d, y + k), sum0);
    sum1 = hn::MulAdd(hn::LoadU(d, x + k + lanes), hn::LoadU(d, y + k + lanes), sum1);
    sum2 = hn::MulAdd(hn::LoadU(d, x + k + 2 * lanes), hn::LoadU(d, y + k + 2 * lanes), sum2);
    sum3 = hn::MulAdd(hn::LoadU(d, x + k + 3 * lanes), hn::LoadU(d, y + k + 3 * lanes), sum3);
  }
  for (; k + lanes <= depth; k += lanes) {
    sum0 = hn::MulAdd(hn::LoadU(d, x + k), hn::LoadU(d, y + k), sum0);
  }
  sum0 = hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3));
  T sum = hn::GetLane(hn::SumOfLanes(d, sum0));
  for (; k < depth; ++k) sum += x[k] * y[k];
  return sum;
}

// Whole vectors from element i on, of kRows rows.
template <int kRows, typename D, typename T = hn::TFromD<D>>
HWY_ATTR HWY_INLINE int64_t add_vectors(D d, int64_t i, int64_t count, const T* HWY_RESTRICT scales,
                                        const T* HWY_RESTRICT row, int64_t stride,
                                        T* HWY_RESTRICT y) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; i + lanes <= count; i += lanes) {
    auto sum = hn::LoadU(d, y + i);
#pragma GCC unroll 4
    for (int s = 0; s < kRows; ++s) {
      // The next rows: what the hardware fetches ahead ends with a page.
      __builtin_prefetch(row + (kRows + s) * stride + i);
      sum = hn::MulAdd(hn::Set(d, scales[s]), hn::LoadU(d, row + s * stride + i), sum);
    }
    hn::StoreU(sum, d, y + i);
  }
  return i;
}

// Four rows at a time: y is read and written once for them, and memory gives four streams. The ends
// of rows, or all of short ones, are taken by ever shorter vectors.
template <typename T>
HWY_ATTR void add_rows(int64_t count, int64_t rows, const T* HWY_RESTRICT scales,
                       const T* HWY_RESTRICT x, int64_t stride, T* HWY_RESTRICT y) {
  const auto add_some = [&]<int kRows>(std::integral_constant<int, kRows>, int64_t r) HWY_ATTR {
    const T* const row = x + r * stride;
    int64_t i = add_vectors<kRows>(hn::ScalableTag<T>(), 0, count, scales + r, row, stride, y);
    i = add_vectors<kRows>(hn::CappedTag<T, 8>(), i, count, scales + r, row, stride, y);
    i = add_vectors<kRows>(hn::CappedTag<T, 4>(), i, count, scales + r, row, stride, y);
    i = add_vectors<kRows>(hn::CappedTag<T, 2>(), i, count, scales + r, row, stride, y);
    add_vectors<kRows>(hn::CappedTag<T, 1>(), i, count, scales + r, row, stride, y);
  };
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) add_some(std::integral_constant<int, 4>(), r);
  for (; r < rows; ++r) add_some(std::integral_constant<int, 1>(), r);
}

template <typename T>
GemmTile<T> make_tile() {
  return {.rows = kTileRows,
          .columns = 2 * vector_length<T>(),
          .run = &run<T>,
          .pack = &pack<T>,
          .run_windows = &run_windows<T>,
          .run_picked = &run_picked<T>,
          .dot = &dot<T>,
          .add_rows = &add_rows<T>};
}

GemmTile<float> float_tile() { return make_tile<float>(); }
GemmTile<double> double_tile() { return make_tile<double>(); }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::cpu {
namespace {

HWY_EXPORT(float_tile);
HWY_EXPORT(double_tile);

}  // namespace

template <>
const GemmTile<float>& gemm_tile<float>() {
  static const GemmTile<float> tile = HWY_DYNAMIC_DISPATCH(float_tile)();
  return tile;
}

template <>
const GemmTile<double>& gemm_tile<double>() {
  static const GemmTile<double> tile = HWY_DYNAMIC_DISPATCH(double_tile)();
  return tile;
}

}  // namespace bitale::cpu
#endif  // HWY_ONCE
