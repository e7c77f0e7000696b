#include "ops/conv/conv2d_winograd_planes_cpu.h"

#include <algorithm>

#include "ops/cpu/gemm_tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/conv/conv2d_winograd_planes_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/conv/conv2d_winograd_window_cpu.h"
#include "ops/cpu/vectors.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::conv2d_cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using cpu::HWY_NAMESPACE::Vector;
using cpu::HWY_NAMESPACE::vector_length;

// --- Staging -------------------------------------------------------------------------------------

#if HWY_TARGET == HWY_SCALAR
constexpr int64_t kRegisterBytes = 1;  // squares of one element

template <typename T>
HWY_INLINE void transpose_square(const T* from, const int64_t* planes, T* to, int64_t) {
  *to = from[planes[0]];
}
#else
constexpr int64_t kRegisterBytes = 16;

// A register's worth of neighbours in some planes: the first of those given, and, for each further
// register that a vector has, the one as many planes on as a register has elements.
template <class D>
HWY_INLINE hn::Vec<D> load_planes(D d, const hn::TFromD<D>* from, const int64_t* planes) {
  constexpr auto lanes = static_cast<int64_t>(hn::MaxLanes(D()));
  if constexpr (lanes * sizeof(hn::TFromD<D>) == kRegisterBytes) {
    return hn::LoadU(d, from + planes[0]);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_planes(half, from, planes + lanes / 2),
                       load_planes(half, from, planes));
  }
}

// A register's worth of neighbours in as many planes as a vector has lanes, plane by plane:
// to[i * to_stride + p] = from[planes[p] + i].
HWY_INLINE void transpose_square(const float* from, const int64_t* planes, float* to,
                                 int64_t to_stride) {
  const hn::ScalableTag<float> d;
  const hn::RepartitionToWide<decltype(d)> pairs;
  const auto v0 = load_planes(d, from, planes);
  const auto v1 = load_planes(d, from, planes + 1);
  const auto v2 = load_planes(d, from, planes + 2);
  const auto v3 = load_planes(d, from, planes + 3);
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v0, v1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v2, v3));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v0, v1));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v2, v3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, to + 3 * to_stride);
}

HWY_INLINE void transpose_square(const double* from, const int64_t* planes, double* to,
                                 int64_t to_stride) {
  const hn::ScalableTag<double> d;
  const auto v0 = load_planes(d, from, planes);
  const auto v1 = load_planes(d, from, planes + 1);
  hn::StoreU(hn::InterleaveLower(d, v0, v1), d, to);
  hn::StoreU(hn::InterleaveUpper(d, v0, v1), d, to + to_stride);
}
#endif

template <typename T>
HWY_INLINE void zero_positions(int64_t count, int64_t width, T* to) {
  const hn::ScalableTag<T> d;
  for (int64_t i = 0; i < count; ++i) hn::StoreU(hn::Zero(d), d, to + i * width);
}

template <typename T>
HWY_ATTR HWY_INLINE void transpose_row(const T* from, const int64_t* planes, int64_t count, T* to,
                                       int64_t width) {
  constexpr int64_t kSide = std::max<int64_t>(1, kRegisterBytes / static_cast<int64_t>(sizeof(T)));
  if (count >= kSide) {
    int64_t i = 0;
    for (; i + kSide <= count; i += kSide)
      transpose_square(from + i, planes, to + i * width, width);
    // The last positions, some of them for the second time.
    i = count - kSide;
    transpose_square(from + i, planes, to + i * width, width);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t p = 0; p < vector_length<T>(); ++p) to[i * width + p] = from[planes[p] + i];
  }
}

template <typename T>
HWY_ATTR void stage(const SourcePlanes<T>& from, std::span<const StagedRows> staged,
                    int64_t omitted, int64_t stride, int64_t width, T* to) {
  for (int64_t p = 0; p < from.planes; p += vector_length<T>()) {
    int64_t planes[vector_length<T>()];
    for (int64_t i = 0; i < vector_length<T>(); ++i) {
      // Lanes too many repeat the last plane.
      planes[i] = std::min(p + i, from.planes - 1) * from.height * from.width;
    }
    for (const StagedRows& rows : staged) {
      const int64_t begin = std::clamp(from.left, rows.begin, rows.end);
      const int64_t end = std::clamp(from.width + from.left, begin, rows.end);
      const T* image = from.data + rows.image * from.image_stride;
      for (int64_t r = 0; r < rows.rows - omitted; ++r) {
        T* row = to + (rows.offset + r * stride) * width + p;
        const int64_t y = rows.y + r - from.top;
        if (y < 0 || y >= from.height) {
          zero_positions(rows.end - rows.begin, width, row + rows.begin * width);
          continue;
        }
        zero_positions(begin - rows.begin, width, row + rows.begin * width);
        transpose_row(image + y * from.width + begin - from.left, planes, end - begin,
                      row + begin * width, width);
        zero_positions(rows.end - end, width, row + end * width);
      }
    }
  }
}

// --- Transforms ----------------------------------------------------------------------------------

template <typename T>
HWY_ATTR void windows(const T* staged, int64_t stride, std::span<const TileRun> runs, int64_t width,
                      T* to, int64_t product_stride) {
  const hn::ScalableTag<T> d;
  for (const TileRun& run : runs) {
    for (int64_t t = 0; t < run.length; ++t) {
      const T* from = staged + (run.staged + 2 * t) * width;
      T* tile = to + (run.column + t) * width;
      for (int64_t p = 0; p < width; p += vector_length<T>()) {
        const auto load_row = [&](int64_t row) HWY_ATTR {
          const T* row_from = from + row * stride * width + p;
          return Four<T>{{hn::LoadU(d, row_from), hn::LoadU(d, row_from + width),
                          hn::LoadU(d, row_from + 2 * width), hn::LoadU(d, row_from + 3 * width)}};
        };
        transform_window<T>(load_row, tile + p, product_stride);
      }
    }
  }
}

// Two elements become four: the first, half their sum, half their difference, the second.
template <typename T>
HWY_INLINE Four<T> four_of_two(Vector<T> a, Vector<T> b) {
  const auto half = hn::Set(hn::ScalableTag<T>(), T{0.5});
  const auto x = hn::Mul(a, half);
  const auto y = hn::Mul(b, half);
  return {{a, hn::Add(x, y), hn::Sub(x, y), b}};
}

template <typename T>
HWY_ATTR void gradients(const T* HWY_RESTRICT staged, int64_t stride, std::span<const TileRun> runs,
                        int64_t width, int64_t rows, T* HWY_RESTRICT to, int64_t product_stride) {
  const hn::ScalableTag<T> d;
  for (const TileRun& run : runs) {
    for (int64_t t = 0; t < run.length; ++t) {
      const T* top = staged + (run.staged + 2 * t) * width;
      const T* bottom = top + stride * width;
      // What is written too much, the next tile overwrites.
      T* tile = to + (run.column + t) * rows;
      for (int64_t p = 0; p < rows; p += vector_length<T>()) {
        const Four<T> left = four_of_two<T>(hn::LoadU(d, top + p), hn::LoadU(d, bottom + p));
        const Four<T> right =
            four_of_two<T>(hn::LoadU(d, top + width + p), hn::LoadU(d, bottom + width + p));
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const Four<T> row = four_of_two<T>(left.v[i], right.v[i]);
#pragma GCC unroll 4
          for (int j = 0; j < 4; ++j) {
            hn::StoreU(row.v[j], d, tile + p + (4 * i + j) * product_stride);
          }
        }
      }
    }
  }
}

// Three taps become four: the first, half the sum of all, the same with the second's sign changed,
// the last.
template <typename T>
HWY_INLINE Four<T> four_of_three(Vector<T> a, Vector<T> b, Vector<T> c) {
  const auto half = hn::Set(hn::ScalableTag<T>(), T{0.5});
  const auto outer = hn::Mul(hn::Add(a, c), half);
  const auto inner = hn::Mul(b, half);
  return {{a, hn::Add(outer, inner), hn::Sub(outer, inner), c}};
}

template <typename T>
HWY_ATTR void filters(const T* HWY_RESTRICT taps, int64_t filter_stride, int64_t rows,
                      int64_t channel_stride, int64_t channels, bool turned, T* HWY_RESTRICT to,
                      int64_t product_stride) {
  const hn::ScalableTag<T> d;
  constexpr int64_t lanes = vector_length<T>();
  int64_t planes[cpu::kMostTileRows + lanes];
  for (int64_t r = 0; r < rows + lanes - 1; ++r) planes[r] = std::min(r, rows - 1) * filter_stride;
  HWY_ALIGN T staged[9 * lanes];
  for (int64_t c = 0; c < channels; ++c) {
    // What is written too much, the next channel overwrites.
    for (int64_t r = 0; r < rows; r += lanes) {
      transpose_row(taps + c * channel_stride, planes + r, 9, staged, lanes);
      Four<T> columns[3];
#pragma GCC unroll 3
      for (int64_t j = 0; j < 3; ++j) {
        const auto tap = [&](int64_t i) HWY_ATTR {
          return hn::Load(d, staged + (turned ? 8 - 3 * i - j : 3 * i + j) * lanes);
        };
        columns[j] = four_of_three<T>(tap(0), tap(1), tap(2));
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const Four<T> row = four_of_three<T>(columns[0].v[i], columns[1].v[i], columns[2].v[i]);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          hn::StoreU(row.v[j], d, to + (4 * i + j) * product_stride + c * rows + r);
        }
      }
    }
  }
}

// Four elements become three.
template <typename T>
HWY_INLINE void three_of_four(const Vector<T>* four, int64_t step, Vector<T>* three) {
  const auto sum = hn::Add(four[step], four[2 * step]);
  three[0] = hn::Add(four[0], sum);
  three[1] = hn::Sub(four[step], four[2 * step]);
  three[2] = hn::Sub(sum, four[3 * step]);
}

template <typename T>
HWY_ATTR bool taps(const T* HWY_RESTRICT sums, int64_t product_stride, int64_t blocks,
                   int64_t block_stride, int64_t count, bool turned, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = vector_length<T>();
  HWY_ALIGN T ordered[9 * vector_length<T>()];
  constexpr int64_t ahead = 8 * vector_length<T>();  // a few filters
  auto check = hn::Zero(d);                          // stays zero while results are finite
  for (int64_t c = 0; c < count; c += lanes) {
    Vector<T> m[16];
    for (int e = 0; e < 16; ++e) {
      const T* from = sums + e * product_stride + c;
      for (int64_t b = 0; b < blocks; ++b) __builtin_prefetch(from + b * block_stride + ahead);
      m[e] = hn::LoadU(d, from);
      for (int64_t b = 1; b < blocks; ++b) {
        m[e] = hn::Add(m[e], hn::LoadU(d, from + b * block_stride));
      }
    }
    const auto exist = hn::FirstN(d, static_cast<size_t>(count - c));
    Vector<T> half[4][3];
    for (int i = 0; i < 4; ++i) three_of_four<T>(m + 4 * i, 1, half[i]);
    for (int j = 0; j < 3; ++j) {
      Vector<T> column[3];
      three_of_four<T>(&half[0][j], 3, column);
      for (int i = 0; i < 3; ++i) {
        const int tap = 3 * i + j;
        check = hn::MulAdd(hn::IfThenElseZero(exist, column[i]), hn::Zero(d), check);
        hn::Store(column[i], d, ordered + (turned ? 8 - tap : tap) * lanes);
      }
    }
    for (int64_t i = 0; i < std::min(lanes, count - c); ++i) {
      for (int tap = 0; tap < 9; ++tap) *to++ = ordered[tap * lanes + i];
    }
  }
  return hn::AllTrue(d, hn::Eq(check, hn::Zero(d)));
}

template <typename T>
WinogradPlanes<T> make_planes() {
  return {.stage = &stage<T>,
          .windows = &windows<T>,
          .gradients = &gradients<T>,
          .filters = &filters<T>,
          .taps = &taps<T>};
}

WinogradPlanes<float> float_planes() { return make_planes<float>(); }
WinogradPlanes<double> double_planes() { return make_planes<double>(); }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::conv2d_cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::conv2d_cpu {
namespace {

HWY_EXPORT(float_planes);
HWY_EXPORT(double_planes);

}  // namespace

template <>
const WinogradPlanes<float>& winograd_planes<float>() {
  static const WinogradPlanes<float> table = HWY_DYNAMIC_DISPATCH(float_planes)();
  return table;
}

template <>
const WinogradPlanes<double>& winograd_planes<double>() {
  static const WinogradPlanes<double> table = HWY_DYNAMIC_DISPATCH(double_planes)();
  return table;
}

}  // namespace bitale::conv2d_cpu
#endif  // HWY_ONCE
