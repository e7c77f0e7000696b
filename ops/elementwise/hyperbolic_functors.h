// Hyperbolic sine and cosine of float32 and float64, without branches and without a library; what
// they share with float_math_functors.h is said there. Greatest errors: elementwise.h.
//
// With |x| = k log 2 + r and p = 2^-2k,
//   2 sinh |x| = 2^k ((1 - p) cosh r + (1 + p) sinh r),
//   2 cosh x   = 2^k ((1 + p) cosh r + (1 - p) sinh r),
// in which nothing cancels that is not exact. The polynomials are minimax (Remez) in the relative
// error of the function, fitted with 220 bits for |r| <= log(2) / 2:
//   sinh r = r + r^3 S(r^2)            float 2^-37.5, double 2^-61.7
//   cosh r = 1 + r^2 / 2 + r^4 C(r^2)  float 2^-33.2, double 2^-57.3

#ifndef BITALE_OPS_ELEMENTWISE_HYPERBOLIC_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_HYPERBOLIC_FUNCTORS_H_

#include "ops/elementwise/double_word_functors.h"
#include "ops/elementwise/float_math_functors.h"
#include "ops/elementwise/long_exponential_functors.h"

namespace bitale::scalar {

template <typename T>
struct HyperbolicConstants;

template <>
struct HyperbolicConstants<float> {
  static constexpr float kOverflow = 90;
  static constexpr float kGreatestPower = 31;  // 1 - 2^-62 is 1
  static constexpr float kSine[] = {1.990507613e-4f, 8.333288795e-3f, 0.1666666676f};
  static constexpr float kCosine[] = {1.393548876e-3f, 4.166645873e-2f};
};

template <>
struct HyperbolicConstants<double> {
  static constexpr double kOverflow = 711;
  static constexpr double kGreatestPower = 63;
  static constexpr double kSine[] = {2.5109148150922896e-8, 2.75572439094242954e-6,
                                     1.98412698864033814e-4, 8.33333333332153046e-3,
                                     1.66666666666666767e-1};
  static constexpr double kCosine[] = {2.76255285870341886e-7, 2.48015078375103126e-5,
                                       1.38888889274544484e-3, 4.16666666666023781e-2};
};

// u + v r + (u (cosh r - 1) + v (sinh r - r)), times 2^(k - 1): where {u, v} = {1 - p, 1 + p} that
// is sinh |x|, the other way round cosh x.
template <bool kSine, typename T>
BITALE_FUNCTOR T hyperbolic(T x) {
  using Traits = FloatTraits<T>;
  using Constants = HyperbolicConstants<T>;
  T a = magnitude(x);
  a = a > Constants::kOverflow ? Constants::kOverflow : a;
  const auto [rounded, reduced] = reduce_exponent(DoubleWord<T>{a, T(0)});
  const T n = rounded - Traits::kRounder;
  const T r = reduced.high;

  const T bounded = n > Constants::kGreatestPower ? Constants::kGreatestPower : n;
  const T root = power_of_two<T>(integer_bits(Traits::kRounder - bounded));
  const T p = root * root;
  const DoubleWord<T> u = sum_of_ordered(T(1), kSine ? -p : p);
  const T v = kSine ? T(1) + p : T(1) - p;

  const T square = r * r;
  const T sine_tail = fma(r * square, polynomial(Constants::kSine, square), reduced.low);
  const T cosine_tail =
      fma(square * square, polynomial(Constants::kCosine, square), T(0.5) * square);
  const DoubleWord<T> main = exact_product(v, r);
  const DoubleWord<T> sum = exact_sum(u.high, main.high);
  const T low = (sum.low + main.low) + u.low;
  const T y = sum.high + (fma(u.high, cosine_tail, v * sine_tail) + low);
  // In two steps, as 2^(k - 1) may lie beyond the normal numbers where the result does not.
  return (y + y) * power_of_two<T>(integer_bits(rounded) - 2);
}

template <typename T>
BITALE_FUNCTOR T float_sinh(T x) {
  return from_bits<T>(to_bits(hyperbolic<true>(x)) | sign_bit(x));
}
template <typename T>
BITALE_FUNCTOR T float_cosh(T x) {
  return hyperbolic<false>(x);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_HYPERBOLIC_FUNCTORS_H_
