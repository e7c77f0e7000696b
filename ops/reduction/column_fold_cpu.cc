#include "ops/reduction/column_fold_cpu.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/reduction/column_fold_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "ops/cpu/fold_functors.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::reduction {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::visit_fold;

// kVectors vectors of accumulators stay in registers for all rows.
template <typename F, int kVectors, typename T>
HWY_INLINE void fold_panel(T* acc, const T* p, int64_t stride, int64_t rows) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const F f;
  hn::Vec<decltype(d)> total[kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) total[i] = hn::LoadU(d, acc + i * lanes);
  for (int64_t r = 0; r < rows; ++r, p += stride) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) total[i] = f(total[i], hn::LoadU(d, p + i * lanes));
  }
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) hn::StoreU(total[i], d, acc + i * lanes);
}

// Wide rows are read as they lie in memory, kRows of them for each use of the accumulators.
template <typename F, int kRows, typename T>
HWY_INLINE void fold_wide(T* acc, const T* p, int64_t stride, int64_t width) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const F f;
  for (int64_t j = 0; j + lanes <= width; j += lanes) {
    auto total = hn::LoadU(d, acc + j);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) total = f(total, hn::LoadU(d, p + r * stride + j));
    hn::StoreU(total, d, acc + j);
  }
}

template <typename F, typename T>
HWY_INLINE void fold_rows_with(T* acc, const T* p, int64_t stride, int64_t rows, int64_t width) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t done = 0;
  if (width < 16 * lanes) {
    for (; done + 4 * lanes <= width; done += 4 * lanes) {
      fold_panel<F, 4>(acc + done, p + done, stride, rows);
    }
    for (; done + lanes <= width; done += lanes) {
      fold_panel<F, 1>(acc + done, p + done, stride, rows);
    }
  } else {
    done = width / lanes * lanes;
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) fold_wide<F, 4>(acc, p + r * stride, stride, width);
    for (; r < rows; ++r) fold_wide<F, 1>(acc, p + r * stride, stride, width);
  }
  for (; done < width; ++done) {
    T total = acc[done];
    for (int64_t r = 0; r < rows; ++r) total = F::scalar(total, p[r * stride + done]);
    acc[done] = total;
  }
}

// As many rows as a vector has lanes, in the order of operations of cpu::fold_vector().
template <typename F, typename T>
HWY_INLINE auto fold_lanes(const T* columns, int64_t stride, int64_t length) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const F f;
  const auto column = [&](int64_t c) HWY_ATTR { return hn::LoadU(d, columns + c * stride); };
  if (length < 2 * lanes) {
    auto total = column(0);
    for (int64_t c = 1; c < length; ++c) total = f(total, column(c));
    return total;
  }
  // What cpu::fold_vector() has in one lane of its accumulators.
  const int64_t in_fours = length / (4 * lanes) * (4 * lanes);
  const int64_t in_vectors = length / lanes * lanes;
  const auto lane = [&](int64_t l) HWY_ATTR {
    auto a = column(l);
    auto b = column(l + lanes);
    int64_t c = l + 2 * lanes;
    if (in_fours > 0) {
      auto x = column(c);
      auto y = column(c + lanes);
      for (c = l + 4 * lanes; c < in_fours; c += 4 * lanes) {
        a = f(a, column(c));
        b = f(b, column(c + lanes));
        x = f(x, column(c + 2 * lanes));
        y = f(y, column(c + 3 * lanes));
      }
      a = f(a, x);
      b = f(b, y);
    }
    for (; c < in_vectors; c += lanes) a = f(a, column(c));
    return f(a, b);
  };
  // One to spare: with an array of one vector GCC 12 fails (internal error) under TSan.
  hn::Vec<decltype(d)> each[HWY_MAX_BYTES / sizeof(T) + 1];
  for (int64_t l = 0; l < lanes; ++l) each[l] = lane(l);
  for (int64_t width = lanes / 2; width > 0; width /= 2) {
    for (int64_t l = 0; l < width; ++l) each[l] = f(each[l], each[l + width]);
  }
  auto total = each[0];
  for (int64_t c = in_vectors; c < length; ++c) total = f(total, column(c));
  return total;
}

template <typename F, typename T>
HWY_INLINE void fold_turned_rows_with(const T* columns, int64_t stride, int64_t count,
                                      int64_t length, T* out) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t r = 0;
  for (; r + lanes <= count; r += lanes) {
    hn::StoreU(fold_lanes<F>(columns + r, stride, length), d, out + r);
  }
  if (r == count) return;
  // Columns hold whole vectors.
  HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(fold_lanes<F>(columns + r, stride, length), d, rest);
  std::copy_n(rest, count - r, out + r);
}

template <bool kIsMax, typename T, typename Index>
HWY_INLINE void take_best_with(const T* elements, int64_t count, Index place, T* best,
                               Index* places) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> integers;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto here = hn::Set(integers, place);
  int64_t j = 0;
  for (; j + lanes <= count; j += lanes) {
    const auto v = hn::LoadU(d, elements + j);
    const auto old = hn::LoadU(d, best + j);
    const auto beats = kIsMax ? hn::Gt(v, old) : hn::Lt(v, old);
    const auto is_first_nan =
        hn::AndNot(hn::VecFromMask(d, hn::Eq(v, v)), hn::VecFromMask(d, hn::Eq(old, old)));
    const auto better = hn::Or(hn::VecFromMask(d, beats), is_first_nan);
    hn::StoreU(hn::IfThenElse(hn::MaskFromVec(better), v, old), d, best + j);
    const auto before = hn::LoadU(integers, places + j);
    const auto moves = hn::MaskFromVec(hn::BitCast(integers, better));
    hn::StoreU(hn::IfThenElse(moves, here, before), integers, places + j);
  }
  for (; j < count; ++j) {
    const bool beats = kIsMax ? elements[j] > best[j] : elements[j] < best[j];
    if (!beats && !(elements[j] != elements[j] && best[j] == best[j])) continue;
    best[j] = elements[j];
    places[j] = place;
  }
}

template <typename T, typename Index>
HWY_INLINE void take_best_as(cpu::VectorOp op, const T* elements, int64_t count, Index place,
                             T* best, Index* places) {
  if (op == cpu::VectorOp::kMax) {
    take_best_with<true>(elements, count, place, best, places);
  } else {
    take_best_with<false>(elements, count, place, best, places);
  }
}

template <typename T>
HWY_INLINE void fold_rows_as(cpu::VectorOp op, T* acc, const T* p, int64_t stride, int64_t rows,
                             int64_t width) {
  visit_fold(op,
             [&](auto f) HWY_ATTR { fold_rows_with<decltype(f)>(acc, p, stride, rows, width); });
}
template <typename T>
HWY_INLINE void fold_turned_rows_as(cpu::VectorOp op, const T* columns, int64_t stride,
                                    int64_t count, int64_t length, T* out) {
  visit_fold(op, [&](auto f) HWY_ATTR {
    fold_turned_rows_with<decltype(f)>(columns, stride, count, length, out);
  });
}

void fold_rows_f32(cpu::VectorOp op, float* acc, const float* p, int64_t stride, int64_t rows,
                   int64_t width) {
  fold_rows_as(op, acc, p, stride, rows, width);
}
void fold_rows_f64(cpu::VectorOp op, double* acc, const double* p, int64_t stride, int64_t rows,
                   int64_t width) {
  fold_rows_as(op, acc, p, stride, rows, width);
}
void fold_turned_rows_f32(cpu::VectorOp op, const float* columns, int64_t stride, int64_t count,
                          int64_t length, float* out) {
  fold_turned_rows_as(op, columns, stride, count, length, out);
}
void fold_turned_rows_f64(cpu::VectorOp op, const double* columns, int64_t stride, int64_t count,
                          int64_t length, double* out) {
  fold_turned_rows_as(op, columns, stride, count, length, out);
}

void take_best_f32(cpu::VectorOp op, const float* elements, int64_t count, int32_t place,
                   float* best, int32_t* places) {
  take_best_as(op, elements, count, place, best, places);
}
void take_best_f64(cpu::VectorOp op, const double* elements, int64_t count, int64_t place,
                   double* best, int64_t* places) {
  take_best_as(op, elements, count, place, best, places);
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::reduction
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::reduction {

HWY_EXPORT(fold_rows_f32);
HWY_EXPORT(fold_rows_f64);
HWY_EXPORT(fold_turned_rows_f32);
HWY_EXPORT(fold_turned_rows_f64);
HWY_EXPORT(take_best_f32);
HWY_EXPORT(take_best_f64);

void fold_rows(cpu::VectorOp op, float* acc, const float* p, int64_t stride, int64_t rows,
               int64_t width) {
  HWY_DYNAMIC_DISPATCH(fold_rows_f32)(op, acc, p, stride, rows, width);
}
void fold_rows(cpu::VectorOp op, double* acc, const double* p, int64_t stride, int64_t rows,
               int64_t width) {
  HWY_DYNAMIC_DISPATCH(fold_rows_f64)(op, acc, p, stride, rows, width);
}
void fold_turned_rows(cpu::VectorOp op, const float* columns, int64_t stride, int64_t count,
                      int64_t length, float* out) {
  HWY_DYNAMIC_DISPATCH(fold_turned_rows_f32)(op, columns, stride, count, length, out);
}
void fold_turned_rows(cpu::VectorOp op, const double* columns, int64_t stride, int64_t count,
                      int64_t length, double* out) {
  HWY_DYNAMIC_DISPATCH(fold_turned_rows_f64)(op, columns, stride, count, length, out);
}

void take_best(cpu::VectorOp op, const float* elements, int64_t count, int32_t place, float* best,
               int32_t* places) {
  HWY_DYNAMIC_DISPATCH(take_best_f32)(op, elements, count, place, best, places);
}
void take_best(cpu::VectorOp op, const double* elements, int64_t count, int64_t place, double* best,
               int64_t* places) {
  HWY_DYNAMIC_DISPATCH(take_best_f64)(op, elements, count, place, best, places);
}

}  // namespace bitale::reduction
#endif  // HWY_ONCE
