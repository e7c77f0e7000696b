// Arcsine, arccosine, arctangent and the angle of a point, of float32 and float64, without branches
// and without a library; what they share with float_math_functors.h is said there. Greatest errors:
// elementwise.h.
//
// The polynomials are minimax (Remez) in the relative error of the function, fitted with 220 bits:
//   asin s = s + s^3 A(s^2), |s| <= 1/2      float 2^-31.8, double 2^-59.9
//   atan q = q + q^3 B(q^2), |q| <= 0.547    float 2^-30.3, double 2^-58.8

#ifndef BITALE_OPS_ELEMENTWISE_INVERSE_TRIGONOMETRIC_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_INVERSE_TRIGONOMETRIC_FUNCTORS_H_

#include "ops/elementwise/blend_functors.h"
#include "ops/elementwise/double_word_functors.h"
#include "ops/elementwise/float_math_functors.h"
#include "ops/elementwise/split_polynomial_functors.h"

namespace bitale::scalar {

template <typename T>
struct ArcConstants;

template <>
struct ArcConstants<float> {
  static constexpr DoubleWord<float> kHalfPi = {0x1.921fb6p+0f, -0x1.777a5cp-25f};
  static constexpr float kLarge = 0x1p125f;
  static constexpr float kArcsine[] = {3.752938372e-2f, 1.442983696e-2f, 3.18099128e-2f,
                                       4.451670815e-2f, 7.500505385e-2f, 0.1666665997f};
  static constexpr float kArctangent[] = {3.426078463e-2f, -7.654044676e-2f, 0.1085071986f,
                                          -0.1426095821f,  0.1999889805f,    -0.3333331684f};
};

template <>
struct ArcConstants<double> {
  static constexpr DoubleWord<double> kHalfPi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
  static constexpr double kLarge = 0x1p1021;
  static constexpr double kArcsine[] = {
      3.26537828097671781e-2, -2.10382723299259326e-2, 2.173441731294183e-2,
      3.69563398090907563e-3, 1.07830211084878189e-2,  1.13984337909351156e-2,
      1.39808770643677837e-2, 1.73516074693090032e-2,  2.23722152306607166e-2,
      3.03819426995343686e-2, 4.46428571747754134e-2,  7.49999999997063784e-2,
      1.6666666666666761e-1};
  static constexpr double kArctangent[] = {
      -6.40323527491051213e-3, 2.03164879807489373e-2,  -3.46056845942018041e-2,
      4.47930414293983889e-2,  -5.19889201896287554e-2, 5.87187878694937481e-2,
      -6.66544994694732858e-2, 7.69220861772754243e-2,  -9.09090360815231142e-2,
      1.11111109152976226e-1,  -1.42857142815762118e-1, 1.99999999999558494e-1,
      -3.33333333333331684e-1};
};

// For |x| <= 1/2 the series itself; beyond, asin |x| = pi/2 - 2 asin sqrt((1 - |x|) / 2).
// NaN beyond 1.
template <typename T>
struct ArcsineParts {
  T s;     // what the series is of
  T tail;  // asin s - s
};
template <typename T>
BITALE_FUNCTOR ArcsineParts<T> arcsine_parts(T a, bool inner) {
  const T square = choose(inner, a * a, fma(T(-0.5), a, T(0.5)));  // exact where not inner
  const T s = choose(inner, a, sqrt(square));
  return {s, s * square * split_polynomial(ArcConstants<T>::kArcsine, square)};
}

template <typename T>
BITALE_FUNCTOR T float_asin(T x) {
  constexpr DoubleWord<T> kHalfPi = ArcConstants<T>::kHalfPi;
  const T a = magnitude(x);
  const bool inner = a <= T(0.5);
  const ArcsineParts<T> parts = arcsine_parts(a, inner);
  const DoubleWord<T> outer = sum_of_ordered(kHalfPi.high, T(-2) * parts.s);
  const T high = choose(inner, parts.s, outer.high);
  const T outer_low = fma(T(-2), parts.tail, outer.low + kHalfPi.low);
  const T low = choose(inner, parts.tail, outer_low);
  return from_bits<T>(to_bits(high + low) | sign_bit(x));
}

template <typename T>
BITALE_FUNCTOR T float_acos(T x) {
  constexpr DoubleWord<T> kHalfPi = ArcConstants<T>::kHalfPi;
  const T a = magnitude(x);
  const bool inner = a <= T(0.5);
  const ArcsineParts<T> parts = arcsine_parts(a, inner);
  // base - or + scale (s + tail), where base is pi/2, 0 or pi.
  const T scale = from_bits<T>(to_bits(inner ? T(-1) : T(2)) ^ sign_bit(x));
  const T multiple = choose(inner, T(1), x < T(0) ? T(2) : T(0));
  const DoubleWord<T> sum = sum_of_ordered(multiple * kHalfPi.high, scale * parts.s);
  return sum.high + fma(scale, parts.tail, fma(multiple, kHalfPi.low, sum.low));
}

// The angle of (x, y) for a = |x|, b = |y|, of which `left` says whether x is negative (-0 is).
template <typename T>
BITALE_FUNCTOR T angle_of_magnitudes(T b, T a, bool left) {
  using Arc = ArcConstants<T>;
  constexpr T kSteep = T(1.8125), kFlat = T(0.546875);
  // With q = tan(angle - pi/4) in the middle, and of what is left to pi/2 where steep.
  const bool steep = b > kSteep * a;
  const bool flat = b < kFlat * a;
  const T numerator = choose(flat, b, choose(steep, -a, b - a));
  const T divisor = choose(flat, a, choose(steep, b, b + a));
  // At the origin 0 / 1.
  const T q = numerator / (divisor == T(0) ? T(1) : divisor);
  const T square = q * q;
  const T tail = q * square * split_polynomial(Arc::kArctangent, square);
  const bool none = flat | (b == T(0));
  const T multiple = choose(none, T(0), steep ? T(1) : T(0.5));
  // multiple pi/2 + atan q, or pi minus that.
  const BitsOf<T> sign = sign_bit(left ? T(-1) : T(1));
  const T turns = choose(left, T(2) - multiple, multiple);
  const DoubleWord<T> sum =
      sum_of_ordered(turns * Arc::kHalfPi.high, from_bits<T>(to_bits(q) ^ sign));
  const T signed_tail = from_bits<T>(to_bits(tail) ^ sign);
  return sum.high + (fma(turns, Arc::kHalfPi.low, sum.low) + signed_tail);
}

template <typename T>
BITALE_FUNCTOR T float_atan(T x) {
  T a = magnitude(x);
  a = a > ArcConstants<T>::kLarge ? ArcConstants<T>::kLarge : a;
  return from_bits<T>(to_bits(angle_of_magnitudes(a, T(1), false)) | sign_bit(x));
}

template <typename T>
BITALE_FUNCTOR T float_atan2(T y, T x) {
  constexpr T kInfinity = FloatTraits<T>::kInfinity;
  T a = magnitude(x);
  T b = magnitude(y);
  // Two infinities count as equal. Large numbers are made smaller, so that their sum is finite.
  const bool both_infinite = (a == kInfinity) & (b == kInfinity);
  const T scale = (a > b ? a : b) > ArcConstants<T>::kLarge ? T(0x1p-4) : T(1);
  a = choose(both_infinite, T(1), a * scale);
  b = choose(both_infinite, T(1), b * scale);
  const bool left = sign_bit(x) != 0;
  return from_bits<T>(to_bits(angle_of_magnitudes(b, a, left)) | sign_bit(y));
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_INVERSE_TRIGONOMETRIC_FUNCTORS_H_
