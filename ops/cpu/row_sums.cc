#include "ops/cpu/row_sums.h"

#include <algorithm>
#include <array>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/row_sums.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/cpu/vectors.h"

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

// More rows than this are not worth a function each.
constexpr int kMostRows = 7;

// An addition waits for the one before it: few sums are kept several times over.
constexpr int sets_for(int vectors) { return vectors <= 3 ? 4 : vectors <= 6 ? 2 : 1; }

// kRows rows, each of which fills kVectors vectors of D, the last one perhaps in part.
template <class D, int kRows, int kVectors, typename T = hn::TFromD<D>>
HWY_NOINLINE void add_rows(int64_t count, const T* HWY_RESTRICT scales,
                           const int32_t* HWY_RESTRICT offsets, const T* HWY_RESTRICT rows,
                           const RowBlock& block, T* HWY_RESTRICT sums) {
  constexpr int kSets = sets_for(kRows * kVectors);
  const D d;
  using V = hn::Vec<D>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t stride = block.stride;
  V total[kSets][kRows][kVectors];
#pragma GCC unroll 7
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 26
    for (int j = 0; j < kVectors; ++j) {
      total[0][r][j] = hn::LoadU(d, sums + r * block.sums_stride + j * lanes);
#pragma GCC unroll 4
      for (int s = 1; s < kSets; ++s) total[s][r][j] = hn::Zero(d);
    }
  }
  const auto add_one = [&](int64_t i, V(&set)[kRows][kVectors]) HWY_ATTR {
    const V scale = hn::Set(d, scales[i]);
    const T* row = rows + offsets[i];
#pragma GCC unroll 7
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 26
      for (int j = 0; j < kVectors; ++j) {
        set[r][j] = hn::MulAdd(scale, hn::LoadU(d, row + j * lanes), set[r][j]);
      }
      row += stride;
    }
  };
  int64_t i = 0;
  for (; i + kSets <= count; i += kSets) {
#pragma GCC unroll 4
    for (int s = 0; s < kSets; ++s) add_one(i + s, total[s]);
  }
  for (; i < count; ++i) add_one(i, total[0]);
  const auto in_row = hn::FirstN(d, static_cast<size_t>(block.length - (kVectors - 1) * lanes));
#pragma GCC unroll 7
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 26
    for (int j = 0; j < kVectors; ++j) {
      V sum = total[0][r][j];
#pragma GCC unroll 4
      for (int s = 1; s < kSets; ++s) sum = hn::Add(sum, total[s][r][j]);
      T* to = sums + r * block.sums_stride + j * lanes;
      if (j + 1 < kVectors) {
        hn::StoreU(sum, d, to);
      } else {
        hn::BlendedStore(sum, in_row, d, to);
      }
    }
  }
}

template <typename T>
using AddFunction = void (*)(int64_t, const T*, const int32_t*, const T*, const RowBlock&, T*);

// By the number of vectors, for as many rows as the registers hold.
template <class D, int kRows, typename T = hn::TFromD<D>, int... kVectors>
constexpr std::array<AddFunction<T>, kMostVectors> add_table(
    std::integer_sequence<int, kVectors...>) {
  return {&add_rows<D, kRows, kVectors + 1>...};
}
template <class D, typename T = hn::TFromD<D>, int... kRows>
constexpr std::array<std::array<AddFunction<T>, kMostVectors>, sizeof...(kRows)> add_tables(
    std::integer_sequence<int, kRows...>) {
  return {
      add_table<D, kRows + 1>(std::make_integer_sequence<int, kMostVectors / (kRows + 1)>())...};
}
using AllRows = std::make_integer_sequence<int, kMostRows>;

// A core reads and adds two half vectors of AVX-512 while it does one whole one. Shorter vectors
// are no faster by halves: 0.
template <typename T>
constexpr int64_t kHalfLanes = HWY_TARGET <= HWY_AVX3 ? static_cast<int64_t>(HWY_LANES(T)) / 2 : 0;

template <typename T, int... kRows>
constexpr std::array<AddFunction<T>, kMostRows> half_table(std::integer_sequence<int, kRows...>) {
  using D = hn::CappedTag<T, kHalfLanes<T>>;
  return {&add_rows<D, kRows + 1, 1>...};
}

template <typename T>
HWY_ATTR int64_t vectors_of(int64_t length) {
  const int64_t lanes = vector_length<T>();
  return (length + lanes - 1) / lanes;
}

template <typename T>
HWY_ATTR int64_t rows_at_once(int64_t length) {
  return std::min<int64_t>(kMostRows, kMostVectors / std::max<int64_t>(vectors_of<T>(length), 1));
}

template <typename T>
HWY_ATTR void add(int64_t count, const T* scales, const int32_t* offsets, const T* rows,
                  const RowBlock& block, T* sums) {
  static constexpr auto tables = add_tables<hn::ScalableTag<T>>(AllRows());
  const int64_t lanes = vector_length<T>();
  const int64_t vectors = vectors_of<T>(block.length);
  // What is asked for most, for few terms each.
  if (block.count <= kMostRows && block.count * vectors <= kMostVectors) {
    const auto rows_less_one = static_cast<size_t>(block.count - 1);
    AddFunction<T> add_all = tables[rows_less_one][static_cast<size_t>(vectors - 1)];
    if constexpr (kHalfLanes<T> != 0) {
      static constexpr auto halves = half_table<T>(AllRows());
      if (block.length <= kHalfLanes<T>) add_all = halves[rows_less_one];
    }
    add_all(count, scales, offsets, rows, block, sums);
    return;
  }
  const int64_t parts = (vectors + kMostVectors - 1) / kMostVectors;
  const int64_t most_rows = std::max<int64_t>(rows_at_once<T>(block.length), 1);
  const int64_t groups = (block.count + most_rows - 1) / most_rows;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t row = block.count * group / groups;
    const auto& table = tables[static_cast<size_t>(block.count * (group + 1) / groups - row - 1)];
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t first = vectors * part / parts, last = vectors * (part + 1) / parts;
      RowBlock piece = block;
      piece.length = std::min(last * lanes, block.length) - first * lanes;
      table[static_cast<size_t>(last - first - 1)](count, scales, offsets,
                                                   rows + row * block.stride + first * lanes, piece,
                                                   sums + row * block.sums_stride + first * lanes);
    }
  }
}

RowSums<float> float_sums() { return {&add<float>, &rows_at_once<float>}; }
RowSums<double> double_sums() { return {&add<double>, &rows_at_once<double>}; }

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
