// Quotients rounded down and remainders of floats, without branches, where the quotient has fewer
// digits than a float: then one fused multiplication and addition gives the remainder exactly.

#ifndef BITALE_OPS_ELEMENTWISE_REMAINDER_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_REMAINDER_FUNCTORS_H_

#include "ops/elementwise/blend_functors.h"
#include "ops/elementwise/float_math_functors.h"

namespace bitale::scalar {

// True for what is not finite and for b = 0, too.
template <typename T>
BITALE_FUNCTOR bool has_long_quotient(T a, T b) {
  constexpr T kLongest = T(1ull << (FloatTraits<T>::kMantissaBits - 1));
  const T size = magnitude(b);
  return !((magnitude(a) <= size * kLongest) & (size > T(0)) & (size < FloatTraits<T>::kInfinity));
}

// a - b trunc(a / b), as fmod, for a short quotient.
template <typename T>
BITALE_FUNCTOR T short_fmod(T a, T b) {
  const T rest = fma(-trunc(a / b), b, a);
  // A quotient just below an integer may have been rounded to it.
  const bool beyond = (rest < T(0)) != (a < T(0));
  const T step = from_bits<T>(to_bits(magnitude(b)) | sign_bit(a));
  return choose(beyond & (rest != T(0)), rest + step, rest);
}

// From `rest` = fmod(a, b), as numpy.
template <typename T>
BITALE_FUNCTOR T floor_remainder_from(T rest, T b) {
  const T zero = from_bits<T>(sign_bit(b));
  return choose(rest == T(0), zero, choose((rest < T(0)) != (b < T(0)), rest + b, rest));
}
// The same for b that is not 0: from the exact remainder, then repaired where the division rounded.
template <typename T>
BITALE_FUNCTOR T floor_quotient_from(T rest, T a, T b) {
  const bool below = (rest != T(0)) & ((rest < T(0)) != (b < T(0)));
  const T quotient = (a - rest) / b - (below ? T(1) : T(0));
  const T whole = floor(quotient);
  const T nearest = choose(quotient - whole > T(0.5), whole + T(1), whole);
  return choose(quotient == T(0), from_bits<T>(sign_bit(a / b)), nearest);
}

template <typename T>
BITALE_FUNCTOR T short_floor_remainder(T a, T b) {
  return floor_remainder_from(short_fmod(a, b), b);
}
template <typename T>
BITALE_FUNCTOR T short_floor_quotient(T a, T b) {
  return floor_quotient_from(short_fmod(a, b), a, b);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_REMAINDER_FUNCTORS_H_
