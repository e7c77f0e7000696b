// What functions of float32 and float64 need to know of these types, whether they are written for
// single numbers (float_math_functors.h) or for vectors.

#ifndef BITALE_OPS_ELEMENTWISE_FLOAT_TRAITS_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_FLOAT_TRAITS_FUNCTORS_H_

namespace bitale::scalar {

template <typename T>
struct FloatTraits;

template <>
struct FloatTraits<float> {
  using Integer = int;
  using Bits = unsigned int;
  static constexpr int kMantissaBits = 23;
  static constexpr int kExponentBias = 127;
  static constexpr float kRounder = 0x1.8p23f;  // adding it rounds to an integer
  static constexpr float kInverseLog2 = 0x1.715476p+0f;
  static constexpr float kLog2High = 0x1.62e43p-1f;
  static constexpr float kLog2Low = -0x1.05c61p-29f;
  static constexpr float kInfinity = __builtin_inff();
  static constexpr float kNaN = __builtin_nanf("");
  static constexpr float kSmallestNormal = 0x1p-126f;
  static constexpr Bits kSqrtHalf = 0x3f3504f3u;
  static constexpr Bits kSignBit = 0x80000000u;
  // Of (e^r - 1 - r) / r^2, highest power first.
  static constexpr float kExpTail[] = {1.9907639147957531e-4f,  1.39336878346987287e-3f,
                                       8.33328592905775896e-3f, 4.16664645800531202e-2f,
                                       1.66666667566834051e-1f, 5.00000001350127876e-1f};
  // Of (log(1 + f) - f + f^2 / 2) / f^3 for 1 + f in [sqrt(1/2), sqrt(2)), highest power first.
  static constexpr float kLogTail[] = {-0x1.38c9dep-4f, 0x1.055ec6p-3f,  -0x1.0d8242p-3f,
                                       0x1.22d92ep-3f,  -0x1.54728ap-3f, 0x1.99a01cp-3f,
                                       -0x1.000226p-2f, 0x1.555554p-2f};
  // Of the series by which a logarithm is corrected, highest power first.
  static constexpr float kLogSeries[] = {0xf89e26.0p-26f, 0x91e9ee.0p-25f, 0xccce13.0p-25f,
                                         0xaaaaaa.0p-24f};
  // Beyond these exp is 0 or infinite, expm1 -1 and tanh 1.
  static constexpr float kLowest = -104, kHighest = 89, kMinusOneBelow = -20, kOneAbove = 10;
};

template <>
struct FloatTraits<double> {
  using Integer = long long;
  using Bits = unsigned long long;
  static constexpr int kMantissaBits = 52;
  static constexpr int kExponentBias = 1023;
  static constexpr double kRounder = 0x1.8p52;
  static constexpr double kInverseLog2 = 0x1.71547652b82fep+0;
  static constexpr double kLog2High = 0x1.62e42fefa39efp-1;
  static constexpr double kLog2Low = 0x1.abc9e3b39803fp-56;
  static constexpr double kInfinity = __builtin_inf();
  static constexpr double kNaN = __builtin_nan("");
  static constexpr double kSmallestNormal = 0x1p-1022;
  static constexpr Bits kSqrtHalf = 0x3fe6a09e667f3bcdull;
  static constexpr Bits kSignBit = 0x8000000000000000ull;
  static constexpr double kExpTail[] = {2.51100965230165984e-8, 2.76201404733347503e-7,
                                        2.75572422127459605e-6, 2.48015211860699268e-5,
                                        1.9841269886700887e-4,  1.38888889172848273e-3,
                                        8.33333333332217112e-3, 4.16666666666239846e-2,
                                        1.66666666666666746e-1, 5.00000000000000103e-1};
  static constexpr double kLogSeries[] = {1.479819860511658591e-01, 1.531383769920937332e-01,
                                          1.818357216161805012e-01, 2.222219843214978396e-01,
                                          2.857142874366239149e-01, 3.999999999940941908e-01,
                                          6.666666666666735130e-01};
  static constexpr double kLowest = -746, kHighest = 710, kMinusOneBelow = -40, kOneAbove = 20;
};

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_FLOAT_TRAITS_FUNCTORS_H_
