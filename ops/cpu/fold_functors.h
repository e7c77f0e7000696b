// Sums, products, maxima and minima of vectors, for the instruction set that is being compiled:
// included once for each by sources that include hwy/foreach_target.h.

#if defined(BITALE_OPS_CPU_FOLD_FUNCTORS_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BITALE_OPS_CPU_FOLD_FUNCTORS_H_
#undef BITALE_OPS_CPU_FOLD_FUNCTORS_H_
#else
#define BITALE_OPS_CPU_FOLD_FUNCTORS_H_
#endif

#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "ops/cpu/vector_fold.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu {
namespace HWY_NAMESPACE {

// Each: f(a, b) of vectors, scalar(a, b) of numbers, what changes no other operand, and whether an
// operand may be taken twice.
struct SumOfVectors {
  static constexpr bool kIsIdempotent = false;
  template <typename V>
  HWY_INLINE V operator()(V a, V b) const {
    return hwy::HWY_NAMESPACE::Add(a, b);
  }
  template <typename T>
  static HWY_INLINE T scalar(T a, T b) {
    return a + b;
  }
  // 0 + -0 would be 0.
  template <typename T>
  static constexpr T identity() {
    return T{-0.0};
  }
};
struct ProductOfVectors {
  static constexpr bool kIsIdempotent = false;
  template <typename V>
  HWY_INLINE V operator()(V a, V b) const {
    return hwy::HWY_NAMESPACE::Mul(a, b);
  }
  template <typename T>
  static HWY_INLINE T scalar(T a, T b) {
    return a * b;
  }
  template <typename T>
  static constexpr T identity() {
    return T{1};
  }
};
// Of equal operands a is taken: 0 and -0 are. What each step has to wait for is one operation on a:
// whether b is NaN, which is taken then, is known before, and that a NaN a stays is what the
// processors' own maxima and minima do (they give the second operand where either is NaN). (Ne() is
// ordered on some targets: false for NaN.)
struct MaximumOfVectors {
  static constexpr bool kIsIdempotent = true;
  template <typename V>
  HWY_INLINE V operator()(V a, V b) const {
    namespace hn = hwy::HWY_NAMESPACE;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
    return hn::IfThenElse(hn::Eq(b, b), hn::Max(b, a), b);
#else
    return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::Not(hn::Eq(b, b))), b, a);
#endif
  }
  template <typename T>
  static HWY_INLINE T scalar(T a, T b) {
    return b > a || b != b ? b : a;
  }
  template <typename T>
  static constexpr T identity() {
    return -std::numeric_limits<T>::infinity();
  }
};
struct MinimumOfVectors {
  static constexpr bool kIsIdempotent = true;
  template <typename V>
  HWY_INLINE V operator()(V a, V b) const {
    namespace hn = hwy::HWY_NAMESPACE;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
    return hn::IfThenElse(hn::Eq(b, b), hn::Min(b, a), b);
#else
    return hn::IfThenElse(hn::Or(hn::Lt(b, a), hn::Not(hn::Eq(b, b))), b, a);
#endif
  }
  template <typename T>
  static HWY_INLINE T scalar(T a, T b) {
    return b < a || b != b ? b : a;
  }
  template <typename T>
  static constexpr T identity() {
    return std::numeric_limits<T>::infinity();
  }
};

// The lanes of a vector: the second half with the first, until there is one.
template <typename F, typename D>
HWY_INLINE hwy::HWY_NAMESPACE::TFromD<D> fold_of_lanes([[maybe_unused]] D d,
                                                       hwy::HWY_NAMESPACE::Vec<D> v) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET == HWY_SCALAR
  return hn::GetLane(v);
#else
  using T = hn::TFromD<D>;
  if constexpr (hn::MaxLanes(d) * sizeof(T) > 16) {
    const hn::Half<D> half;
    return fold_of_lanes<F>(half, F()(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    HWY_ALIGN T each[16 / sizeof(T)];
    hn::Store(v, d, each);
    for (size_t width = hn::Lanes(d) / 2; width > 0; width /= 2) {
      for (size_t l = 0; l < width; ++l) each[l] = F::scalar(each[l], each[l + width]);
    }
    return each[0];
  }
#endif
}

// Calls visitor with the functor of `op`.
template <typename Visitor>
HWY_INLINE decltype(auto) visit_fold(VectorOp op, const Visitor& visitor) {
  switch (op) {
    case VectorOp::kSum:
      return visitor(SumOfVectors());
    case VectorOp::kProd:
      return visitor(ProductOfVectors());
    case VectorOp::kMax:
      return visitor(MaximumOfVectors());
    case VectorOp::kMin:
      break;
  }
  return visitor(MinimumOfVectors());
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu
HWY_AFTER_NAMESPACE();

#endif  // BITALE_OPS_CPU_FOLD_FUNCTORS_H_
