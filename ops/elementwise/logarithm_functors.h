// Logarithms to other bases than e of float32 and float64, by float_math_functors.h's method with
// the leading terms as double words: the base's factor must not add errors of its own, and powers
// of the base give integers. Greatest errors: elementwise.h.

#ifndef BITALE_OPS_ELEMENTWISE_LOGARITHM_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_LOGARITHM_FUNCTORS_H_

#include "ops/elementwise/double_word_functors.h"
#include "ops/elementwise/float_math_functors.h"

namespace bitale::scalar {

template <typename T>
struct LogarithmBases;

template <>
struct LogarithmBases<float> {
  static constexpr DoubleWord<float> kInverseLog2 = {0x1.715476p+0f, 0x1.4ae0cp-26f};
  static constexpr DoubleWord<float> kInverseLog10 = {0x1.bcb7b2p-2f, -0x1.5b235ep-27f};
  static constexpr DoubleWord<float> kTwoInBase10 = {0x1.344136p-2f, -0x1.ec10cp-27f};
};

template <>
struct LogarithmBases<double> {
  static constexpr DoubleWord<double> kInverseLog2 = {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56};
  static constexpr DoubleWord<double> kInverseLog10 = {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57};
  static constexpr DoubleWord<double> kTwoInBase10 = {0x1.34413509f79ffp-2, -0x1.9dc1da994fd21p-59};
};

// log(1 + f) times `factor`, which is 1 / log(base).
template <typename T>
BITALE_FUNCTOR DoubleWord<T> scaled_log1p(T f, DoubleWord<T> factor) {
  const T s = f / (T(2) + f);
  const DoubleWord<T> half_square = exact_product(T(0.5) * f, f);
  const DoubleWord<T> high = sum_of_ordered(f, -half_square.high);
  const T z = s * s;
  const T series = polynomial(FloatTraits<T>::kLogSeries, z) * z;
  const T low = high.low + fma(s, half_square.high + series, -half_square.low);
  return product(DoubleWord<T>{high.high, low}, factor);
}

template <typename T>
BITALE_FUNCTOR T float_log2(T x) {
  const auto [k, f] = reduce_logarithm(x);
  const DoubleWord<T> fraction = scaled_log1p(f, LogarithmBases<T>::kInverseLog2);
  const DoubleWord<T> y = sum_of_ordered(k, fraction.high);
  return logarithm_or_special(x, y.high + (y.low + fraction.low));
}

template <typename T>
BITALE_FUNCTOR T float_log10(T x) {
  const auto [k, f] = reduce_logarithm(x);
  const DoubleWord<T> fraction = scaled_log1p(f, LogarithmBases<T>::kInverseLog10);
  const DoubleWord<T> whole = exact_product(k, LogarithmBases<T>::kTwoInBase10.high);
  const DoubleWord<T> y = sum_of_ordered(whole.high, fraction.high);
  const T low = fma(k, LogarithmBases<T>::kTwoInBase10.low, whole.low + fraction.low);
  return logarithm_or_special(x, y.high + (y.low + low));
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_LOGARITHM_FUNCTORS_H_
