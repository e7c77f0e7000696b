// Choices between computed numbers by masks of bits. A compiler moves what only one side of a `?:`
// needs into a branch, and then makes no vector code of the loop around it.

#ifndef BITALE_OPS_ELEMENTWISE_BLEND_FUNCTORS_H_
#define BITALE_OPS_ELEMENTWISE_BLEND_FUNCTORS_H_

#include "ops/elementwise/float_math_functors.h"

namespace bitale::scalar {

// All bits where bit number kBit of `word` is set, else none.
template <unsigned kBit, typename Bits>
BITALE_FUNCTOR Bits mask_of_bit(Bits word) {
  return Bits(0) - ((word >> kBit) & Bits(1));
}

// a where the mask has all bits, b where it has none.
template <typename T>
BITALE_FUNCTOR T blend(BitsOf<T> mask, T a, T b) {
  return from_bits<T>((to_bits(a) & mask) | (to_bits(b) & ~mask));
}

// a or b.
template <typename T>
BITALE_FUNCTOR T choose(bool condition, T a, T b) {
  return blend(condition ? ~BitsOf<T>(0) : BitsOf<T>(0), a, b);
}

}  // namespace bitale::scalar

#endif  // BITALE_OPS_ELEMENTWISE_BLEND_FUNCTORS_H_
