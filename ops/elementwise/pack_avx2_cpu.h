// Four AVX2 vectors as one number, in the words of vocabulary_functors.h.
//
// A function of many steps keeps a processor waiting, as each step needs the last one's result.
// Steps on a pack are its vectors' steps in turns, so that there is always one ready.
//
// To be included between HWY_PUSH_ATTRIBUTES("avx2,fma") and HWY_POP_ATTRIBUTES, before any other
// header of functors: what becomes part of code for an instruction set must be made for it.

#ifndef BITALE_OPS_ELEMENTWISE_PACK_AVX2_CPU_H_
#define BITALE_OPS_ELEMENTWISE_PACK_AVX2_CPU_H_

#include <immintrin.h>

#include <cstdint>

#include "ops/elementwise/float_math_functors.h"

namespace bitale::scalar {

// Of floats, or of unsigned integers as wide.
template <typename T>
struct Pack {
  using Vector __attribute__((vector_size(32))) = T;
  static constexpr int64_t kSize = 4 * sizeof(Vector) / sizeof(T);
  // All bits of an element are set, or none.
  struct Mask {
    using Vector = decltype(Pack::Vector() < Pack::Vector());
    Vector v0, v1, v2, v3;

    friend BITALE_FUNCTOR Mask operator&(Mask a, Mask b) {
      return {a.v0 & b.v0, a.v1 & b.v1, a.v2 & b.v2, a.v3 & b.v3};
    }
  };

  Vector v0, v1, v2, v3;

  Pack() = default;
  BITALE_FUNCTOR Pack(Vector a, Vector b, Vector c, Vector d) : v0(a), v1(b), v2(c), v3(d) {}
  // The same in every element.
  BITALE_FUNCTOR explicit Pack(T x) : v0(x - Vector{}), v1(v0), v2(v0), v3(v0) {}

  static BITALE_FUNCTOR Pack load(const T* from) {
    constexpr int64_t kLanes = kSize / 4;
    return {read(from), read(from + kLanes), read(from + 2 * kLanes), read(from + 3 * kLanes)};
  }
  BITALE_FUNCTOR void store(T* to) const {
    constexpr int64_t kLanes = kSize / 4;
    __builtin_memcpy(to, &v0, sizeof(v0));
    __builtin_memcpy(to + kLanes, &v1, sizeof(v1));
    __builtin_memcpy(to + 2 * kLanes, &v2, sizeof(v2));
    __builtin_memcpy(to + 3 * kLanes, &v3, sizeof(v3));
  }

  friend BITALE_FUNCTOR Pack operator+(Pack a, Pack b) {
    return {a.v0 + b.v0, a.v1 + b.v1, a.v2 + b.v2, a.v3 + b.v3};
  }
  friend BITALE_FUNCTOR Pack operator-(Pack a, Pack b) {
    return {a.v0 - b.v0, a.v1 - b.v1, a.v2 - b.v2, a.v3 - b.v3};
  }
  friend BITALE_FUNCTOR Pack operator-(Pack a) { return {-a.v0, -a.v1, -a.v2, -a.v3}; }
  friend BITALE_FUNCTOR Pack operator*(Pack a, Pack b) {
    return {a.v0 * b.v0, a.v1 * b.v1, a.v2 * b.v2, a.v3 * b.v3};
  }
  friend BITALE_FUNCTOR Pack operator/(Pack a, Pack b) {
    return {a.v0 / b.v0, a.v1 / b.v1, a.v2 / b.v2, a.v3 / b.v3};
  }
  friend BITALE_FUNCTOR Pack operator&(Pack a, Pack b) {
    return {a.v0 & b.v0, a.v1 & b.v1, a.v2 & b.v2, a.v3 & b.v3};
  }
  friend BITALE_FUNCTOR Pack operator|(Pack a, Pack b) {
    return {a.v0 | b.v0, a.v1 | b.v1, a.v2 | b.v2, a.v3 | b.v3};
  }
  friend BITALE_FUNCTOR Pack operator^(Pack a, Pack b) {
    return {a.v0 ^ b.v0, a.v1 ^ b.v1, a.v2 ^ b.v2, a.v3 ^ b.v3};
  }
  friend BITALE_FUNCTOR Pack operator<<(Pack a, int n) {
    return {a.v0 << n, a.v1 << n, a.v2 << n, a.v3 << n};
  }
  friend BITALE_FUNCTOR Pack operator>>(Pack a, int n) {
    return {a.v0 >> n, a.v1 >> n, a.v2 >> n, a.v3 >> n};
  }

  friend BITALE_FUNCTOR Mask operator<(Pack a, Pack b) {
    return {a.v0 < b.v0, a.v1 < b.v1, a.v2 < b.v2, a.v3 < b.v3};
  }
  friend BITALE_FUNCTOR Mask operator>(Pack a, Pack b) { return b < a; }
  friend BITALE_FUNCTOR Mask operator>=(Pack a, Pack b) {
    return {a.v0 >= b.v0, a.v1 >= b.v1, a.v2 >= b.v2, a.v3 >= b.v3};
  }
  friend BITALE_FUNCTOR Mask operator==(Pack a, Pack b) {
    return {a.v0 == b.v0, a.v1 == b.v1, a.v2 == b.v2, a.v3 == b.v3};
  }
  friend BITALE_FUNCTOR Pack select(Mask m, Pack a, Pack b) {
    return {m.v0 ? a.v0 : b.v0, m.v1 ? a.v1 : b.v1, m.v2 ? a.v2 : b.v2, m.v3 ? a.v3 : b.v3};
  }

 private:
  static BITALE_FUNCTOR Vector read(const T* from) {
    Vector v;
    __builtin_memcpy(&v, from, sizeof(v));
    return v;
  }
};

// The constants of a pack are its elements'.
template <typename T>
struct FloatTraits<Pack<T>> : FloatTraits<T> {
  using Bits = Pack<typename FloatTraits<T>::Bits>;
};

// Vector by vector: casts of whole packs would pass through memory.
template <typename To, typename From>
struct BitCast<Pack<To>, Pack<From>> {
  using V = Pack<To>::Vector;
  static BITALE_FUNCTOR Pack<To> of(Pack<From> x) { return {V(x.v0), V(x.v1), V(x.v2), V(x.v3)}; }
};

BITALE_FUNCTOR __m256 fma(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
BITALE_FUNCTOR __m256d fma(__m256d a, __m256d b, __m256d c) { return _mm256_fmadd_pd(a, b, c); }
// These give their second operand where one is NaN.
BITALE_FUNCTOR __m256 at_least(__m256 x, __m256 bound) { return _mm256_max_ps(bound, x); }
BITALE_FUNCTOR __m256d at_least(__m256d x, __m256d bound) { return _mm256_max_pd(bound, x); }
BITALE_FUNCTOR __m256 at_most(__m256 x, __m256 bound) { return _mm256_min_ps(bound, x); }
BITALE_FUNCTOR __m256d at_most(__m256d x, __m256d bound) { return _mm256_min_pd(bound, x); }

template <typename T>
BITALE_FUNCTOR Pack<T> fma(Pack<T> a, Pack<T> b, Pack<T> c) {
  return {fma(a.v0, b.v0, c.v0), fma(a.v1, b.v1, c.v1), fma(a.v2, b.v2, c.v2),
          fma(a.v3, b.v3, c.v3)};
}
template <typename T>
BITALE_FUNCTOR Pack<T> at_least(Pack<T> x, Pack<T> bound) {
  return {at_least(x.v0, bound.v0), at_least(x.v1, bound.v1), at_least(x.v2, bound.v2),
          at_least(x.v3, bound.v3)};
}
template <typename T>
BITALE_FUNCTOR Pack<T> at_most(Pack<T> x, Pack<T> bound) {
  return {at_most(x.v0, bound.v0), at_most(x.v1, bound.v1), at_most(x.v2, bound.v2),
          at_most(x.v3, bound.v3)};
}
template <typename T>
BITALE_FUNCTOR Pack<T> exp(Pack<T> x) {
  return float_exp(x);
}
template <typename T>
BITALE_FUNCTOR Pack<T> expm1(Pack<T> x) {
  return float_expm1(x);
}
template <typename T>
BITALE_FUNCTOR Pack<T> log(Pack<T> x) {
  return float_log(x);
}
template <typename T>
BITALE_FUNCTOR Pack<T> log1p(Pack<T> x) {
  return float_log1p(x);
}
template <typename T>
BITALE_FUNCTOR Pack<T> tanh(Pack<T> x) {
  return float_tanh(x);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_PACK_AVX2_CPU_H_
