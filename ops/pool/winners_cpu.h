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

// Whether all windows are whole ones of 2 by 2, side by side.
inline bool are_2x2(const Lengths& l) {
  const PoolWindow& w = l.window;
  return w.ws[0] == 2 && w.ws[1] == 2 && w.stride[0] == 2 && w.stride[1] == 2 && w.pad[0] == 0 &&
         w.pad[1] == 0 && 2 * l.output_height <= l.height && 2 * l.output_width <= l.width;
}

// argmax() of each window of a plane, in row-major order.
template <typename T>
void find_winners(const Lengths& l, const T* image, int32_t* winners) {
  if (!are_2x2(l)) {
    l.for_each_window([&](const Window& w, int64_t position) {
      winners[position] = static_cast<int32_t>(argmax(l, w, image));
    });
    return;
  }
  for (int64_t row = 0; row < l.output_height; ++row) {
    const T* upper = image + 2 * row * l.width;
    const T* lower = upper + l.width;
    const auto first = static_cast<int32_t>(2 * row * l.width);
    const auto width = static_cast<int32_t>(l.width);
    for (int64_t i = 0; i < l.output_width; ++i) {
      const T a = upper[2 * i], b = upper[2 * i + 1], c = lower[2 * i], d = lower[2 * i + 1];
      const bool b_wins = wins(b, a), d_wins = wins(d, c);
      const bool below = wins(d_wins ? d : c, b_wins ? b : a);
      const int32_t across = below ? int32_t{d_wins} : int32_t{b_wins};
      winners[i] = first + 2 * static_cast<int32_t>(i) + (below ? width : 0) + across;
    }
    winners += l.output_width;
  }
}

}  // namespace bitale::pool_cpu

#endif  // BITALE_OPS_POOL_WINNERS_CPU_H_
