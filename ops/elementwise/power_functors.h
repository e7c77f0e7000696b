// Powers of float32 and float64, without branches and without a library; what they share with
// float_math_functors.h is said there. Greatest errors: elementwise.h.
//
// a^b = e^(b log a). Errors of the logarithm grow by the exponent, up to 745 times, so it needs
// some 12 bits more than the result: double words in float64, float64 for float32. With a = 2^k m
// and s = (m - 1) / (m + 1), log m = 2 atanh s. The polynomials are minimax (Remez), fitted with
// 220 bits:
//   atanh s = s + s^3 L(s^2)                float 2^-44.9
//   atanh s = s + s^3 / 3 + s^5 L(s^2)      double 2^-73.5
//   e^r = 1 + r + r^2 E(r)                  float 2^-32

#ifndef BITALE_OPS_ELEMENTWISE_POWER_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_POWER_FUNCTORS_H_

#include "ops/elementwise/blend_functors.h"
#include "ops/elementwise/double_word_functors.h"
#include "ops/elementwise/float_math_functors.h"
#include "ops/elementwise/long_exponential_functors.h"
#include "ops/elementwise/split_polynomial_functors.h"

namespace bitale::scalar {

struct PowerConstants {
  // For float32.
  static constexpr double kShortLogarithm[] = {9.79234723344924043e-2, 1.10880765189618686e-1,
                                               1.42860549798290024e-1, 1.99999978073999865e-1,
                                               3.33333333379099757e-1};
  static constexpr double kShortExpTail[] = {1.99077071059948705e-4, 1.39337357619795372e-3,
                                             8.33328583334671443e-3, 4.1666464136812416e-2,
                                             1.66666667569486301e-1, 5.00000001354782366e-1};
  static constexpr double kLogarithm[] = {5.99477111242777567e-2, 5.8373775436654885e-2,
                                          6.66816026894032465e-2, 7.69227839503921452e-2,
                                          9.09090943574920877e-2, 1.11111111087634193e-1,
                                          1.42857142857225755e-1, 1.99999999999999887e-1};
  static constexpr DoubleWord<double> kThird = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
};

// log a for positive finite a, to some 64 bits.
BITALE_FUNCTOR DoubleWord<double> long_log(double a) {
  using Traits = FloatTraits<double>;
  const auto [k, f] = reduce_logarithm(a);
  const DoubleWord<double> divisor = sum_of_ordered(2.0, f);
  const double inverse = 1.0 / divisor.high;
  const double q = f * inverse;
  const double rest = fma(-q, divisor.high, f) - q * divisor.low;
  const DoubleWord<double> s = sum_of_ordered(q, rest * inverse);
  const DoubleWord<double> z = product(s, s);
  // atanh s / s - 1, whose first term needs both words.
  const DoubleWord<double> third = product(z, PowerConstants::kThird);
  const double tail = z.high * z.high * split_polynomial(PowerConstants::kLogarithm, z.high);
  const DoubleWord<double> series = sum_of_ordered(third.high, tail);
  const DoubleWord<double> more =
      product(s, DoubleWord<double>{series.high, series.low + third.low});
  const DoubleWord<double> half = sum_of_ordered(s.high, more.high);
  const double half_low = half.low + (s.low + more.low);
  const DoubleWord<double> whole = exact_product(k, Traits::kLog2High);
  const DoubleWord<double> sum = sum_of_ordered(whole.high, 2.0 * half.high);
  const double low = sum.low + (fma(k, Traits::kLog2Low, whole.low) + 2.0 * half_low);
  return sum_of_ordered(sum.high, low);
}

// e^(x.high + x.low); x.high may be infinite or NaN.
BITALE_FUNCTOR double long_exp(DoubleWord<double> x) {
  using Traits = FloatTraits<double>;
  double high = x.high < Traits::kLowest ? Traits::kLowest : x.high;
  high = high > Traits::kHighest ? Traits::kHighest : high;
  const double low = choose(high == x.high, x.low, 0.0);
  const auto exponent = reduce_exponent(DoubleWord<double>{high, low});
  const DoubleWord<double> power = exp_of_reduced(exponent.r);
  return scale_by_power_of_two(power.high + power.low, exponent.rounded);
}

// a^b for positive or infinite a, apart from what float_power() repairs.
BITALE_FUNCTOR double positive_power(double a, double b) {
  const DoubleWord<double> logarithm = long_log(a);
  const double log_a = logarithm_or_special(a, logarithm.high);
  const double high = b * log_a;
  return long_exp({high, fma(b, log_a, -high) + b * logarithm.low});
}
BITALE_FUNCTOR float positive_power(float a, float b) {
  using Traits = FloatTraits<double>;
  const double wide = static_cast<double>(a);
  const auto [k, f] = reduce_logarithm(wide);
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double half = fma(s * z, split_polynomial(PowerConstants::kShortLogarithm, z), s);
  const double log_a = logarithm_or_special(wide, fma(k, Traits::kLog2High, 2.0 * half));
  double x = static_cast<double>(b) * log_a;
  x = x < -200.0 ? -200.0 : x;
  x = x > 200.0 ? 200.0 : x;
  const double rounded = fma(x, Traits::kInverseLog2, Traits::kRounder);
  const double r = fma(rounded - Traits::kRounder, -Traits::kLog2High, x);
  const double y = 1.0 + fma(r * r, split_polynomial(PowerConstants::kShortExpTail, r), r);
  return static_cast<float>(y * power_of_two<double>(integer_bits(rounded)));
}

// C's table of special values (annex F.10.4.4).
template <typename T>
BITALE_FUNCTOR T float_power(T a, T b) {
  const T size = magnitude(a);
  const T of_size = positive_power(size, b);
  // 1 to any power, NaN included; -1 to the power of an infinity.
  const bool one =
      (b == T(0)) | (a == T(1)) | ((a == T(-1)) & (magnitude(b) == FloatTraits<T>::kInfinity));
  const bool whole = trunc(b) == b;
  const bool odd = whole & (trunc(T(0.5) * b) != T(0.5) * b);
  const bool undefined = (a < T(0)) & !whole & (size != FloatTraits<T>::kInfinity);
  const T y = from_bits<T>(to_bits(of_size) ^ (odd ? sign_bit(a) : BitsOf<T>(0)));
  return choose(one, T(1), choose(undefined, FloatTraits<T>::kNaN, y));
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_POWER_FUNCTORS_H_
