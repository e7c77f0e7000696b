#include "ops/cpu/runs.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/runs.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/cpu/vectors.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A vector of 16 bytes at most, for what does not fill a whole one.
template <typename T>
using SmallTag = hn::CappedTag<T, 16 / sizeof(T)>;

// Runs of one vector, or of two that overlap where there is not enough for both.
template <int kVectors, typename D, typename T>
HWY_ATTR void gather_vectors(D d, int64_t count, const int64_t* HWY_RESTRICT offsets,
                             int64_t length, const T* HWY_RESTRICT from, T* HWY_RESTRICT to,
                             int64_t to_stride) {
  const int64_t last = length - static_cast<int64_t>(hn::Lanes(d));
  for (int64_t k = 0; k < count; ++k) {
    const T* run = from + offsets[k];
    hn::StoreU(hn::LoadU(d, run), d, to);
    if constexpr (kVectors == 2) hn::StoreU(hn::LoadU(d, run + last), d, to + last);
    to += to_stride;
  }
}

// Whether the runs' length was right for one or two such vectors.
template <typename D, typename T>
HWY_ATTR bool gather_by(D d, int64_t count, const int64_t* HWY_RESTRICT offsets, int64_t length,
                        const T* HWY_RESTRICT from, T* HWY_RESTRICT to, int64_t to_stride) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (length < lanes || length > 2 * lanes) return false;
  if (length == lanes) {
    gather_vectors<1>(d, count, offsets, length, from, to, to_stride);
  } else {
    gather_vectors<2>(d, count, offsets, length, from, to, to_stride);
  }
  return true;
}

// A run of any length, and not a byte beside it. Left to itself, the compiler calls memcpy for what
// does not fill a vector.
template <typename T>
HWY_ATTR HWY_INLINE void copy_run(int64_t length, const T* HWY_RESTRICT from, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> whole;
  const SmallTag<T> small;
  const auto copy_by = [&](auto d) HWY_ATTR {
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i + lanes <= length; i += lanes)
      hn::StoreU(hn::LoadU(d, from + i), d, to + i);
    // The last elements, some of them for the second time.
    hn::StoreU(hn::LoadU(d, from + length - lanes), d, to + length - lanes);
  };
  if (length >= static_cast<int64_t>(hn::Lanes(whole))) return copy_by(whole);
  if (length >= static_cast<int64_t>(hn::Lanes(small))) return copy_by(small);
  // At most three.
  if (length > 0) to[0] = from[0];
  if (length > 1) to[1] = from[1];
  if (length > 2) to[2] = from[2];
}

template <typename T>
HWY_ATTR void gather(int64_t count, const int64_t* HWY_RESTRICT offsets, int64_t length,
                     const T* HWY_RESTRICT from, T* HWY_RESTRICT to, int64_t to_stride) {
  const hn::ScalableTag<T> whole;
  if (gather_by(whole, count, offsets, length, from, to, to_stride)) return;
  const SmallTag<T> small;
  if (gather_by(small, count, offsets, length, from, to, to_stride)) return;
  for (int64_t k = 0; k < count; ++k) {
    copy_run(length, from + offsets[k], to);
    to += to_stride;
  }
}

template <int kVectors, typename D, typename T>
HWY_ATTR void scatter_add_whole(D d, int64_t count, const int64_t* HWY_RESTRICT offsets,
                                const T* HWY_RESTRICT from, int64_t from_stride,
                                T* HWY_RESTRICT to) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t k = 0; k < count; ++k) {
    T* run = to + offsets[k];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      hn::StoreU(hn::Add(hn::LoadU(d, run + j * lanes), hn::LoadU(d, from + j * lanes)), d,
                 run + j * lanes);
    }
    from += from_stride;
  }
}

template <typename T>
HWY_ATTR void add(int64_t count, const T* HWY_RESTRICT from, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = vector_length<T>();
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
  }
  const SmallTag<T> small;
  const auto small_lanes = static_cast<int64_t>(hn::Lanes(small));
  for (; i + small_lanes <= count; i += small_lanes) {
    hn::StoreU(hn::Add(hn::LoadU(small, to + i), hn::LoadU(small, from + i)), small, to + i);
  }
  for (; i < count; ++i) to[i] += from[i];
}

template <typename T>
HWY_ATTR void scatter_add(int64_t count, const int64_t* HWY_RESTRICT offsets, int64_t length,
                          const T* HWY_RESTRICT from, int64_t from_stride, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = vector_length<T>();
  if (length == lanes) return scatter_add_whole<1>(d, count, offsets, from, from_stride, to);
  if (length == 2 * lanes) return scatter_add_whole<2>(d, count, offsets, from, from_stride, to);
  const SmallTag<T> small;
  if (length == static_cast<int64_t>(hn::Lanes(small))) {
    return scatter_add_whole<1>(small, count, offsets, from, from_stride, to);
  }
  for (int64_t k = 0; k < count; ++k) add(length, from + k * from_stride, to + offsets[k]);
}

// Elements of a block of 16 bytes, which vectors of any length are transposed by; and how many runs
// are transposed at once: two blocks of them where vectors are long enough.
template <typename T>
constexpr int64_t kBlock = HWY_TARGET == HWY_SCALAR ? 1
                                                    : int64_t{16} / static_cast<int64_t>(sizeof(T));
template <typename T>
constexpr int64_t kMostRuns = HWY_MAX_BYTES >= 32 ? 2 * kBlock<T> : kBlock<T>;

#if HWY_TARGET == HWY_SCALAR
template <int64_t kRuns, typename T>
HWY_INLINE void transpose_block(const T* from, const int64_t* offsets, T* HWY_RESTRICT to,
                                int64_t) {
  *to = from[offsets[0]];
}
#else
// A block of run i, and behind it one of run i + kBlock if there are so many.
template <typename D, typename T>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* from, const int64_t* offsets, int64_t i) {
  if constexpr (hn::MaxLanes(d) > kBlock<T>) {
    const hn::Half<D> half;
    const auto later = hn::LoadU(half, from + offsets[i + kBlock<T>]);
    return hn::Combine(d, later, hn::LoadU(half, from + offsets[i]));
  } else {
    return hn::LoadU(d, from + offsets[i]);
  }
}

// to[i * to_stride + k] = from[offsets[k] + i] for i < kBlock, k < kRuns, in ascending i.
template <int64_t kRuns>
HWY_INLINE void transpose_block(const float* from, const int64_t* offsets, float* HWY_RESTRICT to,
                                int64_t to_stride) {
  const hn::FixedTag<float, kRuns> d;
  const hn::Repartition<double, decltype(d)> pairs;
  const auto r0 = load_blocks(d, from, offsets, 0);
  const auto r1 = load_blocks(d, from, offsets, 1);
  const auto r2 = load_blocks(d, from, offsets, 2);
  const auto r3 = load_blocks(d, from, offsets, 3);
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, to + 3 * to_stride);
}

template <int64_t kRuns>
HWY_INLINE void transpose_block(const double* from, const int64_t* offsets, double* HWY_RESTRICT to,
                                int64_t to_stride) {
  const hn::FixedTag<double, kRuns> d;
  const auto r0 = load_blocks(d, from, offsets, 0);
  const auto r1 = load_blocks(d, from, offsets, 1);
  hn::StoreU(hn::InterleaveLower(d, r0, r1), d, to);
  hn::StoreU(hn::InterleaveUpper(d, r0, r1), d, to + to_stride);
}
#endif

template <int64_t kRuns, typename T>
HWY_ATTR HWY_INLINE void gather_some_columns(const int64_t* offsets, int64_t length, const T* from,
                                             T* HWY_RESTRICT to, int64_t to_stride) {
  int64_t i = 0;
  if constexpr (kRuns >= kBlock<T>) {
    for (; i + kBlock<T> <= length; i += kBlock<T>) {
      transpose_block<kRuns>(from + i, offsets, to + i * to_stride, to_stride);
    }
  }
  for (; i < length; ++i) {
    for (int64_t r = 0; r < kRuns; ++r) to[i * to_stride + r] = from[offsets[r] + i];
  }
}

// Rows of `count` elements with nothing between them, where count is no multiple of kMostRuns: the
// last runs are transposed as if there were more of them, and what that writes beside a row is
// overwritten by the next one.
template <typename T>
HWY_ATTR void gather_adjacent_columns(int64_t count, const int64_t* offsets, int64_t length,
                                      const T* from, T* HWY_RESTRICT to) {
  const int64_t rest = count % kMostRuns<T>;
  const int64_t whole = count - rest;
  int64_t last[kMostRuns<T>];
  for (int64_t k = 0; k < kMostRuns<T>; ++k) last[k] = offsets[std::min(whole + k, count - 1)];
  int64_t i = 0;
  for (; i + kBlock<T> < length; i += kBlock<T>) {
    T* const rows = to + i * count;
    if (rest > kBlock<T>) {
      transpose_block<kMostRuns<T>>(from + i, last, rows + whole, count);
    } else {
      transpose_block<kBlock<T>>(from + i, last, rows + whole, count);
    }
    for (int64_t k = 0; k < whole; k += kMostRuns<T>) {
      transpose_block<kMostRuns<T>>(from + i, offsets + k, rows + k, count);
    }
  }
  for (; i < length; ++i) {
    for (int64_t k = 0; k < count; ++k) to[i * count + k] = from[offsets[k] + i];
  }
}

template <typename T>
HWY_ATTR void gather_columns(int64_t count, const int64_t* HWY_RESTRICT offsets, int64_t length,
                             const T* from, T* HWY_RESTRICT to, int64_t to_stride) {
  if (count == to_stride && count > kBlock<T> && count % kMostRuns<T> != 0) {
    return gather_adjacent_columns(count, offsets, length, from, to);
  }
  int64_t k = 0;
  for (; k + kMostRuns<T> <= count; k += kMostRuns<T>) {
    gather_some_columns<kMostRuns<T>>(offsets + k, length, from, to + k, to_stride);
  }
  for (; k + kBlock<T> <= count; k += kBlock<T>) {
    gather_some_columns<kBlock<T>>(offsets + k, length, from, to + k, to_stride);
  }
  for (; k < count; ++k) gather_some_columns<1>(offsets + k, length, from, to + k, to_stride);
}

// A step of two takes whole vectors apart, and puts them together.
template <typename T>
HWY_ATTR void deal(int64_t count, int64_t step, const T* HWY_RESTRICT from, T* HWY_RESTRICT to,
                   int64_t to_stride) {
  if (step == 1) {
    std::copy_n(from, count, to);
    return;
  }
  int64_t i = 0;
  const auto deal_pairs = [&](auto d) HWY_ATTR {
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      hn::Vec<decltype(d)> even, odd;
      hn::LoadInterleaved2(d, from + i, even, odd);
      hn::StoreU(even, d, to + i / 2);
      hn::StoreU(odd, d, to + to_stride + i / 2);
    }
  };
  if (step == 2) {
    deal_pairs(hn::ScalableTag<T>());
    deal_pairs(SmallTag<T>());
  }
  for (T* HWY_RESTRICT next = to + i / step; i < count; i += step, ++next) {
    for (int64_t r = 0; r < std::min(step, count - i); ++r) next[r * to_stride] = from[i + r];
  }
}

template <typename T>
HWY_ATTR void collect(int64_t count, int64_t step, const T* HWY_RESTRICT from, int64_t from_stride,
                      T* HWY_RESTRICT to) {
  if (step == 1) {
    std::copy_n(from, count, to);
    return;
  }
  int64_t i = 0;
  const auto collect_pairs = [&](auto d) HWY_ATTR {
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      hn::StoreInterleaved2(hn::LoadU(d, from + i / 2), hn::LoadU(d, from + from_stride + i / 2), d,
                            to + i);
    }
  };
  if (step == 2) {
    collect_pairs(hn::ScalableTag<T>());
    collect_pairs(SmallTag<T>());
  }
  for (const T* HWY_RESTRICT next = from + i / step; i < count; i += step, ++next) {
    for (int64_t r = 0; r < std::min(step, count - i); ++r) to[i + r] = next[r * from_stride];
  }
}

template <typename T>
Runs<T> make_runs() {
  return {.gather = &gather<T>,
          .scatter_add = &scatter_add<T>,
          .gather_columns = &gather_columns<T>,
          .deal = &deal<T>,
          .collect = &collect<T>,
          .add = &add<T>};
}

Runs<float> float_runs() { return make_runs<float>(); }
Runs<double> double_runs() { return make_runs<double>(); }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::cpu {
namespace {

HWY_EXPORT(float_runs);
HWY_EXPORT(double_runs);

}  // namespace

template <>
const Runs<float>& runs<float>() {
  static const Runs<float> table = HWY_DYNAMIC_DISPATCH(float_runs)();
  return table;
}

template <>
const Runs<double>& runs<double>() {
  static const Runs<double> table = HWY_DYNAMIC_DISPATCH(double_runs)();
  return table;
}

}  // namespace bitale::cpu
#endif  // HWY_ONCE
