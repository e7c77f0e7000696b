// What is folded in sum, prod, max and min, and how a row of it is folded.
//
// Sums are blocked: no accumulator takes more than kBlock values in sequence before it is added to
// one of the next level, which bounds the error like pairwise summation.

#ifndef BITALE_OPS_REDUCTION_FOLDS_CPU_H_
#define BITALE_OPS_REDUCTION_FOLDS_CPU_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

#include "core/base/dtype.h"
#include "core/base/half.h"
#include "ops/cpu/row_tiles.h"
#include "ops/cpu/vector_fold.h"

namespace bitale::reduction {

inline constexpr int64_t kLanes = 32;  // accumulators side by side in a contiguous row
inline constexpr int64_t kBlock = 32;  // values in sequence per accumulator and level
inline constexpr int64_t kLevels = 4;

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
constexpr std::optional<cpu::VectorOp> vector_op_for(cpu::VectorOp op) {
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
  static constexpr auto vector_op() { return vector_op_for<T>(cpu::VectorOp::kSum); }
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
  static constexpr auto vector_op() { return vector_op_for<T>(cpu::VectorOp::kProd); }
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

// A NaN beats any number: b != b takes a NaN b, and b > a is false for a NaN a. Of equal values the
// first stays.
template <typename T>
struct Max : Extremum<T> {
  using typename Extremum<T>::Acc;
  static constexpr auto vector_op() { return vector_op_for<T>(cpu::VectorOp::kMax); }
  static Acc identity() {
    using Limits = std::numeric_limits<Acc>;
    return Limits::has_infinity ? static_cast<Acc>(-Limits::infinity()) : Limits::lowest();
  }
  static Acc combine(Acc a, Acc b) {
    if constexpr (std::is_integral_v<Acc>)
      return b > a ? b : a;
    else
      return b > a || b != b ? b : a;
  }
};

template <typename T>
struct Min : Extremum<T> {
  using typename Extremum<T>::Acc;
  static constexpr auto vector_op() { return vector_op_for<T>(cpu::VectorOp::kMin); }
  static Acc identity() {
    using Limits = std::numeric_limits<Acc>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  static Acc combine(Acc a, Acc b) {
    if constexpr (std::is_integral_v<Acc>)
      return b < a ? b : a;
    else
      return b < a || b != b ? b : a;
  }
};

// An accumulator of several levels: each takes kBlock values, then passes its own upwards.
template <typename F>
class Cascade {
 public:
  using Acc = typename F::Acc;
  void add(Acc value) {
    level_[0] = F::combine(level_[0], value);
    if (++count_ % kBlock != 0) return;
    int64_t full = count_ / kBlock;
    for (int64_t i = 0; i + 1 < kLevels; ++i, full /= kBlock) {
      level_[i + 1] = F::combine(level_[i + 1], level_[i]);
      level_[i] = F::identity();
      if (full % kBlock != 0) break;
    }
  }
  Acc result() const {
    Acc total = level_[kLevels - 1];
    for (int64_t i = kLevels - 1; i-- > 0;) total = F::combine(total, level_[i]);
    return total;
  }

 private:
  Acc level_[kLevels] = {F::identity(), F::identity(), F::identity(), F::identity()};
  int64_t count_ = 0;
};

// At most kLanes * kBlock neighbouring elements, and at least one.
template <typename F, typename T>
typename F::Acc fold_block(const T* p, int64_t n) {
  if constexpr (F::vector_op().has_value()) {
    return cpu::fold_vector(*F::vector_op(), p, n);
  } else {
    auto total = F::load(p[0]);
    for (int64_t i = 1; i < n; ++i) total = F::combine(total, F::load(p[i]));
    return total;
  }
}

// n elements, `stride` apart. Strided ones are brought together first, so that the result is the
// same bits as of a row without gaps.
template <typename F, typename T>
typename F::Acc fold_row(const T* p, int64_t n, int64_t stride) {
  constexpr int64_t kMost = kLanes * kBlock;
  T gathered[kMost];
  const auto block = [&](int64_t begin, int64_t count) {
    if (stride == 1) return fold_block<F>(p + begin, count);
    cpu::row_tiles(sizeof(T)).gather(p + begin * stride, stride, count, gathered);
    return fold_block<F>(gathered, count);
  };
  if (n <= kMost) return block(0, n);
  Cascade<F> total;
  for (int64_t i = 0; i < n; i += kMost) total.add(block(i, std::min(kMost, n - i)));
  return total.result();
}

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_FOLDS_CPU_H_
