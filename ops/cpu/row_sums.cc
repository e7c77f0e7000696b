#include "ops/cpu/row_sums.h"

#include <algorithm>
#include <array>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/row_sums.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of sums at once: registers, less one for the scale and a few for addresses' sake.
#if HWY_TARGET <= HWY_AVX3
constexpr int kMostVectors = 26;
#else
constexpr int kMostVectors = 13;
#endif

template <typename T>
constexpr int64_t vector_length() {
  return static_cast<int64_t>(HWY_LANES(T));
}

// An addition waits for the one before it: short rows are summed several at a time.
constexpr int sets_for(int vectors) { return vectors <= 3 ? 4 : vectors <= 6 ? 2 : 1; }

// `length` fills kVectors vectors, the last one perhaps in part.
template <typename T, int kVectors>
HWY_NOINLINE void add_vectors(int64_t count, const T* HWY_RESTRICT scales,
                              const int32_t* HWY_RESTRICT offsets, const T* HWY_RESTRICT rows,
                              int64_t length, T* HWY_RESTRICT sums) {
  constexpr int kSets = sets_for(kVectors);
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = vector_length<T>();
  V total[kSets][kVectors];
#pragma GCC unroll 26
  for (int j = 0; j < kVectors; ++j) {
    total[0][j] = hn::LoadU(d, sums + j * lanes);
#pragma GCC unroll 4
    for (int s = 1; s < kSets; ++s) total[s][j] = hn::Zero(d);
  }
  int64_t i = 0;
  for (; i + kSets <= count; i += kSets) {
#pragma GCC unroll 4
    for (int s = 0; s < kSets; ++s) {
      const V scale = hn::Set(d, scales[i + s]);
      const T* row = rows + offsets[i + s];
#pragma GCC unroll 26
      for (int j = 0; j < kVectors; ++j) {
        total[s][j] = hn::MulAdd(scale, hn::LoadU(d, row + j * lanes), total[s][j]);
      }
    }
  }
  for (; i < count; ++i) {
    const V scale = hn::Set(d, scales[i]);
    const T* row = rows + offsets[i];
#pragma GCC unroll 26
    for (int j = 0; j < kVectors; ++j) {
      total[0][j] = hn::MulAdd(scale, hn::LoadU(d, row + j * lanes), total[0][j]);
    }
  }
  const auto in_row = hn::FirstN(d, static_cast<size_t>(length - (kVectors - 1) * lanes));
#pragma GCC unroll 26
  for (int j = 0; j < kVectors; ++j) {
    V sum = total[0][j];
#pragma GCC unroll 4
    for (int s = 1; s < kSets; ++s) sum = hn::Add(sum, total[s][j]);
    if (j + 1 < kVectors) {
      hn::StoreU(sum, d, sums + j * lanes);
    } else {
      hn::BlendedStore(sum, in_row, d, sums + j * lanes);
    }
  }
}

template <typename T>
using AddFunction = void (*)(int64_t, const T*, const int32_t*, const T*, int64_t, T*);

template <typename T, int... kVectors>
constexpr std::array<AddFunction<T>, sizeof...(kVectors)> add_table(
    std::integer_sequence<int, kVectors...>) {
  return {&add_vectors<T, kVectors + 1>...};
}

template <typename T>
HWY_ATTR void add(int64_t count, const T* scales, const int32_t* offsets, const T* rows,
                  int64_t length, T* sums) {
  static constexpr auto table = add_table<T>(std::make_integer_sequence<int, kMostVectors>());
  const int64_t lanes = vector_length<T>();
  const int64_t vectors = (length + lanes - 1) / lanes;
  const int64_t parts = (vectors + kMostVectors - 1) / kMostVectors;
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t first = vectors * part / parts, last = vectors * (part + 1) / parts;
    const int64_t begin = first * lanes;
    const int64_t end = std::min(last * lanes, length);
    table[static_cast<size_t>(last - first - 1)](count, scales, offsets, rows + begin, end - begin,
                                                 sums + begin);
  }
}

RowSums<float> float_sums() { return {&add<float>}; }
RowSums<double> double_sums() { return {&add<double>}; }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::cpu {
namespace {

HWY_EXPORT(float_sums);
HWY_EXPORT(double_sums);

}  // namespace

template <>
const RowSums<float>& row_sums<float>() {
  static const RowSums<float> sums = HWY_DYNAMIC_DISPATCH(float_sums)();
  return sums;
}

template <>
const RowSums<double>& row_sums<double>() {
  static const RowSums<double> sums = HWY_DYNAMIC_DISPATCH(double_sums)();
  return sums;
}

}  // namespace bitale::cpu
#endif  // HWY_ONCE
