// Max-pooling of images with channels last, by plain loops. oneDNN 2.6's own takes longer, and in
// training, where it must note the place of each maximum, fifteen times as long.

#ifndef BITALE_TOOLS_BENCH_PEERS_MAX_POOLING_H_
#define BITALE_TOOLS_BENCH_PEERS_MAX_POOLING_H_

#include <cstdint>

#include "nets.h"

namespace peers {

struct MaxPooling {
  int64_t batch;
  int64_t window;
  Maps from;
  Maps to;

  // `places` gets the number of each maximum in its window, as many as there are results.
  void forward(const float* x, float* y, int32_t* places) const;

  // Writes every element of dx that lies in a window.
  void backward(const float* dy, const int32_t* places, float* dx) const;

 private:
  // Where in an image an element of a result's window lies.
  int64_t pixel(int64_t row, int64_t column, int64_t place) const;
};

}  // namespace peers

#endif  // BITALE_TOOLS_BENCH_PEERS_MAX_POOLING_H_
