#include <algorithm>
#include <array>
#include <utility>

#include "ops/conv/conv2d_direct_cpu.h"
#include "ops/cpu/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/conv/conv2d_direct_sums_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::conv2d_cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
constexpr int64_t vector_length() {
  return static_cast<int64_t>(HWY_LANES(T));
}

// kVectors neighbouring vectors of kRows rows in registers.
template <int kRows, int kVectors, typename T>
HWY_INLINE void weigh_vectors(int64_t taps, const int64_t* HWY_RESTRICT offsets,
                              const T* HWY_RESTRICT weights, const T* HWY_RESTRICT from,
                              T* HWY_RESTRICT to, int64_t to_stride) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int64_t kLanes = vector_length<T>();
  V sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[r][j] = hn::Zero(d);
  }
  for (int64_t t = 0; t < taps; ++t) {
    const T* at = from + offsets[t];
    V values[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) values[j] = hn::LoadU(d, at + j * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V weight = hn::Set(d, weights[r]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[r][j] = hn::MulAdd(weight, values[j], sums[r][j]);
    }
    weights += kRows;
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) hn::StoreU(sums[r][j], d, to + r * to_stride + j * kLanes);
  }
}

template <int kRows, typename T>
HWY_ATTR void weigh_rows(int64_t taps, const int64_t* offsets, const T* weights, const T* from,
                         int64_t length, T* to, int64_t to_stride) {
  // As many as registers hold.
  constexpr int kMost = kRows < 3 ? 4 : kRows == 3 ? 3 : 2;
  constexpr int64_t kLanes = vector_length<T>();
  int64_t i = 0;
  for (; i + (kMost - 1) * kLanes < length; i += kMost * kLanes) {
    weigh_vectors<kRows, kMost>(taps, offsets, weights, from + i, to + i, to_stride);
  }
  if (kMost > 2 && i + kLanes < length) {
    weigh_vectors<kRows, 2>(taps, offsets, weights, from + i, to + i, to_stride);
    i += 2 * kLanes;
  }
  if (i < length) weigh_vectors<kRows, 1>(taps, offsets, weights, from + i, to + i, to_stride);
}

template <typename T>
HWY_ATTR void weighted(int64_t rows, int64_t taps, const int64_t* offsets, const T* weights,
                       const T* from, int64_t length, T* to, int64_t to_stride) {
  using Function = void (*)(int64_t, const int64_t*, const T*, const T*, int64_t, T*, int64_t);
  static constexpr Function kByRows[] = {&weigh_rows<1, T>, &weigh_rows<2, T>, &weigh_rows<3, T>,
                                         &weigh_rows<4, T>, &weigh_rows<5, T>, &weigh_rows<6, T>};
  kByRows[rows - 1](taps, offsets, weights, from, length, to, to_stride);
}

// Sums that stay in registers, by the number of rows: AVX-512 has 32 of these, the others 16.
#if HWY_TARGET <= HWY_AVX3
constexpr int kMostRows = 4;
constexpr int most_taps(int rows) { return rows == 1 ? 20 : 24 / rows; }
#else
constexpr int kMostRows = 3;
constexpr int most_taps(int rows) { return rows == 1 ? 10 : 12 / rows; }
#endif

// The first `count` elements at `from`, which are those that `exist`, and 0 in the other lanes.
template <typename T, typename Mask>
HWY_INLINE auto load_rest([[maybe_unused]] Mask exist, [[maybe_unused]] int64_t count,
                          const T* from) {
  const hn::ScalableTag<T> d;
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(exist, d, from);
#else
  // Below AVX2 a masked load reads whole vectors, aligned ones.
  HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(T)] = {};
  std::copy_n(from, count, rest);
  return hn::Load(d, rest);
#endif
}

// Sums of kRows by kTaps products in registers; lanes are added up at the end.
template <int kRows, int kTaps, typename T>
HWY_ATTR void correlate_some(const T* HWY_RESTRICT grads, int64_t grads_stride,
                             const int64_t* HWY_RESTRICT offsets, const T* HWY_RESTRICT from,
                             int64_t line_stride, int64_t lines, int64_t length,
                             T* HWY_RESTRICT sums, int64_t sums_stride) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int64_t kLanes = vector_length<T>();
  V totals[kRows][kTaps];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 20
    for (int t = 0; t < kTaps; ++t) totals[r][t] = hn::Zero(d);
  }
  const T* places[kTaps];
#pragma GCC unroll 20
  for (int t = 0; t < kTaps; ++t) places[t] = from + offsets[t];
  const auto add = [&](int64_t at, auto&& load) HWY_ATTR {
    V factors[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) factors[r] = load(grads + r * grads_stride);
#pragma GCC unroll 20
    for (int t = 0; t < kTaps; ++t) {
      const V value = load(places[t] + at);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) totals[r][t] = hn::MulAdd(factors[r], value, totals[r][t]);
    }
  };
  const int64_t rest = length % kLanes;
  const auto first = hn::FirstN(d, static_cast<size_t>(rest));
  for (int64_t y = 0; y < lines; ++y) {
    const int64_t line = y * line_stride;
    for (int64_t i = 0; i + kLanes <= length; i += kLanes, grads += kLanes) {
      add(line + i, [&](const T* p) HWY_ATTR { return hn::LoadU(d, p); });
    }
    if (rest > 0) {
      add(line + length - rest, [&](const T* p) HWY_ATTR { return load_rest(first, rest, p); });
      grads += rest;
    }
  }
  // Unrolled as well, or the sums would have places in memory.
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 20
    for (int t = 0; t < kTaps; ++t) {
      sums[r * sums_stride + t] += hn::GetLane(hn::SumOfLanes(d, totals[r][t]));
    }
  }
}

template <typename T>
using CorrelateFunction = void (*)(const T*, int64_t, const int64_t*, const T*, int64_t, int64_t,
                                   int64_t, T*, int64_t);

template <typename T, int kRows, int... kTaps>
constexpr std::array<CorrelateFunction<T>, sizeof...(kTaps)> correlate_table(
    std::integer_sequence<int, kTaps...>) {
  return {&correlate_some<kRows, kTaps + 1, T>...};
}

template <int kRows, typename T>
HWY_ATTR void correlate_rows(const T* grads, int64_t grads_stride, int64_t taps,
                             const int64_t* offsets, const T* from, int64_t line_stride,
                             int64_t lines, int64_t length, T* sums, int64_t sums_stride) {
  constexpr int kMostTaps = most_taps(kRows);
  static constexpr auto kByTaps =
      correlate_table<T, kRows>(std::make_integer_sequence<int, kMostTaps>());
  const int64_t panels = cpu::panel_count(taps, kMostTaps);
  for (int64_t p = 0; p < panels; ++p) {
    const int64_t t = cpu::panel_begin(taps, panels, p);
    kByTaps[cpu::panel_begin(taps, panels, p + 1) - t - 1](
        grads, grads_stride, offsets + t, from, line_stride, lines, length, sums + t, sums_stride);
  }
}

template <typename T, int... kRows>
constexpr auto correlate_rows_table(std::integer_sequence<int, kRows...>) {
  return std::array{&correlate_rows<kRows + 1, T>...};
}

template <typename T>
HWY_ATTR void correlate(int64_t rows, const T* grads, int64_t grads_stride, int64_t taps,
                        const int64_t* offsets, const T* from, int64_t line_stride, int64_t lines,
                        int64_t length, T* sums, int64_t sums_stride) {
  static constexpr auto kByRows =
      correlate_rows_table<T>(std::make_integer_sequence<int, kMostRows>());
  const int64_t panels = cpu::panel_count(rows, kMostRows);
  for (int64_t p = 0; p < panels; ++p) {
    const int64_t r = cpu::panel_begin(rows, panels, p);
    kByRows[cpu::panel_begin(rows, panels, p + 1) - r - 1](
        grads + r * grads_stride, grads_stride, taps, offsets, from, line_stride, lines, length,
        sums + r * sums_stride, sums_stride);
  }
}

template <typename T>
DirectSums<T> make_sums() {
  return {.lanes = vector_length<T>(), .weighted = &weighted<T>, .correlate = &correlate<T>};
}

DirectSums<float> float_sums() { return make_sums<float>(); }
DirectSums<double> double_sums() { return make_sums<double>(); }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::conv2d_cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::conv2d_cpu {
namespace {

HWY_EXPORT(float_sums);
HWY_EXPORT(double_sums);

}  // namespace

template <>
const DirectSums<float>& direct_sums<float>() {
  static const DirectSums<float> table = HWY_DYNAMIC_DISPATCH(float_sums)();
  return table;
}

template <>
const DirectSums<double>& direct_sums<double>() {
  static const DirectSums<double> table = HWY_DYNAMIC_DISPATCH(double_sums)();
  return table;
}

}  // namespace bitale::conv2d_cpu
#endif  // HWY_ONCE
