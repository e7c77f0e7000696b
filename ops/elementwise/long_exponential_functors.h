// Exponentials of double words: for functions that are exponentials of something computed, whose
// error they would enlarge. Method and polynomial are float_math_functors.h's.

#ifndef BITALE_OPS_ELEMENTWISE_LONG_EXPONENTIAL_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_LONG_EXPONENTIAL_FUNCTORS_H_

#include "ops/elementwise/double_word_functors.h"
#include "ops/elementwise/float_math_functors.h"
#include "ops/elementwise/split_polynomial_functors.h"

namespace bitale::scalar {

// x = n log 2 + r, |r| <= log(2) / 2 and a little. `rounded` is n + kRounder.
template <typename T>
struct LongReducedExponent {
  T rounded;
  DoubleWord<T> r;
};
template <typename T>
BITALE_FUNCTOR LongReducedExponent<T> reduce_exponent(DoubleWord<T> x) {
  using Traits = FloatTraits<T>;
  const T rounded = fma(x.high, Traits::kInverseLog2, Traits::kRounder);
  const T n = rounded - Traits::kRounder;
  const T first = fma(n, -Traits::kLog2High, x.high);  // exact
  return {rounded, sum_of_ordered(first, fma(n, -Traits::kLog2Low, x.low))};
}

// e^r.
template <typename T>
BITALE_FUNCTOR DoubleWord<T> exp_of_reduced(DoubleWord<T> r) {
  const DoubleWord<T> sum = sum_of_ordered(T(1), r.high);
  return {sum.high,
          sum.low + fma(r.high * r.high, split_polynomial(FloatTraits<T>::kExpTail, r.high),
                        fma(r.low, r.high, r.low))};
}

// y 2^n. In two steps, as 2^n may lie beyond the normal numbers where the result does not.
template <typename T>
BITALE_FUNCTOR T scale_by_power_of_two(T y, T rounded) {
  const T n = rounded - FloatTraits<T>::kRounder;
  const BitsOf<T> half = integer_bits(fma(n, T(0.5), FloatTraits<T>::kRounder));
  return y * power_of_two<T>(half) * power_of_two<T>(integer_bits(rounded) - half);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_LONG_EXPONENTIAL_FUNCTORS_H_
