// Rows of elements that lie a few elements apart, or in the reverse order, made contiguous: for
// core/tensor/strided_block.cc, which includes it once for each instruction set.

#include <cstring>

#include "core/tensor/strided_block.h"
#include "hwy/highway.h"

#if defined(BITALE_CORE_TENSOR_STRIDED_GATHER_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BITALE_CORE_TENSOR_STRIDED_GATHER_H_
#undef BITALE_CORE_TENSOR_STRIDED_GATHER_H_
#else
#define BITALE_CORE_TENSOR_STRIDED_GATHER_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace bitale {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Words stand for elements of any type: single ones are moved as bytes.
template <typename T>
HWY_ATTR HWY_INLINE void move_one(const T* from, T* to) {
  std::memcpy(to, from, sizeof(T));
}

// Vectors of a length that is known here, as tables of their lanes are made beforehand.
template <typename T>
constexpr size_t kGatherLanes = HWY_TARGET == HWY_SCALAR
                                    ? 1
                                    : (HWY_MAX_BYTES >= 32 && !HWY_HAVE_SCALABLE ? 32 : 16) /
                                          sizeof(T);
template <typename T>
using GatherTag = hn::FixedTag<T, kGatherLanes<T>>;

template <typename T>
HWY_ATTR HWY_INLINE void gather_singly(int64_t count, int64_t stride, const T* from, T* to) {
  int64_t i = 0;
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
bool gather_rows_in_vectors(const BlockAxis&, const BlockAxis&, const T*, T*) {
  return false;
}
#else
// Each kStep-th element from `first` on of so many vectors. No two of them have the same place in
// their vectors where the step is odd.
template <int kStep, typename T>
struct Picked {
  static constexpr int kLanes = static_cast<int>(kGatherLanes<T>);
  alignas(64) T masks[kStep][kLanes] = {};  // lanes that a vector has
  alignas(64) T lanes[kLanes] = {};         // in order

  constexpr explicit Picked(int first) {
    for (int k = 0; k < kLanes; ++k) {
      const int at = k * kStep + first;
      masks[at / kLanes][at % kLanes] = static_cast<T>(-1);
      lanes[k] = static_cast<T>(at % kLanes);
    }
  }
};
template <int kStep, int kFirst, typename T>
constexpr Picked<kStep, T> kPicked{kFirst};

// from[k * kStep + kFirst] for each lane k. Reads all of kStep whole vectors.
template <int kStep, int kFirst, typename T>
HWY_ATTR HWY_INLINE auto load_each(GatherTag<T> d, const T* from) {
  const auto lanes = static_cast<int64_t>(kGatherLanes<T>);
  if constexpr (kStep == 1) {
    return hn::LoadU(d, from);
  } else if constexpr (sizeof(T) < 4) {
    hn::Vec<GatherTag<T>> v[4];
    if constexpr (kStep == 2) hn::LoadInterleaved2(d, from, v[0], v[1]);
    if constexpr (kStep == 3) hn::LoadInterleaved3(d, from, v[0], v[1], v[2]);
    if constexpr (kStep == 4) hn::LoadInterleaved4(d, from, v[0], v[1], v[2], v[3]);
    return v[kFirst];
  } else if constexpr (kStep % 2 == 0) {
    constexpr int kHalf = kStep / 2;
    const auto low = load_each<kHalf, kFirst % kHalf>(d, from);
    const auto high = load_each<kHalf, kFirst % kHalf>(d, from + kHalf * lanes);
    if constexpr (kFirst < kHalf) {
      return hn::ConcatEven(d, high, low);
    } else {
      return hn::ConcatOdd(d, high, low);
    }
  } else {
    constexpr const Picked<kStep, T>& kPick = kPicked<kStep, kFirst, T>;
    auto picked = hn::LoadU(d, from);
#pragma GCC unroll 8
    for (int v = 1; v < kStep; ++v) {
      const auto mask = hn::MaskFromVec(hn::Load(d, kPick.masks[v]));
      picked = hn::IfThenElse(mask, hn::LoadU(d, from + v * lanes), picked);
    }
    return hn::TableLookupLanes(picked, hn::IndicesFromVec(d, hn::Load(d, kPick.lanes)));
  }
}

// Rows of more elements than a vector has, each of them kStep after or, if reversed, before the one
// before. Vectors are read such that they begin, or end if reversed, with a wanted element; but the
// last ones the other way round, so that nothing beyond the row is read.
template <int kStep, bool kReversed, typename T>
HWY_ATTR void gather_rows_by(const BlockAxis& rows, int64_t length, const T* from, T* to) {
  const GatherTag<T> d;
  const auto lanes = static_cast<int64_t>(kGatherLanes<T>);
  constexpr int64_t kBeside = kStep - 1;
  for (int64_t r = 0; r < rows.length; ++r) {
    const T* source = from + r * rows.from_stride;
    T* target = to + r * rows.to_stride;
    const int64_t last = length - lanes;
    if constexpr (kReversed) {
      const T* next = source - (kStep * lanes - 1);
      for (int64_t i = 0; i < last; i += lanes, next -= kStep * lanes) {
        hn::StoreU(hn::Reverse(d, load_each<kStep, kBeside>(d, next)), d, target + i);
      }
      next = source - (length - 1) * kStep;
      hn::StoreU(hn::Reverse(d, load_each<kStep, 0>(d, next)), d, target + last);
    } else {
      for (int64_t i = 0; i < last; i += lanes) {
        hn::StoreU(load_each<kStep, 0>(d, source + i * kStep), d, target + i);
      }
      hn::StoreU(load_each<kStep, kBeside>(d, source + last * kStep - kBeside), d, target + last);
    }
  }
}

// False for steps that vectors of T are not taken apart by, and for rows that fill none.
template <typename T>
HWY_ATTR bool gather_rows_in_vectors(const BlockAxis& rows, const BlockAxis& columns, const T* from,
                                     T* to) {
  const int64_t length = columns.length;
  if (length <= static_cast<int64_t>(kGatherLanes<T>)) return false;
  switch (columns.from_stride) {
    case 2:
      gather_rows_by<2, false>(rows, length, from, to);
      return true;
    case 3:
      gather_rows_by<3, false>(rows, length, from, to);
      return true;
    case 4:
      gather_rows_by<4, false>(rows, length, from, to);
      return true;
    default:
      break;
  }
  if constexpr (sizeof(T) >= 2) {
    if (columns.from_stride == -1) {
      gather_rows_by<1, true>(rows, length, from, to);
      return true;
    }
  }
  if constexpr (sizeof(T) >= 4) {
    switch (columns.from_stride) {
      case -2:
        gather_rows_by<2, true>(rows, length, from, to);
        return true;
      case -3:
        gather_rows_by<3, true>(rows, length, from, to);
        return true;
      case -4:
        gather_rows_by<4, true>(rows, length, from, to);
        return true;
      case 5:
        gather_rows_by<5, false>(rows, length, from, to);
        return true;
      default:
        break;
    }
  }
  return false;
}
#endif

// Each row from elements that lie columns.from_stride apart, which is not 0 or 1.
template <typename T>
HWY_ATTR void gather_rows(const BlockAxis& rows, const BlockAxis& columns, const T* from, T* to) {
  if (gather_rows_in_vectors(rows, columns, from, to)) return;
  for (int64_t r = 0; r < rows.length; ++r) {
    gather_singly(columns.length, columns.from_stride, from + r * rows.from_stride,
                  to + r * rows.to_stride);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale
HWY_AFTER_NAMESPACE();

#endif  // per target
