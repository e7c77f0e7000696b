// Four vectors as one number, in the words of vocabulary_functors.h.
//
// A function of many steps keeps a processor waiting, as each step needs the last one's result.
// Steps on a pack are its vectors' steps in turns, so that there is always one ready.
//
// To be included by pack_<instruction set>_cpu.h, behind the words for its single vectors.

#ifndef BITALE_OPS_ELEMENTWISE_PACK_CPU_H_
#define BITALE_OPS_ELEMENTWISE_PACK_CPU_H_

#include <cstdint>

#include "ops/elementwise/float_math_functors.h"

namespace bitale::scalar {

// Of floats, or of unsigned integers as wide, in vectors of kBytes.
template <typename T, int kBytes>
struct Pack {
  using Vector __attribute__((vector_size(kBytes))) = T;
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
template <typename T, int kBytes>
struct FloatTraits<Pack<T, kBytes>> : FloatTraits<T> {
  using Bits = Pack<typename FloatTraits<T>::Bits, kBytes>;
};

// Vector by vector: casts of whole packs would pass through memory.
template <typename To, typename From, int kBytes>
struct BitCast<Pack<To, kBytes>, Pack<From, kBytes>> {
  using V = Pack<To, kBytes>::Vector;
  static BITALE_FUNCTOR Pack<To, kBytes> of(Pack<From, kBytes> x) {
    return {V(x.v0), V(x.v1), V(x.v2), V(x.v3)};
  }
};

template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> fma(Pack<T, kBytes> a, Pack<T, kBytes> b, Pack<T, kBytes> c) {
  return {fma(a.v0, b.v0, c.v0), fma(a.v1, b.v1, c.v1), fma(a.v2, b.v2, c.v2),
          fma(a.v3, b.v3, c.v3)};
}
template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> at_least(Pack<T, kBytes> x, Pack<T, kBytes> bound) {
  return {at_least(x.v0, bound.v0), at_least(x.v1, bound.v1), at_least(x.v2, bound.v2),
          at_least(x.v3, bound.v3)};
}
template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> at_most(Pack<T, kBytes> x, Pack<T, kBytes> bound) {
  return {at_most(x.v0, bound.v0), at_most(x.v1, bound.v1), at_most(x.v2, bound.v2),
          at_most(x.v3, bound.v3)};
}
template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> sqrt(Pack<T, kBytes> x) {
  return {sqrt(x.v0), sqrt(x.v1), sqrt(x.v2), sqrt(x.v3)};
}
template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> exp(Pack<T, kBytes> x) {
  return float_exp(x);
}
template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> expm1(Pack<T, kBytes> x) {
  return float_expm1(x);
}
template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> log(Pack<T, kBytes> x) {
  return float_log(x);
}
template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> log1p(Pack<T, kBytes> x) {
  return float_log1p(x);
}
template <typename T, int kBytes>
BITALE_FUNCTOR Pack<T, kBytes> tanh(Pack<T, kBytes> x) {
  return float_tanh(x);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_PACK_CPU_H_
