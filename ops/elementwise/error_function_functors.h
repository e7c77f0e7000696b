// The error function and its complement, of float32 and float64, without branches and without a
// library; what they share with float_math_functors.h is said there. Greatest errors:
// elementwise.h.
//
// Near 0 erf is an odd polynomial. Beyond, the complement is e^(-x^2) P((x - 4) / (x + 4)) / (1 +
// 2x) as by Shepherd and Laframboise ("Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", 1981);
// x^2 and all that is multiplied are double words, as their errors enter the result whole. erfc of
// float32 is computed in float64 without these, as e^(-x^2) R((x - 3) / (x + 3)) / (x + 3), with
// one division. erf of float32 needs no digits of its complement's tail: 1 - e^-Q(x).
//
// The polynomials are minimax (Remez) in the relative error of the function, fitted with 220 bits:
//   erf x = x + x P(x^2), |x| <= 1                    float 2^-29.6, double 2^-62.7
//   erf x = 1 - e^-Q(x), 1 <= x <= 4                  float 2^-29.8
//   erfc x by P, 0.5 <= x <= 27.3                     double 2^-58.8
//   erfc x by R, 0.5 <= x <= 10.1                     float 2^-29.8

#ifndef BITALE_OPS_ELEMENTWISE_ERROR_FUNCTION_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_ERROR_FUNCTION_FUNCTORS_H_

#include "ops/elementwise/blend_functors.h"
#include "ops/elementwise/double_word_functors.h"
#include "ops/elementwise/float_math_functors.h"
#include "ops/elementwise/long_exponential_functors.h"
#include "ops/elementwise/split_polynomial_functors.h"

namespace bitale::scalar {

template <typename T>
struct ErrorFunctionConstants;

template <>
struct ErrorFunctionConstants<float> {
  static constexpr float kSmall[] = {7.853833402e-5f,  -8.010184417e-4f, 5.188326512e-3f,
                                     -2.685381121e-2f, 0.1128358513f,    -0.3761262582f,
                                     0.1283791657f};
  static constexpr float kOneAbove = 4;
  static constexpr float kExponent[] = {-1.863789521e-4f, 2.947656403e-3f, -2.183805828e-2f,
                                        0.1031067465f,    0.6381448379f,   1.127089189f,
                                        3.415226721e-4f};
  // Of the complement, which is computed in float64.
  static constexpr double kZeroAbove = 10.1;
  static constexpr double kExpTail[] = {1.99077071059948705e-4, 1.39337357619795372e-3,
                                        8.33328583334671443e-3, 4.1666464136812416e-2,
                                        1.66666667569486301e-1, 5.00000001354782366e-1};
  static constexpr double kComplement[] = {-2.96878318154097225e-4, -4.69781679008287286e-4,
                                           3.05706755704579758e-3,  -1.23454081618661742e-3,
                                           -2.68330936369379612e-2, 1.19530488309437814e-1,
                                           -3.10466761658289993e-1, 5.90228231796294716e-1,
                                           -8.83394463687105939e-1, 1.07400690805284554};
};

template <>
struct ErrorFunctionConstants<double> {
  static constexpr double kSmall[] = {
      5.94522845251927971e-11, -1.13656455064565886e-9, 1.46578743240013475e-8,
      -1.63500243633390955e-7, 1.64609727316047314e-6,  -1.4925593501229479e-5,
      1.20553310366459468e-4,  -8.54832697873456568e-4, 5.22397762478071608e-3,
      -2.68661706450728764e-2, 1.12837916709548574e-1,  -3.76126389031837476e-1,
      1.28379167095512574e-1};
  static constexpr double kZeroAbove = 28;
  static constexpr double kComplement[] = {
      -1.01816134660202448e-8, -1.22173849245649649e-8, 1.04744909935948351e-7,
      6.70023249323674306e-8,  -8.21292240455086815e-7, 2.99587442472492489e-7,
      5.70768386851457535e-6,  -1.12247529669047817e-5, -2.43985397842737232e-5,
      1.50622503532096485e-4,  -1.99256843059602572e-4, -7.57773450696602183e-4,
      5.03196999929231292e-3,  -1.61977340379855009e-2, 3.71675155355919241e-2,
      -6.63303658136279504e-2, 9.37328349984438881e-2,  -1.01039066036253048e-1,
      6.80970542546904832e-2,  1.53796521026190191e-2,  -1.39621116840562498e-1};
  static constexpr double kComplementAt4 = 1.23299511862555251;
};

// erf x - x for |x| <= 1.
template <typename T>
BITALE_FUNCTOR T small_erf_tail(T x) {
  return x * split_polynomial(ErrorFunctionConstants<T>::kSmall, x * x);
}

// erfc x for x >= 0.5.
BITALE_FUNCTOR double large_erfc(double x) {
  using Constants = ErrorFunctionConstants<double>;
  x = x > Constants::kZeroAbove ? Constants::kZeroAbove : x;
  const DoubleWord<double> square = exact_product(x, x);
  const auto exponent = reduce_exponent(DoubleWord<double>{-square.high, -square.low});
  const DoubleWord<double> power = exp_of_reduced(exponent.r);
  const double t = (x - 4.0) / (x + 4.0);
  const double slope = split_polynomial(Constants::kComplement, t);
  const double p = fma(t, slope, Constants::kComplementAt4);
  const double p_low = fma(t, slope, Constants::kComplementAt4 - p);
  const double y = quotient(product(power, DoubleWord<double>{p, p_low}), exact_sum(1.0, 2.0 * x));
  return scale_by_power_of_two(y, exponent.rounded);
}

BITALE_FUNCTOR double float_erf(double x) {
  const double a = magnitude(x);
  const double y = choose(a < 1.0, a + small_erf_tail(a), 1.0 - large_erfc(a));
  return from_bits<double>(to_bits(y) | sign_bit(x));
}
BITALE_FUNCTOR float float_erf(float x) {
  using Constants = ErrorFunctionConstants<float>;
  float a = magnitude(x);
  const float small = a + small_erf_tail(a);
  a = a > Constants::kOneAbove ? Constants::kOneAbove : a;
  const float large = 1.0f - float_exp(-split_polynomial(Constants::kExponent, a));
  return from_bits<float>(to_bits(choose(a < 1.0f, small, large)) | sign_bit(x));
}

BITALE_FUNCTOR double float_erfc(double x) {
  const double a = magnitude(x);
  const DoubleWord<double> complement = sum_of_ordered(1.0, -x);
  const double small = complement.high + (complement.low - small_erf_tail(x));
  const double large = large_erfc(a);
  return choose(a < 0.5, small, choose(x < 0.0, 2.0 - large, large));
}
BITALE_FUNCTOR float float_erfc(float x) {
  using Traits = FloatTraits<double>;
  using Constants = ErrorFunctionConstants<float>;
  const float small = 1.0f - (x + small_erf_tail(x));
  double a = static_cast<double>(magnitude(x));
  a = a > Constants::kZeroAbove ? Constants::kZeroAbove : a;
  const double rounded = fma(-a * a, Traits::kInverseLog2, Traits::kRounder);
  const double r = fma(rounded - Traits::kRounder, -Traits::kLog2High, -a * a);
  const double power = 1.0 + fma(r * r, polynomial(Constants::kExpTail, r), r);
  const double w = 1.0 / (a + 3.0);
  const double p = split_polynomial(Constants::kComplement, fma(-6.0, w, 1.0));
  const double y = power * p * w * power_of_two<double>(integer_bits(rounded));
  const double large = choose(x < 0.0f, 2.0 - y, y);
  return choose(magnitude(x) < 0.5f, small, static_cast<float>(large));
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_ERROR_FUNCTION_FUNCTORS_H_
