// The words of vocabulary_functors.h for single vectors of AVX-512, and packs of four of them.
//
// To be included as pack_avx2_cpu.h, with the attributes of Tile::avx512 (make_tiles_cpu.h).

#ifndef BITALE_OPS_ELEMENTWISE_PACK_AVX512_CPU_H_
#define BITALE_OPS_ELEMENTWISE_PACK_AVX512_CPU_H_

#include <immintrin.h>

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

}  // namespace bitale::scalar

#include "ops/elementwise/pack_cpu.h"

#endif  // BITALE_OPS_ELEMENTWISE_PACK_AVX512_CPU_H_
