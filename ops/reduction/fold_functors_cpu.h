// Sums, products, maxima and minima of vectors, for the instruction set that is being compiled:
// included once for each by sources that include hwy/foreach_target.h.

#if defined(BITALE_OPS_REDUCTION_FOLD_FUNCTORS_CPU_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BITALE_OPS_REDUCTION_FOLD_FUNCTORS_CPU_H_
#undef BITALE_OPS_REDUCTION_FOLD_FUNCTORS_CPU_H_
#else
#define BITALE_OPS_REDUCTION_FOLD_FUNCTORS_CPU_H_
#endif

#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "ops/reduction/vector_fold_cpu.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::reduction {
namespace HWY_NAMESPACE {

// Each: f(a, b) of vectors, scalar(a, b) of numbers, and what changes no other operand.
struct SumOfVectors {
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
// A NaN b is taken because a > b is false, a NaN a because it does not equal itself. (Ne() is
// ordered on some targets: false for NaN.)
struct MaximumOfVectors {
  template <typename V>
  HWY_INLINE V operator()(V a, V b) const {
    namespace hn = hwy::HWY_NAMESPACE;
    return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::Not(hn::Eq(a, a))), a, b);
  }
  template <typename T>
  static HWY_INLINE T scalar(T a, T b) {
    return a > b || a != a ? a : b;
  }
  template <typename T>
  static constexpr T identity() {
    return -std::numeric_limits<T>::infinity();
  }
};
struct MinimumOfVectors {
  template <typename V>
  HWY_INLINE V operator()(V a, V b) const {
    namespace hn = hwy::HWY_NAMESPACE;
    return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::Not(hn::Eq(a, a))), a, b);
  }
  template <typename T>
  static HWY_INLINE T scalar(T a, T b) {
    return a < b || a != a ? a : b;
  }
  template <typename T>
  static constexpr T identity() {
    return std::numeric_limits<T>::infinity();
  }
};

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
}  // namespace bitale::reduction
HWY_AFTER_NAMESPACE();

#endif  // BITALE_OPS_REDUCTION_FOLD_FUNCTORS_CPU_H_
