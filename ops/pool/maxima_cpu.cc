#include "ops/pool/maxima_cpu.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pool/maxima_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::pool_cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Neighbouring windows that lie in the image altogether, in one row after the other, of one plane
// after the other.
template <typename T>
struct WindowRows {
  const T* data;     // the first window's first element
  int64_t readable;  // elements of a plane from there on
  int64_t width;     // of the image
  int64_t position;  // of `data` in its plane
  int64_t rows;
  int64_t row_stride;  // between rows of windows
  int64_t count;       // of windows in a row
  int64_t results_stride;
  int64_t window_height, window_width;
  int64_t planes, plane_stride, results_plane_stride;
};

template <typename T, typename Left>
void leave_all(const WindowRows<T>& w, const Left& left) {
  for (int64_t plane = 0; plane < w.planes; ++plane) {
    for (int64_t row = 0; row < w.rows; ++row) left(plane, row, 0);
  }
}

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

// Values and where they stand in their windows.
template <typename D>
struct Candidates {
  hn::Vec<D> values;
  hn::Vec<PositionTag<D>> at;
};

// Of `best` and of what comes behind it. Not a maximum of the machine's: NaN wins, and stays.
template <bool kPositions, typename D>
HWY_ATTR HWY_INLINE void take_larger(D, const Candidates<D>& next, Candidates<D>& best) {
  const auto stays = hn::Or(hn::Le(next.values, best.values), hn::IsNaN(best.values));
  best.values = hn::IfThenElse(stays, best.values, next.values);
  if constexpr (kPositions) {
    best.at = hn::IfThenElse(hn::RebindMask(PositionTag<D>(), stays), best.at, next.at);
  }
}

// Lanes are neighbouring windows, kStride columns apart; kSide is the window's height and width
// where they are equal and known, else 0. Calls left(plane, row, column) with the first window of
// each row that it did not take: those whose vectors would end past the readable elements are left,
// and so are all where there are fewer windows than lanes.
template <int kStride, int kSide, bool kPositions, typename D, typename T, typename Left>
HWY_ATTR void take_windows(D d, const WindowRows<T>& w, T* maxima, int32_t* positions,
                           const Left& left) {
  using V = hn::Vec<D>;
  const PositionTag<D> numbers;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto position = [&](int64_t value) HWY_ATTR {
    return hn::Set(numbers, static_cast<hn::TFromD<PositionTag<D>>>(value));
  };
  auto lane_columns = hn::Iota(numbers, 0);
  for (int i = 1; i < kStride; ++i) lane_columns = hn::Add(lane_columns, hn::Iota(numbers, 0));

  const int64_t window_height = kSide != 0 ? kSide : w.window_height;
  const int64_t window_width = kSide != 0 ? kSide : w.window_width;
  // The best of a row of the windows at `window`.
  const auto best_of_row = [&](const T* window, int64_t y) HWY_ATTR {
    Candidates<D> best;
    for (int64_t x = 0; x < window_width; x += kStride) {
      V phases[kStride];
      load_phases<kStride>(d, window + y * w.width + x, phases);
      for (int p = 0; p < kStride; ++p) {
        if (x + p >= window_width) break;
        const Candidates<D> next{phases[p], position(y * w.width + x + p)};
        if (x + p == 0) {
          best = next;
        } else {
          take_larger<kPositions>(d, next, best);
        }
      }
    }
    return best;
  };
  const int64_t last_phases = (window_width - 1) / kStride * kStride;
  const int64_t readable =
      w.readable - (window_height - 1) * w.width - last_phases - kStride * lanes;
  for (int64_t plane = 0; plane < w.planes; ++plane) {
    for (int64_t row = 0; row < w.rows; ++row) {
      const int64_t offset = row * w.row_stride;
      const int64_t result = plane * w.results_plane_stride + row * w.results_stride;
      int64_t done = 0;
      for (; done < w.count; done += lanes) {
        const int64_t i = std::min(done, w.count - lanes);
        if (i < 0 || offset + i * kStride > readable) break;
        const T* window = w.data + plane * w.plane_stride + offset + i * kStride;
        Candidates<D> best = best_of_row(window, 0);
        for (int64_t y = 1; y < window_height; ++y) {
          take_larger<kPositions>(d, best_of_row(window, y), best);
        }
        if (maxima != nullptr) hn::StoreU(best.values, d, maxima + result + i);
        if constexpr (kPositions) {
          const hn::Rebind<int32_t, D> integers;
          const auto first = position(w.position + offset + i * kStride);
          const auto at = hn::Add(best.at, hn::Add(lane_columns, first));
          if constexpr (sizeof(T) == 4) {
            hn::StoreU(at, integers, positions + result + i);
          } else {
            hn::StoreU(hn::DemoteTo(integers, at), integers, positions + result + i);
          }
        }
      }
      if (done < w.count) left(plane, row, done);
    }
  }
}

// With the longest vectors that a row of windows fills.
template <int kStride, int kSide, typename T, typename Left>
HWY_ATTR void take_by_lanes(const WindowRows<T>& w, T* maxima, int32_t* positions,
                            const Left& left) {
  const auto take = [&](auto d) HWY_ATTR {
    positions == nullptr ? take_windows<kStride, kSide, false>(d, w, maxima, positions, left)
                         : take_windows<kStride, kSide, true>(d, w, maxima, positions, left);
  };
  const hn::ScalableTag<T> whole;
  const hn::CappedTag<T, 32 / sizeof(T)> half;  // of AVX-512
  if (w.count >= static_cast<int64_t>(hn::Lanes(whole))) return take(whole);
  if (w.count >= static_cast<int64_t>(hn::Lanes(half))) return take(half);
  take(hn::CappedTag<T, 16 / sizeof(T)>());
}

// Of windows `stride` columns apart.
template <typename T, typename Left>
HWY_ATTR void take_inner(int64_t stride, const WindowRows<T>& w, T* maxima, int32_t* positions,
                         const Left& left) {
  if (stride == 1) return take_by_lanes<1, 0>(w, maxima, positions, left);
  if (stride == 2 && w.window_width == 2 && w.window_height == 2) {
    return take_by_lanes<2, 2>(w, maxima, positions, left);
  }
  if (stride == 2) return take_by_lanes<2, 0>(w, maxima, positions, left);
  if (stride == 3) return take_by_lanes<3, 0>(w, maxima, positions, left);
  leave_all(w, left);
}

#else

template <typename T, typename Left>
void take_inner(int64_t, const WindowRows<T>& w, T*, int32_t*, const Left& left) {
  leave_all(w, left);
}

#endif  // HWY_TARGET != HWY_SCALAR

template <typename T>
HWY_ATTR void take_rows(const Lengths& l, const PlaneRows<T>& rows, int64_t begin, int64_t end,
                        T* maxima, int32_t* positions) {
  const auto take_columns = [&](int64_t plane, int64_t r, int64_t from, int64_t to) {
    const T* data = rows.data + plane * rows.stride;
    const int64_t result = plane * l.output_size() + (r - begin) * l.output_width;
    for (int64_t c = from; c < to; ++c) {
      const Window w = l.window_at(r, c);
      const T* top = data + (w.top - rows.first) * l.width;
      int64_t best = w.left;
      for (int64_t y = 0; y < w.bottom - w.top; ++y) {
        for (int64_t x = w.left; x < w.right; ++x) {
          if (wins(top[y * l.width + x], top[best])) best = y * l.width + x;
        }
      }
      if (maxima != nullptr) maxima[result + c] = top[best];
      if (positions != nullptr) {
        positions[result + c] = static_cast<int32_t>(w.top * l.width + best);
      }
    }
  };
  // Rows and columns of windows that no edge cuts.
  const auto uncut = [&](size_t axis, int64_t length, int64_t from, int64_t to) {
    const int64_t stride = l.window.stride[axis], pad = l.window.pad[axis];
    const int64_t room = length + pad - l.window.ws[axis];
    const int64_t first = std::clamp((pad + stride - 1) / stride, from, to);
    return std::pair(first, std::clamp(room < 0 ? 0 : room / stride + 1, first, to));
  };
  const auto [top, bottom] = uncut(0, l.height, begin, end);
  const auto [left, right] = uncut(1, l.width, 0, l.output_width);
  if (top < bottom && left < right) {
    const Window w = l.window_at(top, left);
    const int64_t result = (top - begin) * l.output_width + left;
    const int64_t skipped = (w.top - rows.first) * l.width + w.left;
    const WindowRows<T> inner = {
        .data = rows.data + skipped,
        .readable = (rows.end - rows.first) * l.width - skipped,
        .width = l.width,
        .position = w.top * l.width + w.left,
        .rows = bottom - top,
        .row_stride = l.window.stride[0] * l.width,
        .count = right - left,
        .results_stride = l.output_width,
        .window_height = l.window.ws[0],
        .window_width = l.window.ws[1],
        .planes = rows.planes,
        .plane_stride = rows.stride,
        .results_plane_stride = l.output_size(),
    };
    const int64_t first_row = top, first_column = left, end_column = right;
    take_inner(l.window.stride[1], inner, maxima == nullptr ? nullptr : maxima + result,
               positions == nullptr ? nullptr : positions + result,
               [&](int64_t plane, int64_t row, int64_t column) {
                 take_columns(plane, first_row + row, first_column + column, end_column);
               });
  }
  const bool is_cut = top > begin || bottom < end || left > 0 || right < l.output_width;
  for (int64_t plane = 0; is_cut && plane < rows.planes; ++plane) {
    for (int64_t r = begin; r < top; ++r) take_columns(plane, r, 0, l.output_width);
    for (int64_t r = top; r < bottom; ++r) {
      take_columns(plane, r, 0, left);
      take_columns(plane, r, right, l.output_width);
    }
    for (int64_t r = bottom; r < end; ++r) take_columns(plane, r, 0, l.output_width);
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
