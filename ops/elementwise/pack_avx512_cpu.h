// The words of vocabulary_functors.h for single vectors of AVX-512, and packs of four of them.
//
// To be included as pack_avx2_cpu.h, with the attributes of Tile::avx512 (make_tiles_cpu.h).

#ifndef BITALE_OPS_ELEMENTWISE_PACK_AVX512_CPU_H_
#define BITALE_OPS_ELEMENTWISE_PACK_AVX512_CPU_H_

#include <immintrin.h>

#include "ops/elementwise/float_traits_functors.h"
#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

BITALE_FUNCTOR __m512 fma(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
BITALE_FUNCTOR __m512d fma(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }
BITALE_FUNCTOR __m512 sqrt(__m512 x) { return _mm512_mask_sqrt_ps(x, 0xFFFF, x); }
BITALE_FUNCTOR __m512d sqrt(__m512d x) { return _mm512_mask_sqrt_pd(x, 0xFF, x); }
// These give their second operand where one is NaN. With masks that leave nothing out: of the plain
// ones GCC 12 warns that they read what nobody wrote.
BITALE_FUNCTOR __m512 at_least(__m512 x, __m512 bound) {
  return _mm512_mask_max_ps(x, 0xFFFF, bound, x);
}
BITALE_FUNCTOR __m512d at_least(__m512d x, __m512d bound) {
  return _mm512_mask_max_pd(x, 0xFF, bound, x);
}
BITALE_FUNCTOR __m512 at_most(__m512 x, __m512 bound) {
  return _mm512_mask_min_ps(x, 0xFFFF, bound, x);
}
BITALE_FUNCTOR __m512d at_most(__m512d x, __m512d bound) {
  return _mm512_mask_min_pd(x, 0xFF, bound, x);
}

// a 2^n, rounded once.
BITALE_FUNCTOR __m512 scale(__m512 a, __m512 n) { return _mm512_mask_scalef_ps(a, 0xFFFF, a, n); }
BITALE_FUNCTOR __m512d scale(__m512d a, __m512d n) { return _mm512_mask_scalef_pd(a, 0xFF, a, n); }

// As reduce_logarithm() does it, where x is positive and finite.
BITALE_FUNCTOR void split_logarithm(__m512 x, __m512& k, __m512& f) {
  const __m512 one = _mm512_set1_ps(1),
               edge = _mm512_set1_ps(2 * __builtin_bit_cast(float, FloatTraits<float>::kSqrtHalf));
  const __m512 m = _mm512_mask_getmant_ps(x, 0xFFFF, x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src);
  const __mmask16 large = _mm512_cmp_ps_mask(m, edge, _CMP_GE_OQ);
  const __m512 exponent = _mm512_mask_getexp_ps(x, 0xFFFF, x);
  k = _mm512_mask_add_ps(exponent, large, exponent, one);
  f = _mm512_mask_mul_ps(m, large, m, _mm512_set1_ps(0.5)) - one;
}
BITALE_FUNCTOR void split_logarithm(__m512d x, __m512d& k, __m512d& f) {
  const __m512d one = _mm512_set1_pd(1),
                edge =
                    _mm512_set1_pd(2 * __builtin_bit_cast(double, FloatTraits<double>::kSqrtHalf));
  const __m512d m = _mm512_mask_getmant_pd(x, 0xFF, x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src);
  const __mmask8 large = _mm512_cmp_pd_mask(m, edge, _CMP_GE_OQ);
  const __m512d exponent = _mm512_mask_getexp_pd(x, 0xFF, x);
  k = _mm512_mask_add_pd(exponent, large, exponent, one);
  f = _mm512_mask_mul_pd(m, large, m, _mm512_set1_pd(0.5)) - one;
}

// Classes of numbers that have no finite logarithm: all but positive finite ones
// (vfpclass).
constexpr int kWithoutLogarithm = 0xDF;
// What the logarithm is of these (vfixupimm: a digit for each class, from the last one on NaN
// twice, 0, 1, -infinity, infinity, negative and positive numbers): of 0 -infinity (4), of infinity
// infinity (5), else the first operand (0), which is NaN.
constexpr int kLogarithmOfClasses = 0x00500400;
BITALE_FUNCTOR __m512 logarithm_or_special(__m512 x, __m512 of_positive) {
  const __m512 nan = _mm512_set1_ps(FloatTraits<float>::kNaN);
  const __mmask16 is_special = _mm512_fpclass_ps_mask(x, kWithoutLogarithm);
  const __m512 special = _mm512_fixupimm_ps(nan, x, _mm512_set1_epi32(kLogarithmOfClasses), 0);
  return _mm512_mask_mov_ps(of_positive, is_special, special);
}
BITALE_FUNCTOR __m512d logarithm_or_special(__m512d x, __m512d of_positive) {
  const __m512d nan = _mm512_set1_pd(FloatTraits<double>::kNaN);
  const __mmask8 is_special = _mm512_fpclass_pd_mask(x, kWithoutLogarithm);
  const __m512d special = _mm512_fixupimm_pd(nan, x, _mm512_set1_epi64(kLogarithmOfClasses), 0);
  return _mm512_mask_mov_pd(of_positive, is_special, special);
}

}  // namespace bitale::scalar

#include "ops/elementwise/pack_cpu.h"

namespace bitale::scalar {

template <typename T>
BITALE_FUNCTOR Pack<T, 64> times_rounded_power(Pack<T, 64> y, Pack<T, 64> rounded) {
  const Pack<T, 64> n = rounded - Pack<T, 64>(FloatTraits<T>::kRounder);
  return {scale(y.v0, n.v0), scale(y.v1, n.v1), scale(y.v2, n.v2), scale(y.v3, n.v3)};
}
template <typename T>
BITALE_FUNCTOR Pack<T, 64> half_rounded_power(Pack<T, 64> rounded) {
  return times_rounded_power(Pack<T, 64>(T(0.5)), rounded);
}
template <typename T>
BITALE_FUNCTOR ReducedLogarithm<Pack<T, 64>> reduce_logarithm(Pack<T, 64> x) {
  ReducedLogarithm<Pack<T, 64>> reduced;
  split_logarithm(x.v0, reduced.k.v0, reduced.f.v0);
  split_logarithm(x.v1, reduced.k.v1, reduced.f.v1);
  split_logarithm(x.v2, reduced.k.v2, reduced.f.v2);
  split_logarithm(x.v3, reduced.k.v3, reduced.f.v3);
  return reduced;
}
template <typename T>
BITALE_FUNCTOR Pack<T, 64> logarithm_or_special(Pack<T, 64> x, Pack<T, 64> of_positive) {
  return {logarithm_or_special(x.v0, of_positive.v0), logarithm_or_special(x.v1, of_positive.v1),
          logarithm_or_special(x.v2, of_positive.v2), logarithm_or_special(x.v3, of_positive.v3)};
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_PACK_AVX512_CPU_H_
