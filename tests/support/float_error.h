// Errors of floating-point functions against exact values, and operands to look for them.

#ifndef BITALE_TESTS_SUPPORT_FLOAT_ERROR_H_
#define BITALE_TESTS_SUPPORT_FLOAT_ERROR_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace bitale {

// A type in which the C library's functions are exact, seen from float64.
using Exact = long double;

// Distance from the exact value in units in the last place of T; infinity counts as the number that
// would follow the greatest.
template <typename T>
double error_in_ulp(T got, Exact exact) {
  if (std::isnan(exact)) return std::isnan(got) ? 0 : INFINITY;
  if (got == static_cast<T>(exact)) return 0;
  if (std::isnan(got) || std::isinf(exact)) return INFINITY;
  const Exact finite =
      std::isinf(got)
          ? std::copysign(std::ldexp(Exact(1), std::numeric_limits<T>::max_exponent), Exact(got))
          : Exact(got);
  int exponent = 0;
  std::frexp(exact, &exponent);
  exponent = std::max(exponent, std::numeric_limits<T>::min_exponent);
  const Exact unit = std::ldexp(Exact(1), exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::abs((finite - exact) / unit));
}

// The same numbers in every run, from all bit patterns or from an interval.
class Numbers {
 public:
  template <typename T>
  T of_any_bits() {
    const uint64_t bits = next() >> (64 - 8 * sizeof(T));
    T value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  double between(double low, double high) {
    return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
  }
  // Magnitudes from 2^low to 2^high, as many for each power of two.
  double with_exponents(int low, int high) {
    const double sign = (next() >> 63) != 0 ? 1 : -1;
    return sign * std::exp2(between(low, high));
  }

 private:
  uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ ^ state_ >> 29;
  }
  uint64_t state_ = 1;
};

// Zeros, whole and broken numbers, the ends of the normal and of all numbers, infinity, each with
// either sign, and NaN.
template <typename T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x = {0,
                      1,
                      2,
                      3,
                      0.5,
                      1.5,
                      T(88.7),
                      T(103.9),
                      T(1e9),
                      T(16777217),
                      Limits::min(),
                      Limits::min() * T(0.75),
                      Limits::max(),
                      Limits::denorm_min(),
                      Limits::infinity()};
  const size_t count = x.size();
  for (size_t i = 0; i < count; ++i) x.push_back(-x[i]);
  x.push_back(Limits::quiet_NaN());
  return x;
}

}  // namespace bitale

#endif  // BITALE_TESTS_SUPPORT_FLOAT_ERROR_H_
