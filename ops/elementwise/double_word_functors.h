// Numbers of twice a float's precision as unevaluated sums, for the places in functions of floats
// where one rounding is too many. The error-free transformations of Dekker, Knuth and Ogita, Rump
// and Oishi ("Accurate Sum and Dot Product", 2005).

#ifndef BITALE_OPS_ELEMENTWISE_DOUBLE_WORD_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_DOUBLE_WORD_FUNCTORS_H_

#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

// high + low, where |low| is at most about half a unit in the last place of high.
template <typename T>
struct DoubleWord {
  T high;
  T low;
};

// a + b exactly, where |a| >= |b| or a is 0.
template <typename T>
BITALE_FUNCTOR DoubleWord<T> sum_of_ordered(T a, T b) {
  const T high = a + b;
  return {high, b - (high - a)};
}

// a + b exactly.
template <typename T>
BITALE_FUNCTOR DoubleWord<T> exact_sum(T a, T b) {
  const T high = a + b;
  const T of_b = high - a;
  return {high, (a - (high - of_b)) + (b - of_b)};
}

// a * b exactly, unless it is beyond the normal numbers.
template <typename T>
BITALE_FUNCTOR DoubleWord<T> exact_product(T a, T b) {
  const T high = a * b;
  return {high, fma(a, b, -high)};
}

// a * b but for some units of the second word's last place.
template <typename T>
BITALE_FUNCTOR DoubleWord<T> product(DoubleWord<T> a, DoubleWord<T> b) {
  const DoubleWord<T> p = exact_product(a.high, b.high);
  return sum_of_ordered(p.high, p.low + fma(a.high, b.low, a.low * b.high));
}

// a / b rounded nearly correctly, with one division.
template <typename T>
BITALE_FUNCTOR T quotient(DoubleWord<T> a, DoubleWord<T> b) {
  const T inverse = T(1) / b.high;
  const T q = a.high * inverse;
  const T rest = fma(-q, b.high, a.high) + fma(-q, b.low, a.low);
  return fma(rest, inverse, q);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_DOUBLE_WORD_FUNCTORS_H_
