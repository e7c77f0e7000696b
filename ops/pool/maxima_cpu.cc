#include "ops/pool/maxima_cpu.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pool/maxima_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::pool_cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A row of windows that lie in the image altogether.
template <typename T>
struct WindowRow {
  const T* data;     // the first window's first element
  const T* end;      // of what may be read
  int64_t width;     // of the image
  int64_t position;  // of `data` in the image
  int64_t count;     // of windows
  int64_t window_height, window_width;
};

#if HWY_TARGET != HWY_SCALAR  // whose vectors of one lane have no even and odd ones

// from[phase + kStride * i] for all lanes i and phases below kStride.
template <int kStride, typename D, typename V, typename T>
HWY_ATTR HWY_INLINE void load_phases(D d, const T* from, V (&phases)[kStride]) {
  if constexpr (kStride == 1) {
    phases[0] = hn::LoadU(d, from);
  } else if constexpr (kStride == 2) {
    const auto low = hn::LoadU(d, from);
    const auto high = hn::LoadU(d, from + hn::Lanes(d));
    phases[0] = hn::ConcatEven(d, high, low);
    phases[1] = hn::ConcatOdd(d, high, low);
  } else {
    hn::LoadInterleaved3(d, from, phases[0], phases[1], phases[2]);
  }
}

// Positions are counted in lanes of the elements' width: there are no 64-bit integers to be had as
// 32-bit ones on every machine, but doubles.
template <typename D>
using PositionTag = hn::Rebind<std::conditional_t<sizeof(hn::TFromD<D>) == 4, int32_t, double>, D>;

template <bool kPositions, typename D, typename V, typename Positions>
HWY_ATTR HWY_INLINE void take_larger(D, V value, Positions at, V& best, Positions& best_at) {
  // Not a maximum of the machine's: NaN wins, and stays.
  const auto wins = hn::And(hn::Not(hn::Le(value, best)), hn::Eq(best, best));
  best = hn::IfThenElse(wins, value, best);
  if constexpr (kPositions) {
    best_at = hn::IfThenElse(hn::RebindMask(PositionTag<D>(), wins), at, best_at);
  }
}

// Lanes are neighbouring windows, kStride columns apart. Returns how many windows it took: those
// whose vectors would end past the readable elements are left, and so are all where there are fewer
// windows than lanes.
template <int kStride, bool kPositions, typename D, typename T>
HWY_ATTR int64_t take_windows(D d, const WindowRow<T>& row, T* maxima, int32_t* positions) {
  using V = hn::Vec<D>;
  const PositionTag<D> numbers;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto position = [&](int64_t value) HWY_ATTR {
    return hn::Set(numbers, static_cast<hn::TFromD<PositionTag<D>>>(value));
  };
  auto lane_columns = hn::Iota(numbers, 0);
  for (int i = 1; i < kStride; ++i) lane_columns = hn::Add(lane_columns, hn::Iota(numbers, 0));

  const int64_t last_phases = (row.window_width - 1) / kStride * kStride;
  const int64_t last_start =
      row.end - row.data - (row.window_height - 1) * row.width - last_phases - kStride * lanes;
  for (int64_t done = 0; done < row.count; done += lanes) {
    const int64_t i = std::min(done, row.count - lanes);
    if (i < 0 || i * kStride > last_start) return done;
    const T* window = row.data + i * kStride;
    V best = hn::Set(d, -std::numeric_limits<T>::infinity());
    const auto start = hn::Add(lane_columns, position(row.position + i * kStride));
    auto best_at = start;
    for (int64_t y = 0; y < row.window_height; ++y) {
      for (int64_t x = 0; x < row.window_width; x += kStride) {
        V phases[kStride];
        load_phases<kStride>(d, window + y * row.width + x, phases);
        for (int p = 0; p < kStride; ++p) {
          if (x + p >= row.window_width) break;
          const auto at = hn::Add(start, position(y * row.width + x + p));
          take_larger<kPositions>(d, phases[p], at, best, best_at);
        }
      }
    }
    if (maxima != nullptr) hn::StoreU(best, d, maxima + i);
    if constexpr (kPositions) {
      const hn::Rebind<int32_t, D> integers;
      if constexpr (sizeof(T) == 4) {
        hn::StoreU(best_at, integers, positions + i);
      } else {
        hn::StoreU(hn::DemoteTo(integers, best_at), integers, positions + i);
      }
    }
  }
  return row.count;
}

template <int kStride, bool kPositions, typename T>
HWY_ATTR int64_t take_row(const WindowRow<T>& row, T* maxima, int32_t* positions) {
  const hn::ScalableTag<T> whole;
  const hn::CappedTag<T, 16 / sizeof(T)> small;
  if (row.count >= static_cast<int64_t>(hn::Lanes(whole))) {
    return take_windows<kStride, kPositions>(whole, row, maxima, positions);
  }
  return take_windows<kStride, kPositions>(small, row, maxima, positions);
}

// Of windows `stride` columns apart. Returns how many it took, from the first on.
template <typename T>
HWY_ATTR int64_t take_row_of(int64_t stride, const WindowRow<T>& row, T* maxima,
                             int32_t* positions) {
  switch (stride * 2 + (positions != nullptr)) {
    case 2:
      return take_row<1, false>(row, maxima, positions);
    case 3:
      return take_row<1, true>(row, maxima, positions);
    case 4:
      return take_row<2, false>(row, maxima, positions);
    case 5:
      return take_row<2, true>(row, maxima, positions);
    case 6:
      return take_row<3, false>(row, maxima, positions);
    case 7:
      return take_row<3, true>(row, maxima, positions);
    default:
      return 0;
  }
}

#else

template <typename T>
int64_t take_row_of(int64_t, const WindowRow<T>&, T*, int32_t*) {
  return 0;
}

#endif  // HWY_TARGET != HWY_SCALAR

template <typename T>
HWY_ATTR void take_rows(const Lengths& l, const PlaneRows<T>& rows, int64_t begin, int64_t end,
                        T* maxima, int32_t* positions) {
  const int64_t stride = l.window.stride[1];
  // Columns of windows that no edge cuts.
  const int64_t first = std::min((l.window.pad[1] + stride - 1) / stride, l.output_width);
  const int64_t room = l.width + l.window.pad[1] - l.window.ws[1];
  const int64_t last = std::clamp(room < 0 ? 0 : room / stride + 1, first, l.output_width);
  const auto take_one = [&](int64_t r, int64_t c) {
    const Window w = l.window_at(r, c);
    const T* top = rows.data + (w.top - rows.first) * l.width;
    int64_t best = w.left;
    for (int64_t y = 0; y < w.bottom - w.top; ++y) {
      for (int64_t x = w.left; x < w.right; ++x) {
        if (wins(top[y * l.width + x], top[best])) best = y * l.width + x;
      }
    }
    const int64_t at = (r - begin) * l.output_width + c;
    if (maxima != nullptr) maxima[at] = top[best];
    if (positions != nullptr) positions[at] = static_cast<int32_t>(w.top * l.width + best);
  };
  for (int64_t r = begin; r < end; ++r) {
    int64_t taken = 0;
    if (first < last) {
      const Window w = l.window_at(r, first);
      const int64_t offset = (r - begin) * l.output_width + first;
      taken =
          take_row_of<T>(stride,
                         {rows.data + (w.top - rows.first) * l.width + w.left,
                          rows.data + (rows.end - rows.first) * l.width, l.width,
                          w.top * l.width + w.left, last - first, w.bottom - w.top, l.window.ws[1]},
                         maxima == nullptr ? nullptr : maxima + offset,
                         positions == nullptr ? nullptr : positions + offset);
    }
    for (int64_t c = 0; c < first; ++c) take_one(r, c);
    for (int64_t c = first + taken; c < l.output_width; ++c) take_one(r, c);
  }
}

void rows_of_floats(const Lengths& l, const PlaneRows<float>& rows, int64_t begin, int64_t end,
                    float* maxima, int32_t* positions) {
  take_rows(l, rows, begin, end, maxima, positions);
}
void rows_of_doubles(const Lengths& l, const PlaneRows<double>& rows, int64_t begin, int64_t end,
                     double* maxima, int32_t* positions) {
  take_rows(l, rows, begin, end, maxima, positions);
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::pool_cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::pool_cpu {

HWY_EXPORT(rows_of_floats);
HWY_EXPORT(rows_of_doubles);

template <>
void find_maxima(const Lengths& l, const PlaneRows<float>& rows, int64_t begin, int64_t end,
                 float* maxima, int32_t* positions) {
  HWY_DYNAMIC_DISPATCH(rows_of_floats)(l, rows, begin, end, maxima, positions);
}

template <>
void find_maxima(const Lengths& l, const PlaneRows<double>& rows, int64_t begin, int64_t end,
                 double* maxima, int32_t* positions) {
  HWY_DYNAMIC_DISPATCH(rows_of_doubles)(l, rows, begin, end, maxima, positions);
}

}  // namespace bitale::pool_cpu
#endif  // HWY_ONCE
