// Exponentials and logarithms of float32 and float64, without branches and without a library: the
// same operations, in the same order, in scalar code, in the vector code that a compiler makes of a
// loop over them, and on a GPU. So their results have the same bits everywhere.
//
// Greatest errors found, in units in the last place (float_math_test.cc holds them to it):
//
//            exp   expm1   log   log1p   tanh
//   float    1.0   1.5     1.0   1.6     2.4
//   double   1.1   2.1     1.0   1.6     2.4
//
// exp(x) = 2^k e^r with k = round(x / log 2), |r| <= log(2) / 2, e^r by a minimax polynomial.
// The logarithm's method and coefficients are those of FreeBSD's e_log.c and e_logf.c.

#ifndef BITALE_OPS_ELEMENTWISE_FLOAT_MATH_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_FLOAT_MATH_FUNCTORS_H_

#include "ops/elementwise/float_traits_functors.h"
#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

template <typename T>
using BitsOf = typename FloatTraits<T>::Bits;

template <typename T>
BITALE_FUNCTOR BitsOf<T> to_bits(T x) {
  return __builtin_bit_cast(BitsOf<T>, x);
}
template <typename T>
BITALE_FUNCTOR T from_bits(BitsOf<T> bits) {
  return __builtin_bit_cast(T, bits);
}
template <typename T>
BITALE_FUNCTOR BitsOf<T> sign_bit(T x) {
  return to_bits(x) & (BitsOf<T>(1) << (8 * sizeof(T) - 1));
}

// The nearest integer of a number of moderate size, as what it is with kRounder added to it.
template <typename T>
BITALE_FUNCTOR BitsOf<T> integer_bits(T rounded) {
  return to_bits(rounded) - to_bits(FloatTraits<T>::kRounder);
}
// 2^k for an integer in two's complement, where that is a normal number.
template <typename T>
BITALE_FUNCTOR T power_of_two(BitsOf<T> k) {
  return from_bits<T>((k + BitsOf<T>(FloatTraits<T>::kExponentBias))
                      << FloatTraits<T>::kMantissaBits);
}

// A polynomial whose coefficients begin with the highest power's, up to the one at kLast.
template <unsigned kLast, typename T, unsigned kCount>
BITALE_FUNCTOR T polynomial(const T (&coefficients)[kCount], T x) {
  if constexpr (kLast == 0) {
    return coefficients[0];
  } else {
    return fma(polynomial<kLast - 1>(coefficients, x), x, coefficients[kLast]);
  }
}

// (e^r - 1 - r) / r^2 for |r| <= log(2) / 2.
template <typename T>
BITALE_FUNCTOR T exp_tail(T r) {
  constexpr auto& kTail = FloatTraits<T>::kExpTail;
  return polynomial<sizeof(kTail) / sizeof(T) - 1>(kTail, r);
}

// x = n log 2 + r. `rounded` is n + kRounder; r's error is far below its last place.
template <typename T>
struct ReducedExponent {
  T rounded;
  T r;
};
template <typename T>
BITALE_FUNCTOR ReducedExponent<T> reduce_exponent(T x) {
  using Traits = FloatTraits<T>;
  const T rounded = fma(x, Traits::kInverseLog2, Traits::kRounder);
  const T n = rounded - Traits::kRounder;
  return {rounded, fma(n, -Traits::kLog2Low, fma(n, -Traits::kLog2High, x))};
}

template <typename T>
BITALE_FUNCTOR T float_exp(T x) {
  using Traits = FloatTraits<T>;
  // NaN passes both comparisons by.
  x = x < Traits::kLowest ? Traits::kLowest : x;
  x = x > Traits::kHighest ? Traits::kHighest : x;
  const ReducedExponent<T> e = reduce_exponent(x);
  const T y = T(1) + fma(e.r * e.r, exp_tail(e.r), e.r);
  // In two steps, as 2^k may lie beyond the normal numbers where the result does not.
  const BitsOf<T> k = integer_bits(e.rounded);
  const BitsOf<T> half = integer_bits(fma(e.rounded - Traits::kRounder, T(0.5), Traits::kRounder));
  return y * power_of_two<T>(half) * power_of_two<T>(k - half);
}

// Without the bounds: for kMinusOneBelow <= x <= kHighest.
template <typename T>
BITALE_FUNCTOR T expm1_within(T x) {
  const ReducedExponent<T> e = reduce_exponent(x);
  const T p = fma(e.r * e.r, exp_tail(e.r), e.r);
  // 2 (s p + (s - 1/2)) with s = 2^(k - 1), which is normal for the greatest k too.
  const T s = power_of_two<T>(integer_bits(e.rounded) - 1);
  return T(2) * fma(s, p, s - T(0.5));
}

template <typename T>
BITALE_FUNCTOR T float_expm1(T x) {
  using Traits = FloatTraits<T>;
  const BitsOf<T> sign = sign_bit(x);
  x = x < Traits::kMinusOneBelow ? Traits::kMinusOneBelow : x;
  x = x > Traits::kHighest ? Traits::kHighest : x;
  return from_bits<T>(to_bits(expm1_within(x)) | sign);  // -0 stays -0
}

template <typename T>
BITALE_FUNCTOR T float_tanh(T x) {
  using Traits = FloatTraits<T>;
  T a = from_bits<T>(to_bits(x) ^ sign_bit(x));
  a = a > Traits::kOneAbove ? Traits::kOneAbove : a;
  const T t = expm1_within(a + a);
  return from_bits<T>(to_bits(t / (t + T(2))) | sign_bit(x));
}

// log(1 + f) - (f - f^2 / 2) = s (f^2 / 2 + R) with s = f / (2 + f) and R the sum of an odd series.
BITALE_FUNCTOR float log_series(float z) {
  float r = 0xf89e26.0p-26f;
  r = fma(r, z, 0x91e9ee.0p-25f);
  r = fma(r, z, 0xccce13.0p-25f);
  return fma(r, z, 0xaaaaaa.0p-24f) * z;
}
BITALE_FUNCTOR double log_series(double z) {
  double r = 1.479819860511658591e-01;
  r = fma(r, z, 1.531383769920937332e-01);
  r = fma(r, z, 1.818357216161805012e-01);
  r = fma(r, z, 2.222219843214978396e-01);
  r = fma(r, z, 2.857142874366239149e-01);
  r = fma(r, z, 3.999999999940941908e-01);
  return fma(r, z, 6.666666666666735130e-01) * z;
}

template <typename T>
BITALE_FUNCTOR T float_log(T x) {
  using Traits = FloatTraits<T>;
  using Bits = BitsOf<T>;
  const bool subnormal = x < Traits::kSmallestNormal;
  const T scaled = subnormal ? x * T(0x1p25) : x;
  // scaled = 2^k m with m in [sqrt(1/2), sqrt(2)).
  const Bits bits = to_bits(scaled) - Traits::kSqrtHalf;
  const Bits biased =
      (bits + (Bits(Traits::kExponentBias) << Traits::kMantissaBits)) >> Traits::kMantissaBits;
  const T k = from_bits<T>(biased + to_bits(Traits::kRounder)) -
              (Traits::kRounder + T(Traits::kExponentBias)) - (subnormal ? T(25) : T(0));
  constexpr Bits kMantissa = (Bits(1) << Traits::kMantissaBits) - 1;
  const T f = from_bits<T>((bits & kMantissa) + Traits::kSqrtHalf) - T(1);
  const T s = f / (T(2) + f);
  const T half_square = T(0.5) * f * f;
  const T low = fma(s, half_square + log_series(s * s), k * Traits::kLog2Low);
  const T y = fma(k, Traits::kLog2High, -((half_square - low) - f));
  const T of_positive = x < Traits::kInfinity ? y : x;
  const T of_others = x == T(0) ? -Traits::kInfinity : Traits::kNaN;
  return x > T(0) ? of_positive : of_others;
}

template <typename T>
BITALE_FUNCTOR T float_log1p(T x) {
  const T u = T(1) + x;
  // What the rounding of 1 + x took away.
  const T lost = (x - (u - T(1))) / u;
  const bool regular = (u > T(0)) & (u < FloatTraits<T>::kInfinity);
  const T y = float_log(u) + (regular ? lost : T(0));
  return x == T(0) ? x : y;
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_FLOAT_MATH_FUNCTORS_H_
