// Exponentials and logarithms of float32 and float64, without branches and without a library: the
// same operations, in the same order, on single numbers, on packs of them (pack_cpu.h) and on
// a GPU. So their results have the same bits everywhere. For some functions here, which say so,
// packs of AVX-512 have instructions of their own with the same results (pack_avx512_cpu.h).
//
// Greatest errors: elementwise.h.
//
// exp(x) = 2^k e^r with k = round(x / log 2), |r| <= log(2) / 2, e^r by a minimax polynomial.
// Logarithms by the method and coefficients of FreeBSD's e_log.c and e_logf.c, but for float32's
// natural one, which needs no division: log(1 + f) = f - f^2 / 2 + f^3 times a minimax polynomial.

#ifndef BITALE_OPS_ELEMENTWISE_FLOAT_MATH_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_FLOAT_MATH_FUNCTORS_H_

#include "ops/elementwise/float_traits_functors.h"
#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

template <typename T>
using BitsOf = typename FloatTraits<T>::Bits;

template <typename To, typename From>
struct BitCast {
  static BITALE_FUNCTOR To of(From x) { return __builtin_bit_cast(To, x); }
};
template <typename T>
BITALE_FUNCTOR BitsOf<T> to_bits(T x) {
  return BitCast<BitsOf<T>, T>::of(x);
}
template <typename T>
BITALE_FUNCTOR T from_bits(BitsOf<T> bits) {
  return BitCast<T, BitsOf<T>>::of(bits);
}
template <typename T>
BITALE_FUNCTOR BitsOf<T> sign_bit(T x) {
  return to_bits(x) & BitsOf<T>(FloatTraits<T>::kSignBit);
}

template <typename T>
BITALE_FUNCTOR T minus_magnitude(T x) {
  return from_bits<T>(to_bits(x) | BitsOf<T>(FloatTraits<T>::kSignBit));
}

// The bound where x is beyond it. NaN passes.
template <typename T>
BITALE_FUNCTOR T at_least(T x, T bound) {
  return x < bound ? bound : x;
}
template <typename T>
BITALE_FUNCTOR T at_most(T x, T bound) {
  return x > bound ? bound : x;
}

// The nearest integer of a number of moderate size, as what it is with kRounder added to it.
template <typename T>
BITALE_FUNCTOR BitsOf<T> integer_bits(T rounded) {
  return to_bits(rounded) - to_bits(T(FloatTraits<T>::kRounder));
}
// 2^k for an integer in two's complement, where that is a normal number.
template <typename T>
BITALE_FUNCTOR T power_of_two(BitsOf<T> k) {
  return from_bits<T>((k + BitsOf<T>(FloatTraits<T>::kExponentBias))
                      << FloatTraits<T>::kMantissaBits);
}

// x 2^k where both are normal numbers.
template <typename T>
BITALE_FUNCTOR T times_power_of_two(T x, BitsOf<T> k) {
  return from_bits<T>(to_bits(x) + (k << FloatTraits<T>::kMantissaBits));
}

// y 2^n for y in [1/2, 2], where `rounded` is n + kRounder: rounded once, where it is no normal
// number. AVX-512 has an instruction.
template <typename T>
BITALE_FUNCTOR T times_rounded_power(T y, T rounded) {
  using Traits = FloatTraits<T>;
  // In two steps, as 2^n may lie beyond the normal numbers where the result does not.
  const T half = fma(rounded - T(Traits::kRounder), T(0.5), T(Traits::kRounder));
  const T first = times_power_of_two(y, to_bits(rounded) - to_bits(half));
  return first * power_of_two<T>(integer_bits(half));
}
// 2^(n - 1) where that is a normal number. AVX-512 has an instruction.
template <typename T>
BITALE_FUNCTOR T half_rounded_power(T rounded) {
  return power_of_two<T>(integer_bits(rounded) - BitsOf<T>(1));
}

// A polynomial whose coefficients begin with the highest power's, up to the one at kLast.
template <unsigned kLast, typename C, typename T, unsigned kCount>
BITALE_FUNCTOR T polynomial_to(const C (&coefficients)[kCount], T x) {
  if constexpr (kLast == 0) {
    return T(coefficients[0]);
  } else {
    return fma(polynomial_to<kLast - 1>(coefficients, x), x, T(coefficients[kLast]));
  }
}
template <typename C, typename T, unsigned kCount>
BITALE_FUNCTOR T polynomial(const C (&coefficients)[kCount], T x) {
  return polynomial_to<kCount - 1>(coefficients, x);
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
  const T rounded = fma(x, T(Traits::kInverseLog2), T(Traits::kRounder));
  const T n = rounded - T(Traits::kRounder);
  return {rounded, fma(n, T(-Traits::kLog2Low), fma(n, T(-Traits::kLog2High), x))};
}

// e^r - 1 for |r| <= log(2) / 2.
template <typename T>
BITALE_FUNCTOR T reduced_expm1(T r) {
  return fma(r * r, polynomial(FloatTraits<T>::kExpTail, r), r);
}

template <typename T>
BITALE_FUNCTOR T float_exp(T x) {
  using Traits = FloatTraits<T>;
  x = at_most(at_least(x, T(Traits::kLowest)), T(Traits::kHighest));
  const ReducedExponent<T> e = reduce_exponent(x);
  return times_rounded_power(T(1) + reduced_expm1(e.r), e.rounded);
}

// (e^x - 1) / 2 for kMinusOneBelow <= x <= kHighest.
template <typename T>
BITALE_FUNCTOR T half_expm1_within(T x) {
  const ReducedExponent<T> e = reduce_exponent(x);
  // s p + (s - 1/2) with s = 2^(k - 1), which is normal for the greatest k too.
  const T s = half_rounded_power(e.rounded);
  return fma(s, reduced_expm1(e.r), s - T(0.5));
}

template <typename T>
BITALE_FUNCTOR T float_expm1(T x) {
  using Traits = FloatTraits<T>;
  const T bounded = at_most(at_least(x, T(Traits::kMinusOneBelow)), T(Traits::kHighest));
  const T y = T(2) * half_expm1_within(bounded);
  return from_bits<T>(to_bits(y) | sign_bit(x));  // -0 stays -0
}

// (1 - q) / (1 + q) with q = e^-2|x| = 2^k (1 + p): a denominator that is not above 2 takes less
// from the result where it is rounded than one of e^2|x|, and both sides come from p at once.
template <typename T>
BITALE_FUNCTOR T float_tanh(T x) {
  const T magnitude = from_bits<T>(to_bits(x) ^ sign_bit(x));
  const T a = at_most(magnitude, T(FloatTraits<T>::kOneAbove));
  const ReducedExponent<T> e = reduce_exponent(T(-2) * a);
  const T p = reduced_expm1(e.r);
  const T s = half_rounded_power(e.rounded);
  const T quotient = fma(-s, p, T(0.5) - s) / fma(s, p, T(0.5) + s);
  return from_bits<T>(to_bits(quotient) | sign_bit(x));
}

// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for positive finite x. AVX-512 has
// instructions.
template <typename T>
struct ReducedLogarithm {
  T k;
  T f;
};
template <typename T>
BITALE_FUNCTOR ReducedLogarithm<T> reduce_logarithm(T x) {
  using Traits = FloatTraits<T>;
  using Bits = BitsOf<T>;
  const auto subnormal = x < T(Traits::kSmallestNormal);
  const T scaled = x * select(subnormal, T(0x1p54), T(1));
  const Bits bits = to_bits(scaled) - Bits(Traits::kSqrtHalf);
  const Bits biased =
      (bits + (Bits(Traits::kExponentBias) << Traits::kMantissaBits)) >> Traits::kMantissaBits;
  constexpr auto kBias = Traits::kRounder + Traits::kExponentBias;
  const T k = from_bits<T>(biased + to_bits(T(Traits::kRounder))) -
              select(subnormal, T(kBias + 54), T(kBias));
  const Bits mantissa = (Bits(1) << Traits::kMantissaBits) - Bits(1);
  return {k, from_bits<T>((bits & mantissa) + Bits(Traits::kSqrtHalf)) - T(1)};
}

// What any logarithm is of x where it has no finite one; `of_positive` where it has. AVX-512 has
// instructions.
template <typename T>
BITALE_FUNCTOR T logarithm_or_special(T x, T of_positive) {
  using Traits = FloatTraits<T>;
  const T of_others = select(x == T(0), T(-Traits::kInfinity), T(Traits::kNaN));
  return select(x > T(0), select(x < T(Traits::kInfinity), of_positive, x), of_others);
}

// log(1 + f) - f + low for 1 + f in [sqrt(1/2), sqrt(2)).
template <typename T>
BITALE_FUNCTOR T log1p_less_f(T f, T low) {
  using Traits = FloatTraits<T>;
  if constexpr (requires { Traits::kLogTail; }) {
    return fma(T(-0.5) * f, f, fma(f * f * f, polynomial(Traits::kLogTail, f), low));
  } else {
    // log(1 + f) - (f - f^2 / 2) = s (f^2 / 2 + R), where R is the sum of an odd series: a division
    // instead of a dozen more coefficients.
    const T s = f / (T(2) + f);
    const T z = s * s;
    const T half_square = T(0.5) * f * f;
    return fma(s, half_square + polynomial(Traits::kLogSeries, z) * z, low) - half_square;
  }
}

template <typename T>
BITALE_FUNCTOR T float_log(T x) {
  using Traits = FloatTraits<T>;
  const auto [k, f] = reduce_logarithm(x);
  const T rest = f + log1p_less_f(f, k * T(Traits::kLog2Low));
  return logarithm_or_special(x, fma(k, T(Traits::kLog2High), rest));
}

template <typename T>
BITALE_FUNCTOR T float_log1p(T x) {
  const T u = T(1) + x;
  // What the rounding of 1 + x took away.
  const T lost = (x - (u - T(1))) / u;
  const auto regular = (u > T(0)) & (u < T(FloatTraits<T>::kInfinity));
  const T y = float_log(u) + select(regular, lost, T(0));
  return select(x == T(0), x, y);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_FLOAT_MATH_FUNCTORS_H_
