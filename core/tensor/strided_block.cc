#include "core/tensor/strided_block.h"

#include <algorithm>
#include <cstring>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/tensor/strided_block.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A vector of 16 bytes at most, for what does not fill a whole one.
template <typename T>
using SmallTag = hn::CappedTag<T, 16 / sizeof(T)>;

// Rows of a transposed block whose elements share one line of memory are written together.
constexpr int64_t kLineBytes = 64;
// Fewer columns than these are walked column by column, so that the inner loop is a long one.
constexpr int64_t kFewColumns = 16;

// Words stand for elements of any type: single ones are moved as bytes.
template <typename T>
HWY_ATTR HWY_INLINE void move_one(const T* from, T* to) {
  std::memcpy(to, from, sizeof(T));
}

template <typename T>
HWY_ATTR HWY_INLINE T load_one(const T* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename D>
HWY_ATTR HWY_INLINE int64_t lanes_of(D d) {
  return static_cast<int64_t>(hn::Lanes(d));
}

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

template <typename T>
HWY_ATTR void fill_run(T value, int64_t count, T* to) {
  const auto fill_by = [&](auto d) HWY_ATTR {
    const int64_t lanes = lanes_of(d);
    const auto vector = hn::Set(d, value);
    for (int64_t i = 0; i + lanes <= count; i += lanes) hn::StoreU(vector, d, to + i);
    // The last elements, some of them for the second time.
    hn::StoreU(vector, d, to + count - lanes);
  };
  if (count >= lanes_of(hn::ScalableTag<T>())) return fill_by(hn::ScalableTag<T>());
  if (count >= lanes_of(SmallTag<T>())) return fill_by(SmallTag<T>());
  for (int64_t i = 0; i < count; ++i) move_one(&value, to + i);
}

// Each row is one element, repeated. Rows that follow each other are written in whole vectors: what
// goes beyond a row is written again with the next one.
template <typename T, typename D>
HWY_ATTR void fill_rows_by(D d, int64_t rows, int64_t length, const T* from, int64_t from_stride,
                           T* to) {
  const int64_t lanes = lanes_of(d);
  const int64_t written = (length + lanes - 1) / lanes * lanes;
  const int64_t room = rows * length - written;
  const int64_t whole = room < 0 ? 0 : room / length + 1;
  for (int64_t r = 0; r < whole; ++r, to += length) {
    const auto vector = hn::Set(d, load_one(from + r * from_stride));
    for (int64_t j = 0; j < length; j += lanes) hn::StoreU(vector, d, to + j);
  }
  for (int64_t r = whole; r < rows; ++r, to += length) {
    fill_run(load_one(from + r * from_stride), length, to);
  }
}

template <typename T>
HWY_ATTR void fill_rows(const BlockAxis& rows, int64_t length, const T* from, T* to) {
  if (rows.to_stride != length) {
    for (int64_t r = 0; r < rows.length; ++r) {
      fill_run(load_one(from + r * rows.from_stride), length, to + r * rows.to_stride);
    }
  } else if (length <= lanes_of(SmallTag<T>())) {
    fill_rows_by(SmallTag<T>(), rows.length, length, from, rows.from_stride, to);
  } else {
    fill_rows_by(hn::ScalableTag<T>(), rows.length, length, from, rows.from_stride, to);
  }
}

// to[i] = from[i * stride], for strides that vectors take apart. Returns how many were moved.
template <typename T>
HWY_ATTR int64_t gather_vectors(int64_t count, int64_t stride, const T* from, T* to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = lanes_of(d);
  hn::Vec<decltype(d)> v0, v1, v2, v3;
  int64_t i = 0;
  // A group of vectors ends after the last element that is wanted: one group less.
  switch (stride) {
    case -1:
      if constexpr (sizeof(T) > 1) {
        for (; i + lanes <= count; i += lanes) {
          hn::StoreU(hn::Reverse(d, hn::LoadU(d, from - i - lanes + 1)), d, to + i);
        }
      }
      break;
    case 2:
      for (; i + lanes < count; i += lanes) {
        hn::LoadInterleaved2(d, from + 2 * i, v0, v1);
        hn::StoreU(v0, d, to + i);
      }
      break;
    case 3:
      for (; i + lanes < count; i += lanes) {
        hn::LoadInterleaved3(d, from + 3 * i, v0, v1, v2);
        hn::StoreU(v0, d, to + i);
      }
      break;
    case 4:
      for (; i + lanes < count; i += lanes) {
        hn::LoadInterleaved4(d, from + 4 * i, v0, v1, v2, v3);
        hn::StoreU(v0, d, to + i);
      }
      break;
    default:
      break;
  }
  return i;
}

template <typename T>
HWY_ATTR void gather_run(int64_t count, int64_t stride, const T* from, T* to) {
  int64_t i = gather_vectors(count, stride, from, to);
  from += i * stride;
  for (; i + 4 <= count; i += 4, from += 4 * stride) {
    move_one(from, to + i);
    move_one(from + stride, to + i + 1);
    move_one(from + 2 * stride, to + i + 2);
    move_one(from + 3 * stride, to + i + 3);
  }
  for (; i < count; ++i, from += stride) move_one(from, to + i);
}

#if HWY_TARGET == HWY_SCALAR
template <typename T>
constexpr int64_t kSide = 1;

template <typename T>
HWY_INLINE void transpose_square(const T* from, int64_t, T* to, int64_t) {
  move_one(from, to);
}
#else
template <typename T>
constexpr int64_t kSide = 16 / static_cast<int64_t>(sizeof(T));

// A square of one small vector's elements a side: to[i * to_stride + k] = from[k * from_stride +
// i]. Interleaving the first half of the vectors with the second exchanges one bit of an element's
// place in the square; after as many times as there are bits, rows are columns.
template <typename T>
HWY_ATTR HWY_INLINE void transpose_square(const T* from, int64_t from_stride, T* to,
                                          int64_t to_stride) {
  constexpr int kRows = static_cast<int>(kSide<T>);
  const hn::FixedTag<T, kRows> d;
  hn::Vec<decltype(d)> a[kRows], b[kRows];
#pragma GCC unroll 16
  for (int k = 0; k < kRows; ++k) a[k] = hn::LoadU(d, from + k * from_stride);
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

// Rows lie in memory as columns do, at least a square's side of both.
template <typename T>
HWY_ATTR void transpose(const BlockAxis& rows, const BlockAxis& columns, const T* from, T* to) {
  constexpr int64_t kLine = kLineBytes / static_cast<int64_t>(sizeof(T));
  for_steps(rows.length, std::min(kLine, rows.length), [&](int64_t line) HWY_ATTR {
    const int64_t line_rows = std::min(kLine, rows.length);
    for_steps(columns.length, kSide<T>, [&](int64_t column) HWY_ATTR {
      const T* source = from + line + column * columns.from_stride;
      T* target = to + line * rows.to_stride + column;
      for_steps(line_rows, kSide<T>, [&](int64_t row) HWY_ATTR {
        transpose_square(source + row, columns.from_stride, target + row * rows.to_stride,
                         rows.to_stride);
      });
    });
  });
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
  for (int64_t r = 0; r < rows.length; ++r) {
    gather_run(columns.length, columns.from_stride, from + r * rows.from_stride,
               to + r * rows.to_stride);
  }
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
