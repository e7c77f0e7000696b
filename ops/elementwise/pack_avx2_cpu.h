// The words of vocabulary_functors.h for single vectors of AVX2, and packs of four of them.
//
// To be included between HWY_PUSH_ATTRIBUTES("avx2,fma") and HWY_POP_ATTRIBUTES, before any other
// header of functors: what becomes part of code for an instruction set must be made for it.

#ifndef BITALE_OPS_ELEMENTWISE_PACK_AVX2_CPU_H_
#define BITALE_OPS_ELEMENTWISE_PACK_AVX2_CPU_H_

#include <immintrin.h>

#include "ops/elementwise/vocabulary_functors.h"

namespace bitale::scalar {

BITALE_FUNCTOR __m256 fma(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
BITALE_FUNCTOR __m256d fma(__m256d a, __m256d b, __m256d c) { return _mm256_fmadd_pd(a, b, c); }
BITALE_FUNCTOR __m256 sqrt(__m256 x) { return _mm256_sqrt_ps(x); }
BITALE_FUNCTOR __m256d sqrt(__m256d x) { return _mm256_sqrt_pd(x); }
// These give their second operand where one is NaN.
BITALE_FUNCTOR __m256 at_least(__m256 x, __m256 bound) { return _mm256_max_ps(bound, x); }
BITALE_FUNCTOR __m256d at_least(__m256d x, __m256d bound) { return _mm256_max_pd(bound, x); }
BITALE_FUNCTOR __m256 at_most(__m256 x, __m256 bound) { return _mm256_min_ps(bound, x); }
BITALE_FUNCTOR __m256d at_most(__m256d x, __m256d bound) { return _mm256_min_pd(bound, x); }

}  // namespace bitale::scalar

#include "ops/elementwise/pack_cpu.h"

#endif  // BITALE_OPS_ELEMENTWISE_PACK_AVX2_CPU_H_
