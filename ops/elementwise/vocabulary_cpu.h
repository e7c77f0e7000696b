// The words of scalar functions (vocabulary_functors.h) for numbers of the host.

#ifndef BITALE_OPS_ELEMENTWISE_VOCABULARY_CPU_H_
#define BITALE_OPS_ELEMENTWISE_VOCABULARY_CPU_H_

#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "ops/elementwise/error_function_functors.h"
#include "ops/elementwise/float_math_functors.h"
#include "ops/elementwise/huge_angle_cpu.h"
#include "ops/elementwise/hyperbolic_functors.h"
#include "ops/elementwise/inverse_trigonometric_functors.h"
#include "ops/elementwise/logarithm_functors.h"
#include "ops/elementwise/power_functors.h"
#include "ops/elementwise/remainder_functors.h"
#include "ops/elementwise/trigonometric_functors.h"
#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

// Unsigned and at least as wide as int: what wrapping arithmetic happens in. (uint16_t would be
// promoted to int, whose product can overflow.)
template <typename T>
using Wide = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T>
BITALE_FUNCTOR T wrap_add(T a, T b) {
  if constexpr (std::same_as<T, bool>)
    return a || b;
  else if constexpr (std::integral<T>)
    return static_cast<T>(Wide<T>(a) + Wide<T>(b));
  else
    return a + b;
}
template <typename T>
BITALE_FUNCTOR T wrap_sub(T a, T b) {
  if constexpr (std::integral<T>)
    return static_cast<T>(Wide<T>(a) - Wide<T>(b));
  else
    return a - b;
}
template <typename T>
BITALE_FUNCTOR T wrap_mul(T a, T b) {
  if constexpr (std::same_as<T, bool>)
    return a && b;
  else if constexpr (std::integral<T>)
    return static_cast<T>(Wide<T>(a) * Wide<T>(b));
  else
    return a * b;
}
template <typename T>
BITALE_FUNCTOR T wrap_neg(T x) {
  if constexpr (std::integral<T>)
    return static_cast<T>(Wide<T>(0) - Wide<T>(x));
  else
    return -x;
}
template <typename T>
BITALE_FUNCTOR T magnitude(T x) {
  if constexpr (std::floating_point<T>)
    return std::fabs(x);
  else if constexpr (std::unsigned_integral<T>)
    return x;
  else
    return x < 0 ? wrap_neg(x) : x;
}

template <typename T>
BITALE_FUNCTOR T floor_remainder(T a, T b) {
  if constexpr (std::floating_point<T>) {
    return floor_remainder_from(std::fmod(a, b), b);
  } else if constexpr (std::unsigned_integral<T>) {
    return b == 0 ? T(0) : static_cast<T>(a % b);
  } else {
    if (b == 0 || b == -1) return 0;  // the smallest integer % -1 overflows
    const T rest = static_cast<T>(a % b);
    return static_cast<T>(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
  }
}
template <typename T>
BITALE_FUNCTOR T floor_quotient(T a, T b) {
  if constexpr (std::floating_point<T>) {
    return b == 0 ? a / b : floor_quotient_from(std::fmod(a, b), a, b);
  } else if constexpr (std::unsigned_integral<T>) {
    return b == 0 ? T(0) : static_cast<T>(a / b);
  } else {
    if (b == 0) return 0;
    if (b == -1) return wrap_neg(a);
    const T quotient = static_cast<T>(a / b);
    return static_cast<T>(a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient);
  }
}
template <typename T>
BITALE_FUNCTOR T power(T a, T b) {
  if constexpr (std::floating_point<T>) {
    return float_power(a, b);
  } else {
    if constexpr (std::signed_integral<T>) {
      if (b < 0) return a == 1 ? T(1) : a == -1 ? static_cast<T>(b % 2 == 0 ? 1 : -1) : T(0);
    }
    Wide<T> result = 1;
    Wide<T> factor = static_cast<Wide<T>>(a);
    for (Wide<T> rest = static_cast<Wide<T>>(b); rest != 0; rest >>= 1) {
      if ((rest & 1) != 0) result *= factor;
      factor *= factor;
    }
    return static_cast<T>(result);
  }
}

template <typename T>
BITALE_FUNCTOR bool is_nan(T x) {
  if constexpr (std::floating_point<T>)
    return x != x;
  else
    return false;
}
template <typename T>
BITALE_FUNCTOR bool is_inf(T x) {
  if constexpr (std::floating_point<T>)
    return std::fabs(x) == static_cast<T>(INFINITY);
  else
    return false;
}
template <typename T>
BITALE_FUNCTOR T select(bool condition, T a, T b) {
  return condition ? a : b;
}

template <typename T>
BITALE_FUNCTOR T fma(T a, T b, T c) {
  return std::fma(a, b, c);
}
template <typename T>
BITALE_FUNCTOR T sqrt(T x) {
  return std::sqrt(x);
}
template <typename T>
BITALE_FUNCTOR T exp(T x) {
  return float_exp(x);
}
template <typename T>
BITALE_FUNCTOR T expm1(T x) {
  return float_expm1(x);
}
template <typename T>
BITALE_FUNCTOR T log(T x) {
  return float_log(x);
}
template <typename T>
BITALE_FUNCTOR T log1p(T x) {
  return float_log1p(x);
}
template <typename T>
BITALE_FUNCTOR T log2(T x) {
  return float_log2(x);
}
template <typename T>
BITALE_FUNCTOR T log10(T x) {
  return float_log10(x);
}
template <typename T>
BITALE_FUNCTOR T sin(T x) {
  if (!is_huge_angle(x)) return moderate_sin(x);
  return from_bits<T>(to_bits(sine(reduce_huge_angle(magnitude(x)))) ^ sign_bit(x));
}
template <typename T>
BITALE_FUNCTOR T cos(T x) {
  return is_huge_angle(x) ? cosine(reduce_huge_angle(magnitude(x))) : moderate_cos(x);
}
template <typename T>
BITALE_FUNCTOR T tan(T x) {
  if (!is_huge_angle(x)) return moderate_tan(x);
  return from_bits<T>(to_bits(tangent(reduce_huge_angle(magnitude(x)))) ^ sign_bit(x));
}
template <typename T>
BITALE_FUNCTOR T asin(T x) {
  return float_asin(x);
}
template <typename T>
BITALE_FUNCTOR T acos(T x) {
  return float_acos(x);
}
template <typename T>
BITALE_FUNCTOR T atan(T x) {
  return float_atan(x);
}
template <typename T>
BITALE_FUNCTOR T atan2(T y, T x) {
  return float_atan2(y, x);
}
template <typename T>
BITALE_FUNCTOR T sinh(T x) {
  return float_sinh(x);
}
template <typename T>
BITALE_FUNCTOR T cosh(T x) {
  return float_cosh(x);
}
template <typename T>
BITALE_FUNCTOR T tanh(T x) {
  return float_tanh(x);
}
template <typename T>
BITALE_FUNCTOR T erf(T x) {
  return float_erf(x);
}
template <typename T>
BITALE_FUNCTOR T erfc(T x) {
  return float_erfc(x);
}
template <typename T>
BITALE_FUNCTOR T round_even(T x) {
  return std::nearbyint(x);
}
template <typename T>
BITALE_FUNCTOR T floor(T x) {
  return std::floor(x);
}
template <typename T>
BITALE_FUNCTOR T ceil(T x) {
  return std::ceil(x);
}
template <typename T>
BITALE_FUNCTOR T trunc(T x) {
  return std::trunc(x);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_VOCABULARY_CPU_H_
