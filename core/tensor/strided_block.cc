#include "core/tensor/strided_block.h"

#include <algorithm>
#include <cstring>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/tensor/strided_block.cc"
#include "hwy/foreach_target.h"
//
#include "core/tensor/strided_fill.h"
#include "core/tensor/strided_gather.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows of a transposed block whose elements share one line of memory are written together.
constexpr int64_t kLineBytes = 64;
// Fewer columns than these are walked column by column, so that the inner loop is a long one.
constexpr int64_t kFewColumns = 16;

// Rows of kWord to 2 * kWord bytes, as two words that may overlap.
template <size_t kWord>
HWY_ATTR void copy_short_rows(int64_t count, size_t bytes, const char* from, int64_t from_stride,
                              char* to, int64_t to_stride) {
  const size_t second = bytes - kWord;
  for (int64_t r = 0; r < count; ++r, from += from_stride, to += to_stride) {
    std::memcpy(to, from, kWord);
    std::memcpy(to + second, from + second, kWord);
  }
}

HWY_ATTR void copy_rows(int64_t count, size_t bytes, const char* from, int64_t from_stride,
                        char* to, int64_t to_stride) {
  const auto copy = bytes < 2     ? copy_short_rows<1>
                    : bytes < 4   ? copy_short_rows<2>
                    : bytes < 8   ? copy_short_rows<4>
                    : bytes <= 16 ? copy_short_rows<8>
                    : bytes <= 32 ? copy_short_rows<16>
                    : bytes <= 64 ? copy_short_rows<32>
                                  : nullptr;
  if (copy != nullptr) return copy(count, bytes, from, from_stride, to, to_stride);
  for (int64_t r = 0; r < count; ++r) {
    std::memmove(to + r * to_stride, from + r * from_stride, bytes);
  }
}

#if HWY_TARGET == HWY_SCALAR
template <typename T>
constexpr int64_t kSide = 1;

template <int kSquares, typename T>
HWY_INLINE void transpose_squares(const T* from, int64_t, T* to, int64_t) {
  move_one(from, to);
}
#else
template <typename T>
constexpr int64_t kSide = 16 / static_cast<int64_t>(sizeof(T));

// Squares of one small vector's elements a side, kSquares beside each other: to[i * to_stride + k]
// = from[k * from_stride + i]. Each is in one block of the vectors. Interleaving the first half of
// the vectors with the second exchanges one bit of an element's place in the square; after as many
// times as there are bits, rows are columns.
template <int kSquares, typename T>
HWY_ATTR HWY_INLINE void transpose_squares(const T* from, int64_t from_stride, T* to,
                                           int64_t to_stride) {
  constexpr int kRows = static_cast<int>(kSide<T>);
  const hn::FixedTag<T, kRows> block;
  const hn::FixedTag<T, kRows * kSquares> d;
  hn::Vec<decltype(d)> a[kRows], b[kRows];
#pragma GCC unroll 16
  for (int k = 0; k < kRows; ++k) {
    const auto first = hn::LoadU(block, from + k * from_stride);
    if constexpr (kSquares == 2) {
      a[k] = hn::Combine(d, hn::LoadU(block, from + (kRows + k) * from_stride), first);
    } else {
      a[k] = first;
    }
  }
#pragma GCC unroll 4
  for (int bits = 1; bits < kRows; bits *= 2) {
#pragma GCC unroll 8
    for (int k = 0; k < kRows / 2; ++k) {
      b[2 * k] = hn::InterleaveLower(d, a[k], a[k + kRows / 2]);
      b[2 * k + 1] = hn::InterleaveUpper(d, a[k], a[k + kRows / 2]);
    }
#pragma GCC unroll 16
    for (int k = 0; k < kRows; ++k) a[k] = b[k];
  }
#pragma GCC unroll 16
  for (int k = 0; k < kRows; ++k) hn::StoreU(a[k], d, to + k * to_stride);
}
#endif

// Calls visit(begin) for steps of `step` over [0, length), which is no shorter; the last step may
// overlap the one before.
template <typename Visit>
HWY_ATTR HWY_INLINE void for_steps(int64_t length, int64_t step, Visit&& visit) {
  int64_t i = 0;
  for (; i + step <= length; i += step) visit(i);
  if (i < length) visit(length - step);
}

// Columns of a transposed block are fetched so many early: each is in a line, often a page, of its
// own, which the hardware does not foresee.
constexpr int64_t kColumnsAhead = 32;

// Rows lie in memory as columns do, at least a square's side of both and of columns kSquares.
template <int kSquares, typename T>
HWY_ATTR void transpose_by(const BlockAxis& rows, const BlockAxis& columns, const T* from, T* to) {
  constexpr int64_t kLine = kLineBytes / static_cast<int64_t>(sizeof(T));
  const int64_t line_rows = std::min(kLine, rows.length);
  for_steps(rows.length, line_rows, [&](int64_t line) HWY_ATTR {
    for_steps(columns.length, kSquares * kSide<T>, [&](int64_t column) HWY_ATTR {
      const T* source = from + line + column * columns.from_stride;
      T* target = to + line * rows.to_stride + column;
      for (int64_t k = 0; k < kSquares * kSide<T>; ++k) {
        __builtin_prefetch(source + (kColumnsAhead + k) * columns.from_stride);
      }
      for_steps(line_rows, kSide<T>, [&](int64_t row) HWY_ATTR {
        transpose_squares<kSquares>(source + row, columns.from_stride,
                                    target + row * rows.to_stride, rows.to_stride);
      });
    });
  });
}

template <typename T>
HWY_ATTR void transpose(const BlockAxis& rows, const BlockAxis& columns, const T* from, T* to) {
  // Longer vectors pay where their interleaving takes few registers.
  if constexpr (sizeof(T) >= 4 && static_cast<size_t>(kSide<T>) < kGatherLanes<T>) {
    if (columns.length >= 2 * kSide<T>) return transpose_by<2>(rows, columns, from, to);
  }
  transpose_by<1>(rows, columns, from, to);
}

// The same for two to four columns of rows that follow each other.
template <typename T>
HWY_ATTR void transpose_few(const BlockAxis& rows, const BlockAxis& columns, const T* from, T* to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = lanes_of(d);
  const auto column = [&](int64_t row, int64_t j)
                          HWY_ATTR { return hn::LoadU(d, from + row + j * columns.from_stride); };
  int64_t r = 0;
  for (; r + lanes <= rows.length; r += lanes) {
    T* const target = to + r * columns.length;
    if (columns.length == 2) {
      hn::StoreInterleaved2(column(r, 0), column(r, 1), d, target);
    } else if (columns.length == 3) {
      hn::StoreInterleaved3(column(r, 0), column(r, 1), column(r, 2), d, target);
    } else {
      hn::StoreInterleaved4(column(r, 0), column(r, 1), column(r, 2), column(r, 3), d, target);
    }
  }
  for (; r < rows.length; ++r) {
    for (int64_t j = 0; j < columns.length; ++j) {
      move_one(from + r + j * columns.from_stride, to + r * columns.length + j);
    }
  }
}

// Any strides: the inner loop is along `inner`.
template <typename T>
HWY_ATTR void move_elements(const BlockAxis& outer, const BlockAxis& inner, const T* from, T* to) {
  for (int64_t i = 0; i < outer.length; ++i) {
    const T* source = from + i * outer.from_stride;
    T* target = to + i * outer.to_stride;
    for (int64_t j = 0; j < inner.length; ++j) {
      move_one(source, target);
      source += inner.from_stride;
      target += inner.to_stride;
    }
  }
}

template <typename T>
HWY_ATTR void move(const BlockAxis& rows, const BlockAxis& columns, const T* from, T* to) {
  const bool dense = rows.length == 1 || rows.to_stride == columns.length;
  if (columns.to_stride != 1) {
    return columns.length < rows.length ? move_elements(columns, rows, from, to)
                                        : move_elements(rows, columns, from, to);
  }
  if (dense && rows.from_stride == 0 && rows.length > 1) {
    move(BlockAxis{}, columns, from, to);
    const int64_t all = rows.length * columns.length;
    for (int64_t done = columns.length; done < all; done *= 2) {
      std::memcpy(to + done, to, static_cast<size_t>(std::min(done, all - done)) * sizeof(T));
    }
    return;
  }
  if (columns.from_stride == 0) return fill_rows(rows, columns.length, from, to);
  if (columns.from_stride == 1) {
    constexpr auto kSize = static_cast<int64_t>(sizeof(T));
    return copy_rows(rows.length, static_cast<size_t>(columns.length) * sizeof(T),
                     reinterpret_cast<const char*>(from), rows.from_stride * kSize,
                     reinterpret_cast<char*>(to), rows.to_stride * kSize);
  }
  if (rows.from_stride == 1 && rows.length >= kSide<T>) {
    if (dense && columns.length >= 2 && columns.length <= 4) {
      return transpose_few(rows, columns, from, to);
    }
    if (columns.length >= kSide<T>) return transpose(rows, columns, from, to);
  }
  if (columns.length < kFewColumns && columns.length < rows.length) {
    return move_elements(columns, rows, from, to);
  }
  gather_rows(rows, columns, from, to);
}

void move_1(const BlockAxis& rows, const BlockAxis& columns, const void* from, void* to) {
  move(rows, columns, static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to));
}
void move_2(const BlockAxis& rows, const BlockAxis& columns, const void* from, void* to) {
  move(rows, columns, static_cast<const uint16_t*>(from), static_cast<uint16_t*>(to));
}
void move_4(const BlockAxis& rows, const BlockAxis& columns, const void* from, void* to) {
  move(rows, columns, static_cast<const uint32_t*>(from), static_cast<uint32_t*>(to));
}
void move_8(const BlockAxis& rows, const BlockAxis& columns, const void* from, void* to) {
  move(rows, columns, static_cast<const uint64_t*>(from), static_cast<uint64_t*>(to));
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale {
namespace {

HWY_EXPORT(move_1);
HWY_EXPORT(move_2);
HWY_EXPORT(move_4);
HWY_EXPORT(move_8);

}  // namespace

void move_block(size_t element_size, const BlockAxis& rows, const BlockAxis& columns,
                const void* from, void* to) {
  if (rows.length <= 0 || columns.length <= 0) return;
  switch (element_size) {
    case 1:
      return HWY_DYNAMIC_DISPATCH(move_1)(rows, columns, from, to);
    case 2:
      return HWY_DYNAMIC_DISPATCH(move_2)(rows, columns, from, to);
    case 4:
      return HWY_DYNAMIC_DISPATCH(move_4)(rows, columns, from, to);
    default:
      return HWY_DYNAMIC_DISPATCH(move_8)(rows, columns, from, to);
  }
}

}  // namespace bitale
#endif  // HWY_ONCE
