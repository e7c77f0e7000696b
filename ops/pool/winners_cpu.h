// Where the maxima of an image's pooling windows stand.

#ifndef BITALE_OPS_POOL_WINNERS_CPU_H_
#define BITALE_OPS_POOL_WINNERS_CPU_H_

#include <cstdint>

#include "ops/pool/pool_cpu.h"

namespace bitale::pool_cpu {

// Position in the image of a window's maximum: the first, but a NaN before all numbers.
template <typename T>
int64_t argmax(const Lengths& l, const Window& w, const T* image) {
  int64_t best = w.top * l.width + w.left;
  for (int64_t y = w.top; y < w.bottom; ++y) {
    for (int64_t x = w.left; x < w.right; ++x) {
      const int64_t at = y * l.width + x;
      best = wins(image[at], image[best]) ? at : best;
    }
  }
  return best;
}

// argmax() of each window of a plane, in row-major order. T is float or double.
template <typename T>
void find_winners(const Lengths& l, const T* image, int32_t* winners);
template <>
void find_winners(const Lengths& l, const float* image, int32_t* winners);
template <>
void find_winners(const Lengths& l, const double* image, int32_t* winners);

}  // namespace bitale::pool_cpu

#endif  // BITALE_OPS_POOL_WINNERS_CPU_H_
