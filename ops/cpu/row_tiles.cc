#include "ops/cpu/row_tiles.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/row_tiles.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

// There are no vectors: nothing is done by them.
template <typename T>
int64_t pack_by_vectors(const T*, int64_t, int64_t, int64_t, T*, int64_t) {
  return 0;
}
template <typename T>
int64_t unpack_by_vectors(const T*, int64_t, int64_t, int64_t, T*) {
  return 0;
}
template <typename T>
int64_t gather_by_vectors(const T*, int64_t, int64_t, T*) {
  return 0;
}

#else

// Shuffles within 16 bytes are quick on every CPU; two such blocks are shuffled at once where
// vectors are long enough, each for rows of its own.
template <typename T>
struct Blocks {
  using D = hn::CappedTag<T, 32 / sizeof(T)>;
  using V = hn::Vec<D>;
  static constexpr int64_t kWidth = 16 / static_cast<int64_t>(sizeof(T));
  static constexpr int64_t kRows = static_cast<int64_t>(hn::MaxLanes(D()));
  static constexpr bool kTwo = kRows > kWidth;
};

// Lane j of vector i becomes lane i of vector j, in each block of kWidth lanes: a perfect shuffle
// of the vectors for each halving of kWidth.
template <typename T, typename V, size_t kWidth>
HWY_INLINE void transpose(V (&v)[kWidth]) {
  const typename Blocks<T>::D d;
#pragma GCC unroll 4
  for (size_t left = kWidth; left > 1; left /= 2) {
    V shuffled[kWidth];
#pragma GCC unroll 8
    for (size_t i = 0; i < kWidth / 2; ++i) {
      shuffled[2 * i] = hn::InterleaveLower(d, v[i], v[i + kWidth / 2]);
      shuffled[2 * i + 1] = hn::InterleaveUpper(d, v[i], v[i + kWidth / 2]);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < kWidth; ++i) v[i] = shuffled[i];
  }
}

// Where the block at column `c` starts, so that the last one ends with the row. The shortest rows
// have one block, which is longer than they are.
template <typename T>
HWY_INLINE int64_t block_start(int64_t c, int64_t length) {
  return std::max<int64_t>(0, std::min(c, length - Blocks<T>::kWidth));
}

// Each of these returns how many rows or elements it has done: the first ones.

template <typename T>
int64_t pack_by_vectors(const T* HWY_RESTRICT rows, int64_t row_stride, int64_t count,
                        int64_t length, T* HWY_RESTRICT columns, int64_t stride) {
  using B = Blocks<T>;
  constexpr int64_t kWidth = B::kWidth;
  const typename B::D d;
  // Rows of which a whole block can be read before the last row ends.
  int64_t readable = count;
  if (length < kWidth) {
    readable = row_stride <= 0 ? 0 : count - (kWidth - length + row_stride - 1) / row_stride;
  }
  const int64_t done = std::max<int64_t>(readable, 0) / B::kRows * B::kRows;
  // Locals, so that addresses are sums only.
  const int64_t upper = kWidth * row_stride;
  for (int64_t next = 0; next < length; next += kWidth) {
    const int64_t c = block_start<T>(next, length);
    const T* p = rows + c;
    T* to = columns + c * stride;
    T* const end = to + done;
    for (; to != end; to += B::kRows, p += B::kRows * row_stride) {
      typename B::V v[kWidth];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kWidth; ++i) {
        if constexpr (B::kTwo) {
          const hn::Half<typename B::D> half;
          v[i] = hn::Combine(d, hn::LoadU(half, p + i * row_stride + upper),
                             hn::LoadU(half, p + i * row_stride));
        } else {
          v[i] = hn::LoadU(d, p + i * row_stride);
        }
      }
      transpose<T>(v);
#pragma GCC unroll 16
      for (int64_t i = 0; i < kWidth; ++i) hn::StoreU(v[i], d, to + i * stride);
    }
  }
  return done;
}

// `count` rows, a multiple of kRows; the shortest are written beyond the end of the last one.
template <typename T>
HWY_INLINE void unpack_rows(const T* HWY_RESTRICT columns, int64_t stride, int64_t count,
                            int64_t length, T* HWY_RESTRICT rows) {
  using B = Blocks<T>;
  constexpr int64_t kWidth = B::kWidth;
  const typename B::D d;
  const int64_t upper = kWidth * length;
  for (int64_t next = 0; next < length; next += kWidth) {
    const int64_t c = block_start<T>(next, length);
    const T* from = columns + c * stride;
    const T* const end = from + count;
    T* p = rows + c;
    for (; from != end; from += B::kRows, p += B::kRows * length) {
      typename B::V v[kWidth];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kWidth; ++i) v[i] = hn::LoadU(d, from + i * stride);
      transpose<T>(v);
      if constexpr (B::kTwo) {
        const hn::Half<typename B::D> half;
#pragma GCC unroll 16
        for (int64_t i = 0; i < kWidth; ++i) {
          hn::StoreU(hn::LowerHalf(half, v[i]), half, p + i * length);
        }
#pragma GCC unroll 16
        for (int64_t i = 0; i < kWidth; ++i) {
          hn::StoreU(hn::UpperHalf(half, v[i]), half, p + i * length + upper);
        }
      } else {
#pragma GCC unroll 16
        for (int64_t i = 0; i < kWidth; ++i) hn::StoreU(v[i], d, p + i * length);
      }
    }
  }
}

template <typename T>
int64_t unpack_by_vectors(const T* HWY_RESTRICT columns, int64_t stride, int64_t count,
                          int64_t length, T* HWY_RESTRICT rows) {
  using B = Blocks<T>;
  const int64_t done = count / B::kRows * B::kRows;
  if (length >= B::kWidth) {
    unpack_rows(columns, stride, done, length, rows);
    return done;
  }
  // Each row is written over what went beyond the one before, and the last of all elsewhere.
  constexpr int64_t kAtOnce = 2 * TileShape::kRowUnit;
  T buffer[kAtOnce * B::kWidth + B::kWidth];
  for (int64_t r = 0; r < done; r += kAtOnce) {
    const int64_t some = std::min(kAtOnce, done - r);
    unpack_rows(columns + r, stride, some, length, buffer);
    std::memcpy(rows + r * length, buffer, static_cast<size_t>(some * length) * sizeof(T));
  }
  return done;
}

// Calls load(first) for vectors of elements [first, first + lanes) while more follow, so that
// load() may read up to the next one; returns the number of elements done.
template <typename T, typename Load>
HWY_INLINE int64_t gather_vectors(int64_t count, T* HWY_RESTRICT to, const Load& load) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes < count; i += lanes) hn::StoreU(load(i), d, to + i);
  return i;
}

template <typename T>
int64_t gather_by_vectors(const T* HWY_RESTRICT p, int64_t step, int64_t count,
                          T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto lowest = [&](int64_t i) HWY_ATTR { return p + (i + lanes - 1) * step; };
  switch (step) {
    case -1:
      return gather_vectors(count, to, [&](int64_t i) HWY_ATTR {
        return hn::Reverse(d, hn::LoadU(d, lowest(i)));
      });
    case 2:
      return gather_vectors(count, to, [&](int64_t i) HWY_ATTR {
        return hn::ConcatEven(d, hn::LoadU(d, p + 2 * i + lanes), hn::LoadU(d, p + 2 * i));
      });
    case -2:
      // What lies below each element is read with it.
      return gather_vectors(count, to, [&](int64_t i) HWY_ATTR {
        const T* q = lowest(i) - 1;
        return hn::Reverse(d, hn::ConcatOdd(d, hn::LoadU(d, q + lanes), hn::LoadU(d, q)));
      });
    case 3:
      return gather_vectors(count, to, [&](int64_t i) HWY_ATTR {
        hn::Vec<decltype(d)> a, b, c;
        hn::LoadInterleaved3(d, p + 3 * i, a, b, c);
        return a;
      });
    case 4:
      return gather_vectors(count, to, [&](int64_t i) HWY_ATTR {
        hn::Vec<decltype(d)> a, b, c, e;
        hn::LoadInterleaved4(d, p + 4 * i, a, b, c, e);
        return a;
      });
    default:
      return 0;
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

template <typename T>
void pack(const void* HWY_RESTRICT from, int64_t row_stride, int64_t count, int64_t length,
          void* HWY_RESTRICT to, int64_t stride) {
  const T* rows = static_cast<const T*>(from);
  T* columns = static_cast<T*>(to);
  int64_t r = pack_by_vectors(rows, row_stride, count, length, columns, stride);
  for (; r < count; ++r) {
    for (int64_t c = 0; c < length; ++c) columns[c * stride + r] = rows[r * row_stride + c];
  }
}

template <typename T>
void unpack(const void* HWY_RESTRICT from, int64_t stride, int64_t count, int64_t length,
            void* HWY_RESTRICT to) {
  const T* columns = static_cast<const T*>(from);
  T* rows = static_cast<T*>(to);
  for (int64_t r = unpack_by_vectors(columns, stride, count, length, rows); r < count; ++r) {
    for (int64_t c = 0; c < length; ++c) rows[r * length + c] = columns[c * stride + r];
  }
}

template <typename T>
void gather(const void* HWY_RESTRICT from, int64_t step, int64_t count, void* HWY_RESTRICT to) {
  const T* p = static_cast<const T*>(from);
  T* out = static_cast<T*>(to);
  int64_t i = 0;
  // Not all instruction sets can shuffle bytes so.
  if constexpr (sizeof(T) >= 4) i = gather_by_vectors(p, step, count, out);
  for (; i < count; ++i) out[i] = p[i * step];
}

template <typename T>
RowTiles tiles_of() {
  return {pack<T>, unpack<T>, gather<T>};
}

RowTiles make_tiles(size_t element_size) {
  switch (element_size) {
    case 1:
      return tiles_of<uint8_t>();
    case 2:
      return tiles_of<uint16_t>();
    case 4:
      return tiles_of<uint32_t>();
    default:
      return tiles_of<uint64_t>();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::cpu {

HWY_EXPORT(make_tiles);

const RowTiles& row_tiles(size_t element_size) {
  static const RowTiles of_size[4] = {
      HWY_DYNAMIC_DISPATCH(make_tiles)(1), HWY_DYNAMIC_DISPATCH(make_tiles)(2),
      HWY_DYNAMIC_DISPATCH(make_tiles)(4), HWY_DYNAMIC_DISPATCH(make_tiles)(8)};
  return of_size[element_size == 1 ? 0 : element_size == 2 ? 1 : element_size == 4 ? 2 : 3];
}

}  // namespace bitale::cpu
#endif  // HWY_ONCE
