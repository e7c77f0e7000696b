#include "ops/reduction/vector_fold_cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/reduction/vector_fold_cpu.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "ops/reduction/fold_functors_cpu.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::reduction {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename F, typename T>
HWY_INLINE T fold_vector_with(const T* p, int64_t n) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const F f;
  if (n < 2 * lanes) {
    T total = p[0];
    for (int64_t i = 1; i < n; ++i) total = F::scalar(total, p[i]);
    return total;
  }
  auto a = hn::LoadU(d, p);
  auto b = hn::LoadU(d, p + lanes);
  int64_t i = 2 * lanes;
  if (n >= 4 * lanes) {
    auto c = hn::LoadU(d, p + i);
    auto e = hn::LoadU(d, p + i + lanes);
    for (i = 4 * lanes; i + 4 * lanes <= n; i += 4 * lanes) {
      a = f(a, hn::LoadU(d, p + i));
      b = f(b, hn::LoadU(d, p + i + lanes));
      c = f(c, hn::LoadU(d, p + i + 2 * lanes));
      e = f(e, hn::LoadU(d, p + i + 3 * lanes));
    }
    a = f(a, c);
    b = f(b, e);
  }
  for (; i + lanes <= n; i += lanes) a = f(a, hn::LoadU(d, p + i));
  HWY_ALIGN T each[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(f(a, b), d, each);
  for (int64_t width = lanes / 2; width > 0; width /= 2) {
    for (int64_t l = 0; l < width; ++l) each[l] = F::scalar(each[l], each[l + width]);
  }
  T total = each[0];
  for (; i < n; ++i) total = F::scalar(total, p[i]);
  return total;
}

template <typename F, typename T>
HWY_INLINE void fold_rows_with(T* acc, const T* p, int64_t stride, int64_t rows, int64_t width) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const F f;
  int64_t done = 0;
  if (width < 8 * lanes) {
    // Few columns: each keeps to its register.
    for (; done + lanes <= width; done += lanes) {
      auto total = hn::LoadU(d, acc + done);
      for (int64_t r = 0; r < rows; ++r) total = f(total, hn::LoadU(d, p + r * stride + done));
      hn::StoreU(total, d, acc + done);
    }
  } else {
    done = width / lanes * lanes;
    for (int64_t r = 0; r < rows; ++r) {
      const T* row = p + r * stride;
      for (int64_t j = 0; j < done; j += lanes) {
        hn::StoreU(f(hn::LoadU(d, acc + j), hn::LoadU(d, row + j)), d, acc + j);
      }
    }
  }
  for (; done < width; ++done) {
    T total = acc[done];
    for (int64_t r = 0; r < rows; ++r) total = F::scalar(total, p[r * stride + done]);
    acc[done] = total;
  }
}

template <typename T>
HWY_INLINE T fold_vector_as(VectorOp op, const T* p, int64_t n) {
  return visit_fold(op, [&](auto f) HWY_ATTR { return fold_vector_with<decltype(f)>(p, n); });
}

template <typename T>
HWY_INLINE void fold_rows_as(VectorOp op, T* acc, const T* p, int64_t stride, int64_t rows,
                             int64_t width) {
  visit_fold(op,
             [&](auto f) HWY_ATTR { fold_rows_with<decltype(f)>(acc, p, stride, rows, width); });
}

float fold_vector_f32(VectorOp op, const float* p, int64_t n) { return fold_vector_as(op, p, n); }
double fold_vector_f64(VectorOp op, const double* p, int64_t n) { return fold_vector_as(op, p, n); }
void fold_rows_f32(VectorOp op, float* acc, const float* p, int64_t stride, int64_t rows,
                   int64_t width) {
  fold_rows_as(op, acc, p, stride, rows, width);
}
void fold_rows_f64(VectorOp op, double* acc, const double* p, int64_t stride, int64_t rows,
                   int64_t width) {
  fold_rows_as(op, acc, p, stride, rows, width);
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::reduction
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::reduction {

HWY_EXPORT(fold_vector_f32);
HWY_EXPORT(fold_vector_f64);
HWY_EXPORT(fold_rows_f32);
HWY_EXPORT(fold_rows_f64);

float fold_vector(VectorOp op, const float* p, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(fold_vector_f32)(op, p, n);
}
double fold_vector(VectorOp op, const double* p, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(fold_vector_f64)(op, p, n);
}
void fold_rows(VectorOp op, float* acc, const float* p, int64_t stride, int64_t rows,
               int64_t width) {
  HWY_DYNAMIC_DISPATCH(fold_rows_f32)(op, acc, p, stride, rows, width);
}
void fold_rows(VectorOp op, double* acc, const double* p, int64_t stride, int64_t rows,
               int64_t width) {
  HWY_DYNAMIC_DISPATCH(fold_rows_f64)(op, acc, p, stride, rows, width);
}

}  // namespace bitale::reduction
#endif  // HWY_ONCE
