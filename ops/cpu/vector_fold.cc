#include "ops/cpu/vector_fold.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/vector_fold.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "ops/cpu/fold_functors.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu {
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
  if (F::kIsIdempotent && i < n) {
    a = f(a, hn::LoadU(d, p + n - lanes));
    i = n;
  }
  T total = fold_of_lanes<F>(d, f(a, b));
  for (; i < n; ++i) total = F::scalar(total, p[i]);
  return total;
}

template <typename T>
HWY_INLINE T fold_vector_as(VectorOp op, const T* p, int64_t n) {
  return visit_fold(op, [&](auto f) HWY_ATTR { return fold_vector_with<decltype(f)>(p, n); });
}

float fold_vector_f32(VectorOp op, const float* p, int64_t n) { return fold_vector_as(op, p, n); }
double fold_vector_f64(VectorOp op, const double* p, int64_t n) { return fold_vector_as(op, p, n); }

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bitale::cpu {

HWY_EXPORT(fold_vector_f32);
HWY_EXPORT(fold_vector_f64);

float fold_vector(VectorOp op, const float* p, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(fold_vector_f32)(op, p, n);
}
double fold_vector(VectorOp op, const double* p, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(fold_vector_f64)(op, p, n);
}

}  // namespace bitale::cpu
#endif  // HWY_ONCE
