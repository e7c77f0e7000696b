// What is folded in sum, prod, max and min: the functors that the loops of reduction_cpu.h take.

#ifndef BITALE_OPS_REDUCTION_FOLDS_CPU_H_
#define BITALE_OPS_REDUCTION_FOLDS_CPU_H_

#include <limits>
#include <optional>
#include <type_traits>

#include "core/base/dtype.h"
#include "core/base/half.h"
#include "ops/reduction/vector_fold_cpu.h"

namespace bitale::reduction {

template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

// What sums of T are kept in.
template <typename T>
struct SumAcc {
  using type =
      std::conditional_t<std::is_unsigned_v<T> && !std::is_same_v<T, bool>, uint64_t, int64_t>;
};
template <>
struct SumAcc<float> {
  using type = float;
};
template <>
struct SumAcc<double> {
  using type = double;
};
template <>
struct SumAcc<Float16> {
  using type = float;
};
template <>
struct SumAcc<BFloat16> {
  using type = float;
};

template <typename T>
constexpr std::optional<VectorOp> vector_op_for(VectorOp op) {
  return std::is_floating_point_v<T> ? std::optional(op) : std::nullopt;
}

// Signed overflow wraps: the arithmetic is done on unsigned numbers.
template <typename Acc>
using Wrapping = typename std::conditional_t<std::is_integral_v<Acc>, std::make_unsigned<Acc>,
                                             std::type_identity<Acc>>::type;

template <typename T>
struct Sum {
  using Acc = typename SumAcc<T>::type;
  using Out = std::conditional_t<kIsHalf<T>, T, Acc>;
  static constexpr auto vector_op() { return vector_op_for<T>(VectorOp::kSum); }
  static Acc identity() { return 0; }
  static Acc load(T value) { return static_cast<Acc>(value); }
  static Acc combine(Acc a, Acc b) {
    return static_cast<Acc>(static_cast<Wrapping<Acc>>(a) + static_cast<Wrapping<Acc>>(b));
  }
  static Out store(Acc value) { return static_cast<Out>(value); }
};

template <typename T>
struct Prod : Sum<T> {
  using typename Sum<T>::Acc;
  static constexpr auto vector_op() { return vector_op_for<T>(VectorOp::kProd); }
  static Acc identity() { return 1; }
  static Acc combine(Acc a, Acc b) {
    return static_cast<Acc>(static_cast<Wrapping<Acc>>(a) * static_cast<Wrapping<Acc>>(b));
  }
};

template <typename T>
struct Extremum {
  using Acc = std::conditional_t<kIsHalf<T>, float, T>;
  using Out = T;
  static Acc load(T value) { return static_cast<Acc>(value); }
  static Out store(Acc value) { return static_cast<Out>(value); }
};

// A NaN beats any number: a > b is false for a NaN b, and a != a keeps a NaN a.
template <typename T>
struct Max : Extremum<T> {
  using typename Extremum<T>::Acc;
  static constexpr auto vector_op() { return vector_op_for<T>(VectorOp::kMax); }
  static Acc identity() {
    using Limits = std::numeric_limits<Acc>;
    return Limits::has_infinity ? static_cast<Acc>(-Limits::infinity()) : Limits::lowest();
  }
  static Acc combine(Acc a, Acc b) {
    if constexpr (std::is_integral_v<Acc>)
      return a > b ? a : b;
    else
      return a > b || a != a ? a : b;
  }
};

template <typename T>
struct Min : Extremum<T> {
  using typename Extremum<T>::Acc;
  static constexpr auto vector_op() { return vector_op_for<T>(VectorOp::kMin); }
  static Acc identity() {
    using Limits = std::numeric_limits<Acc>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  static Acc combine(Acc a, Acc b) {
    if constexpr (std::is_integral_v<Acc>)
      return a < b ? a : b;
    else
      return a < b || a != a ? a : b;
  }
};

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_FOLDS_CPU_H_
