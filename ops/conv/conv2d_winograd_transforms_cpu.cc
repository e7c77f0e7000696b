#include <algorithm>

#include "ops/conv/conv2d_winograd_cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/conv/conv2d_winograd_transforms_cpu.cc"
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

// Lanes are neighbouring tiles, in this order: 0, h, 1, h + 1, 2, ... for up to 2 h tiles. Every
// second element of a row is then found by two loads and a blend, and outputs are interleaved
// within their registers; and the first lanes stand for all tiles where they are fewer than the
// lanes.
#if HWY_TARGET == HWY_SCALAR
template <typename T>
HWY_INLINE Vector<T> every_second(const T* from, int64_t) {
  return hn::LoadU(hn::ScalableTag<T>(), from);
}
template <typename T>
HWY_INLINE void interleave(Vector<T>&, Vector<T>&) {}
template <class D, class V = hn::Vec<D>>
HWY_INLINE void store_some(D d, V v, int64_t count, hn::TFromD<D>* to) {
  if (count > 0) hn::StoreU(v, d, to);
}
#else
template <typename T>
HWY_INLINE Vector<T> every_second(const T* from, int64_t half) {
  const hn::ScalableTag<T> d;
  return hn::OddEven(hn::LoadU(d, from + 2 * half - 1), hn::LoadU(d, from));
}
// Even and odd outputs of tiles become those of the first h tiles, and those of the others.
template <typename T>
HWY_INLINE void interleave(Vector<T>& a, Vector<T>& b) {
  const auto first = hn::OddEven(hn::DupEven(b), a);
  b = hn::OddEven(b, hn::DupOdd(a));
  a = first;
}
// The first `count` lanes, and nothing behind them.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void store_some(D d, V v, int64_t count, hn::TFromD<D>* to) {
  constexpr auto lanes = static_cast<int64_t>(hn::MaxLanes(D()));
  if (count >= lanes) {
    hn::StoreU(v, d, to);
  } else if constexpr (lanes > 1) {
    const hn::Half<D> half;
    if (count < lanes / 2) return store_some(half, hn::LowerHalf(half, v), count, to);
    hn::StoreU(hn::LowerHalf(half, v), half, to);
    store_some(half, hn::UpperHalf(half, v), count - lanes / 2, to + lanes / 2);
  }
}
#endif

// Which outputs of a vector of tiles exist.
struct Extent {
  int64_t tiles;
  int64_t columns;
  bool bottom;
};

// Adds zero times each of the results to `check`: it stays zero while they are finite.
template <bool kWhole, typename T>
HWY_INLINE void output_tiles(const T* HWY_RESTRICT from, int64_t product_stride,
                             const Extent& extent, T* HWY_RESTRICT top, T* HWY_RESTRICT bottom,
                             Vector<T>& check) {
  const hn::ScalableTag<T> d;
  constexpr int64_t lanes = vector_length<T>();
  Vector<T> upper[4], lower[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const auto m0 = hn::LoadU(d, from + j * product_stride);
    const auto m1 = hn::LoadU(d, from + (4 + j) * product_stride);
    const auto m2 = hn::LoadU(d, from + (8 + j) * product_stride);
    const auto m3 = hn::LoadU(d, from + (12 + j) * product_stride);
    upper[j] = hn::Add(m0, hn::Add(m1, m2));
    lower[j] = hn::Sub(hn::Sub(m1, m2), m3);
  }
  const auto store = [&](const Vector<T>(&row)[4], T* to) HWY_ATTR {
    auto first = hn::Add(row[0], hn::Add(row[1], row[2]));
    auto second = hn::Sub(hn::Sub(row[1], row[2]), row[3]);
    if constexpr (!kWhole) {
      const auto exist = hn::FirstN(d, static_cast<size_t>(extent.tiles));
      first = hn::IfThenElseZero(exist, first);
      second = hn::IfThenElseZero(exist, second);
    }
    check = hn::MulAdd(first, hn::Zero(d), check);
    check = hn::MulAdd(second, hn::Zero(d), check);
    interleave<T>(first, second);
    if constexpr (kWhole) {
      hn::StoreU(first, d, to);
      hn::StoreU(second, d, to + lanes);
    } else {
      const int64_t half = std::min(lanes, (extent.tiles + 1) / 2 * 2);
      // What the first store writes too much, the second one overwrites.
      store_some(d, first, extent.columns < lanes ? std::min(half, extent.columns) : lanes, to);
      store_some(d, second, extent.columns - half, to + half);
    }
  };
  store(upper, top);
  if (kWhole || extent.bottom) store(lower, bottom);
}

// Copies `count` elements, at least a few of them by whole vectors, and asks for those that will be
// copied in their place `ahead` elements on.
template <typename T>
HWY_ATTR HWY_INLINE void copy_row(const T* HWY_RESTRICT from, int64_t count, int64_t ahead,
                                  T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> whole;
  const hn::CappedTag<T, 16 / sizeof(T)> small;
  const auto copy_by = [&](auto d) HWY_ATTR {
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i + lanes <= count; i += lanes) {
      __builtin_prefetch(from + ahead + i);
      hn::StoreU(hn::LoadU(d, from + i), d, to + i);
    }
    // The last elements, some of them for the second time.
    hn::StoreU(hn::LoadU(d, from + count - lanes), d, to + count - lanes);
  };
  if (count >= static_cast<int64_t>(hn::Lanes(whole))) return copy_by(whole);
  if (count >= static_cast<int64_t>(hn::Lanes(small))) return copy_by(small);
  // At most three.
  if (count > 0) to[0] = from[0];
  if (count > 1) to[1] = from[1];
  if (count > 2) to[2] = from[2];
}

// Rows and columns outside of the plane are left as they are.
template <typename T>
HWY_ATTR void stage(const SourcePlanes<T>& from, int64_t plane, std::span<const StagedRows> staged,
                    int64_t stride, T* to) {
  const int64_t plane_size = from.height * from.width;
  const int64_t ahead = plane + 1 < from.planes ? plane_size : 0;
  for (const StagedRows& rows : staged) {
    const T* image = from.data + rows.image * from.image_stride + plane * plane_size;
    const int64_t first = std::max<int64_t>(0, from.top - rows.y);
    const int64_t last = std::min(rows.rows, from.top - rows.y + from.height);
    const int64_t begin = std::max(rows.begin, from.left);
    const int64_t end = std::min(rows.end, from.width + from.left);
    if (end <= begin) continue;
    for (int64_t r = first; r < last; ++r) {
      copy_row(image + (rows.y + r - from.top) * from.width + begin - from.left, end - begin, ahead,
               to + rows.offset + r * stride + begin);
    }
  }
}

template <typename T>
HWY_ATTR void inputs(const T* staged, int64_t stride, std::span<const TileRun> runs, T* to,
                     int64_t product_stride) {
  const int64_t lanes = vector_length<T>();
  // A run's last vector may reach over the next run's columns, or the next row's, which come later.
  for (const TileRun& run : runs) {
    for (int64_t t = 0; t < run.length; t += lanes) {
      const int64_t half = (std::min(lanes, run.length - t) + 1) / 2;
      const T* from = staged + run.staged + 2 * t;
      const auto load_row = [&](int64_t i) HWY_ATTR {
        const T* row = from + i * stride;
        return Four<T>{{every_second(row, half), every_second(row + 1, half),
                        every_second(row + 2, half), every_second(row + 3, half)}};
      };
      transform_window<T>(load_row, to + run.column + t, product_stride);
    }
  }
}

template <typename T>
HWY_ATTR bool outputs(const T* from, int64_t product_stride, int64_t row_stride,
                      std::span<const TileRun> runs, const TargetPlanes<T>& to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = vector_length<T>();
  const int64_t plane_size = to.height * to.width;
  auto check = hn::Zero(d);
  for (int64_t p = 0; p < to.planes; ++p) {
    for (const TileRun& run : runs) {
      const T* columns = from + p * row_stride + run.column;
      T* top = to.data + run.image * to.image_stride + p * plane_size + run.y * to.width + run.x;
      T* bottom = top + to.width;
      const bool with_bottom = run.y + 1 < to.height;
      const int64_t right = to.width - run.x;
      for (int64_t t = 0; t < run.length; t += lanes) {
        const Extent extent{std::min(lanes, run.length - t),
                            std::min(2 * lanes, std::min(2 * (run.length - t), right - 2 * t)),
                            with_bottom};
        if (p + 1 < to.planes) {
          __builtin_prefetch(top + plane_size + 2 * t, 1);
          __builtin_prefetch(bottom + plane_size + 2 * t, 1);
        }
        const T* tiles = columns + t;
        if (extent.columns == 2 * lanes && with_bottom) {
          output_tiles<true>(tiles, product_stride, extent, top + 2 * t, bottom + 2 * t, check);
        } else {
          output_tiles<false>(tiles, product_stride, extent, top + 2 * t, bottom + 2 * t, check);
        }
      }
    }
  }
  return hn::AllTrue(d, hn::Eq(check, hn::Zero(d)));
}

template <typename T>
WinogradTransforms<T> make_transforms() {
  return {.stage = &stage<T>, .inputs = &inputs<T>, .outputs = &outputs<T>};
}

WinogradTransforms<float> float_transforms() { return make_transforms<float>(); }
WinogradTransforms<double> double_transforms() { return make_transforms<double>(); }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::conv2d_cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::conv2d_cpu {
namespace {

HWY_EXPORT(float_transforms);
HWY_EXPORT(double_transforms);

}  // namespace

template <>
const WinogradTransforms<float>& winograd_transforms<float>() {
  static const WinogradTransforms<float> table = HWY_DYNAMIC_DISPATCH(float_transforms)();
  return table;
}

template <>
const WinogradTransforms<double>& winograd_transforms<double>() {
  static const WinogradTransforms<double> table = HWY_DYNAMIC_DISPATCH(double_transforms)();
  return table;
}

}  // namespace bitale::conv2d_cpu
#endif  // HWY_ONCE
