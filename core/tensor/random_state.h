// numpy's legacy generator, numpy.random.RandomState(seed): the same numbers to the bit.
//
// For initial weights and data sets that must equal those of a numpy program. Draws inside a graph
// come from RandomStreams (ops/random/random_streams.h) instead. Not for use by two threads at
// once.

#ifndef BITALE_CORE_TENSOR_RANDOM_STATE_H_
#define BITALE_CORE_TENSOR_RANDOM_STATE_H_

#include <array>
#include <cstdint>

#include "core/tensor/tensor.h"

namespace bitale {

// MT19937 with numpy's legacy distributions. Copies continue apart from each other.
//
// Results are contiguous CPU tensors, float64 or int64 as in numpy; shapes may be {} for one
// number. Throws Error for parameters that numpy refuses, ShapeError for negative lengths.
class RandomState {
 public:
  explicit RandomState(uint32_t seed);

  // Uniform in [0, 1). numpy.random.RandomState.random_sample.
  Tensor random_sample(Dims shape);
  // The same under numpy's other name: rand({3, 2}) is rand(3, 2).
  Tensor rand(Dims shape) { return random_sample(std::move(shape)); }
  // Uniform in [low, high).
  Tensor uniform(double low, double high, Dims shape);
  // Normal, by the polar form of Box and Muller; each second number waits for the next draw.
  // Error if scale < 0.
  Tensor normal(double loc, double scale, Dims shape);
  // normal(0, 1, shape).
  Tensor standard_normal(Dims shape) { return normal(0, 1, std::move(shape)); }
  // numpy's randn(3, 2) is randn({3, 2}).
  Tensor randn(Dims shape) { return normal(0, 1, std::move(shape)); }
  // Integers in [low, high), int64. Error unless low < high.
  Tensor randint(int64_t low, int64_t high, Dims shape);

  // 0, ..., n-1 in random order, int64.
  Tensor permutation(int64_t n);
  // The rows (along axis 0) of `values` in random order, copied. ShapeError for rank 0.
  Tensor permutation(const Tensor& values);
  // Puts the rows (along axis 0) of `values` into random order, in place. ShapeError for rank 0.
  void shuffle(const Tensor& values);
  // Integers in [0, n), int64: with replacement, or all different. Error if there are not enough.
  Tensor choice(int64_t n, Dims shape, bool replace = true);
  // Integers in [0, p.size()) with probabilities `p` (a vector; cast to float64), with replacement.
  // Error unless they are not negative and sum to 1.
  Tensor choice(const Tensor& p, Dims shape);

 private:
  uint32_t next32();
  uint64_t next64();
  double next_double();
  double next_gauss();
  // Uniform in [0, max], by rejection under the smallest mask that holds max.
  uint64_t next_in(uint64_t max);

  std::array<uint32_t, 624> key_;
  int position_ = 624;
  bool has_gauss_ = false;
  double gauss_ = 0;
};

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_RANDOM_STATE_H_
