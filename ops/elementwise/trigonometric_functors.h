// Sine, cosine and tangent of float32 and float64, without branches and without a library; what
// they share with float_math_functors.h is said there. Greatest errors: elementwise.h.
//
// x = n pi/2 + r with |r| <= pi/4, by Cody's and Waite's method with pi/2 in three parts: the first
// step is exact, and r is a double word. That holds for angles of moderate size; huge ones are
// reduced by Payne's and Hanek's method (huge_angle_cpu.h), and then are like others.
//
// The polynomials are minimax (Remez) in the relative error of the function, fitted with 220 bits:
//   sin r = r + r^3 S(r^2)            float 2^-27.9, double 2^-57.7
//   cos r = 1 - r^2 / 2 + r^4 C(r^2)  float 2^-32.9, double 2^-63.7

#ifndef BITALE_OPS_ELEMENTWISE_TRIGONOMETRIC_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_TRIGONOMETRIC_FUNCTORS_H_

#include "ops/elementwise/blend_functors.h"
#include "ops/elementwise/double_word_functors.h"
#include "ops/elementwise/float_math_functors.h"

namespace bitale::scalar {

template <typename T>
struct CircleConstants;

template <>
struct CircleConstants<float> {
  static constexpr float kGreatestModerate = 0x1p16f;
  static constexpr float kTwoOverPi = 0x1.45f306p-1f;
  static constexpr float kHalfPi[] = {0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f};
  static constexpr float kSine[] = {-1.950873994e-4f, 8.332113058e-3f, -0.1666665387f};
  static constexpr float kCosine[] = {2.442568219e-5f, -1.388725149e-3f, 4.166664437e-2f};
};

template <>
struct CircleConstants<double> {
  static constexpr double kGreatestModerate = 0x1p30;
  static constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
  static constexpr double kHalfPi[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54,
                                       -0x1.f1976b7ed8fbcp-110};
  static constexpr double kSine[] = {1.58929616969169676e-10, -2.50506924764661556e-8,
                                     2.75573132760400176e-6,  -1.98412698286188878e-4,
                                     8.33333333332094068e-3,  -1.66666666666666261e-1};
  static constexpr double kCosine[] = {-1.13562655043963451e-11, 2.08756575524912855e-9,
                                       -2.75573138654173568e-7,  2.48015872877825849e-5,
                                       -1.38888888888713751e-3,  4.16666666666665834e-2};
};

// An angle is r plus a number of quarter turns, of which the last two bits count.
template <typename T>
struct ReducedAngle {
  DoubleWord<T> r;
  BitsOf<T> quarters;
};

// False for infinity and NaN: the angles that need huge_angle_cpu.h.
template <typename T>
BITALE_FUNCTOR bool is_huge_angle(T x) {
  const T a = magnitude(x);
  return (a > CircleConstants<T>::kGreatestModerate) & (a < FloatTraits<T>::kInfinity);
}

// Of what is not huge.
template <typename T>
BITALE_FUNCTOR ReducedAngle<T> reduce_angle(T x) {
  using Circle = CircleConstants<T>;
  const T rounded = fma(x, Circle::kTwoOverPi, FloatTraits<T>::kRounder);
  const T n = rounded - FloatTraits<T>::kRounder;
  const T first = fma(n, -Circle::kHalfPi[0], x);  // exact
  const DoubleWord<T> second = exact_product(n, -Circle::kHalfPi[1]);
  const DoubleWord<T> r = exact_sum(first, second.high);
  const T low = fma(n, -Circle::kHalfPi[2], r.low + second.low);
  return {sum_of_ordered(r.high, low), to_bits(rounded)};
}

template <typename T>
BITALE_FUNCTOR DoubleWord<T> sine_of_reduced(DoubleWord<T> r, T square) {
  return {r.high, fma(r.high * square, polynomial(CircleConstants<T>::kSine, square), r.low)};
}
template <typename T>
BITALE_FUNCTOR DoubleWord<T> cosine_of_reduced(DoubleWord<T> r, T square) {
  const T half = T(0.5) * square;
  const T high = T(1) - half;
  const T tail =
      fma(square * square, polynomial(CircleConstants<T>::kCosine, square), -r.high * r.low);
  return {high, ((T(1) - high) - half) + tail};
}

// The sine of the angle, quarter turns included.
template <typename T>
BITALE_FUNCTOR T sine(ReducedAngle<T> angle) {
  const T square = angle.r.high * angle.r.high;
  const DoubleWord<T> s = sine_of_reduced(angle.r, square);
  const DoubleWord<T> c = cosine_of_reduced(angle.r, square);
  const T y = blend(mask_of_bit<0>(angle.quarters), c.high + c.low, s.high + s.low);
  return from_bits<T>(to_bits(y) ^ ((angle.quarters >> 1) << (8 * sizeof(T) - 1)));
}
template <typename T>
BITALE_FUNCTOR T cosine(ReducedAngle<T> angle) {
  return sine(ReducedAngle<T>{angle.r, angle.quarters + 1});
}
template <typename T>
BITALE_FUNCTOR T tangent(ReducedAngle<T> angle) {
  const T square = angle.r.high * angle.r.high;
  const DoubleWord<T> s = sine_of_reduced(angle.r, square);
  const DoubleWord<T> c = cosine_of_reduced(angle.r, square);
  const BitsOf<T> odd = mask_of_bit<0>(angle.quarters);
  const auto numerator = sum_of_ordered(blend(odd, c.high, s.high), blend(odd, c.low, s.low));
  const auto divisor = sum_of_ordered(blend(odd, s.high, c.high), blend(odd, s.low, c.low));
  return from_bits<T>(to_bits(quotient(numerator, divisor)) ^ sign_bit(from_bits<T>(odd)));
}

// Of what is not huge. Odd functions are computed of |x|, so that -0 stays -0.
template <typename T>
BITALE_FUNCTOR T moderate_sin(T x) {
  return from_bits<T>(to_bits(sine(reduce_angle(magnitude(x)))) ^ sign_bit(x));
}
template <typename T>
BITALE_FUNCTOR T moderate_cos(T x) {
  return cosine(reduce_angle(x));
}
template <typename T>
BITALE_FUNCTOR T moderate_tan(T x) {
  return from_bits<T>(to_bits(tangent(reduce_angle(magnitude(x)))) ^ sign_bit(x));
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_TRIGONOMETRIC_FUNCTORS_H_
