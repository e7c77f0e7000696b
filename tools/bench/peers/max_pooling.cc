#include "max_pooling.h"

namespace peers {

int64_t MaxPooling::pixel(int64_t row, int64_t column, int64_t place) const {
  return ((row * window + place / window) * from.width + column * window + place % window) *
         from.channels;
}

void MaxPooling::forward(const float* x, float* y, int32_t* places) const {
#pragma omp parallel for if (batch > 1)
  for (int64_t i = 0; i < batch; ++i) {
    const float* const image = x + i * from.size();
    for (int64_t row = 0; row < to.height; ++row) {
      for (int64_t column = 0; column < to.width; ++column) {
        const int64_t at = ((i * to.height + row) * to.width + column) * to.channels;
        const float* const first = image + pixel(row, column, 0);
        float* const best = y + at;
        int32_t* const where = places + at;
        for (int64_t c = 0; c < to.channels; ++c) {
          best[c] = first[c];
          where[c] = 0;
        }
        for (int32_t place = 1; place < window * window; ++place) {
          const float* const values = image + pixel(row, column, place);
#pragma omp simd
          for (int64_t c = 0; c < to.channels; ++c) {
            const bool larger = values[c] > best[c];
            best[c] = larger ? values[c] : best[c];
            where[c] = larger ? place : where[c];
          }
        }
      }
    }
  }
}

void MaxPooling::backward(const float* dy, const int32_t* places, float* dx) const {
#pragma omp parallel for if (batch > 1)
  for (int64_t i = 0; i < batch; ++i) {
    float* const image = dx + i * from.size();
    for (int64_t row = 0; row < to.height; ++row) {
      for (int64_t column = 0; column < to.width; ++column) {
        const int64_t at = ((i * to.height + row) * to.width + column) * to.channels;
        for (int32_t place = 0; place < window * window; ++place) {
          float* const gradients = image + pixel(row, column, place);
#pragma omp simd
          for (int64_t c = 0; c < to.channels; ++c) {
            gradients[c] = places[at + c] == place ? dy[at + c] : 0;
          }
        }
      }
    }
  }
}

}  // namespace peers
