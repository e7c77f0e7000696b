// Rows of one element each, repeated: for core/tensor/strided_block.cc, which includes it once for
// each instruction set.

#include <cstring>

#include "core/tensor/strided_block.h"
#include "core/tensor/strided_gather.h"
#include "hwy/highway.h"

#if defined(BITALE_CORE_TENSOR_STRIDED_FILL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BITALE_CORE_TENSOR_STRIDED_FILL_H_
#undef BITALE_CORE_TENSOR_STRIDED_FILL_H_
#else
#define BITALE_CORE_TENSOR_STRIDED_FILL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace bitale {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A vector of 16 bytes at most, for what does not fill a whole one.
template <typename T>
using SmallTag = hn::CappedTag<T, 16 / sizeof(T)>;

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

#if HWY_TARGET == HWY_SCALAR
template <typename T>
int64_t spread_vectors(int64_t, int64_t, const T*, T*) {
  return 0;
}
#else
// For each length below that of a vector: which of the elements of one vector those of as many
// vectors are, if each is repeated that often.
template <typename T>
struct Repeats {
  static constexpr size_t kLanes = kGatherLanes<T>;
  alignas(64) T lanes[kLanes][kLanes * kLanes] = {};

  constexpr Repeats() {
    for (size_t length = 1; length < kLanes; ++length) {
      for (size_t i = 0; i < length * kLanes; ++i) lanes[length][i] = static_cast<T>(i / length);
    }
  }
};
template <typename T>
constexpr Repeats<T> kRepeats;

// Rows of fewer elements than a vector has, which follow each other: those of a whole vector of
// elements at a time. Returns how many were written.
template <typename T>
HWY_ATTR int64_t spread_vectors(int64_t rows, int64_t length, const T* from, T* to) {
  if constexpr (sizeof(T) < 4) {
    return 0;
  } else {
    const GatherTag<T> d;
    constexpr auto kLanes = static_cast<int64_t>(kGatherLanes<T>);
    const T* const lanes = kRepeats<T>.lanes[length];
    int64_t r = 0;
    for (; r + kLanes <= rows; r += kLanes) {
      const auto elements = hn::LoadU(d, from + r);
      for (int64_t i = 0; i < length * kLanes; i += kLanes, to += kLanes) {
        const auto indices = hn::IndicesFromVec(d, hn::Load(d, lanes + i));
        hn::StoreU(hn::TableLookupLanes(elements, indices), d, to);
      }
    }
    return r;
  }
}
#endif

template <typename T>
HWY_ATTR void fill_rows(const BlockAxis& rows, int64_t length, const T* from, T* to) {
  if (rows.to_stride != length) {
    for (int64_t r = 0; r < rows.length; ++r) {
      fill_run(load_one(from + r * rows.from_stride), length, to + r * rows.to_stride);
    }
    return;
  }
  int64_t done = 0;
  if (rows.from_stride == 1 && length < static_cast<int64_t>(kGatherLanes<T>)) {
    done = spread_vectors(rows.length, length, from, to);
  }
  from += done * rows.from_stride;
  to += done * length;
  if (length <= lanes_of(SmallTag<T>())) {
    fill_rows_by(SmallTag<T>(), rows.length - done, length, from, rows.from_stride, to);
  } else {
    fill_rows_by(hn::ScalableTag<T>(), rows.length - done, length, from, rows.from_stride, to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale
HWY_AFTER_NAMESPACE();

#endif  // per target
