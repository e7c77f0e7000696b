// Polynomials of high degree, in an order that a processor can work at in more than one place.

#ifndef BITALE_OPS_ELEMENTWISE_SPLIT_POLYNOMIAL_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_SPLIT_POLYNOMIAL_FUNCTORS_H_

#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

// The sum of every other term, down from coefficient kLast, as a polynomial in x^2.
template <unsigned kLast, typename T, unsigned kCount>
BITALE_FUNCTOR T every_other_term(const T (&coefficients)[kCount], T square) {
  if constexpr (kLast < 2) {
    return coefficients[kLast];
  } else {
    return fma(every_other_term<kLast - 2>(coefficients, square), square, coefficients[kLast]);
  }
}

// A polynomial whose coefficients begin with the highest power's: its even and its odd powers, each
// by Horner's rule.
template <typename T, unsigned kCount>
BITALE_FUNCTOR T split_polynomial(const T (&coefficients)[kCount], T x) {
  const T square = x * x;
  return fma(every_other_term<kCount - 2>(coefficients, square), x,
             every_other_term<kCount - 1>(coefficients, square));
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_SPLIT_POLYNOMIAL_FUNCTORS_H_
