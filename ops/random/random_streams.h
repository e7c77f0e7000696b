// Random numbers inside a graph: streams whose state is shared and advances with each call.
//
//   RandomStreams streams(/*seed=*/234);
//   Variable mask = streams.bernoulli({batch, 500}, 0.5);
//   auto f = function({x}, x * mask);   // a new mask at each call
//
// Each draw owns a shared state (a Philox4x32-10 key and counter, six uint32 words) whose next
// value is its default update. Draws of one function are independent; within one call all uses of a
// drawn variable see the same numbers. The bits depend on the seed, the order of draws from the
// streams and the shapes only: not on platform, device or thread count. For weights that must equal
// those of a numpy program use RandomState (core/tensor/random_state.h).

#ifndef BITALE_OPS_RANDOM_RANDOM_STREAMS_H_
#define BITALE_OPS_RANDOM_RANDOM_STREAMS_H_

#include <cstdint>

#include "core/base/options.h"
#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// Theano's RandomStreams. Two with one seed draw the same numbers.
//
// Dims are numbers or integer scalars (ShapeError if negative). Parameters are numbers or floating
// Variables that broadcast to `dims`, and gradients flow into them. Samples of uniform and normal
// have `dtype` (float32 or float64, else TypeError), or what it promotes to with their parameters.
class RandomStreams {
 public:
  explicit RandomStreams(uint64_t seed);

  // Uniform between low and high, low included: low + (high - low) * u with u in [0, 1) of 24 bits
  // (float32) or 53 (float64). Rounding may reach high.
  Variable uniform(ShapeItems dims, Operand low = 0.0, Operand high = 1.0, DType dtype = float_x(),
                   SourceSite site = SourceSite::current());

  // mean + stddev * z, with z standard normal. GraphError for a stddev that is a negative number or
  // constant.
  Variable normal(ShapeItems dims, Operand mean = 0.0, Operand stddev = 1.0,
                  DType dtype = float_x(), SourceSite site = SourceSite::current());

  // 1 with probability p, else 0, as any `dtype`. Theano's binomial with n = 1. No gradient.
  // GraphError for a p that is a number or constant outside [0, 1].
  Variable bernoulli(ShapeItems dims, Operand p = 0.5, DType dtype = float_x(),
                     SourceSite site = SourceSite::current());

  // int64 in [low, high), scalars; ExecutionError at a call where low >= high. numpy's integers.
  Variable integers(ShapeItems dims, Operand low, Operand high,
                    SourceSite site = SourceSite::current());

  // 0, ..., n-1 in random order, int64 (n,).
  Variable permutation(ShapeItem n, SourceSite site = SourceSite::current());

  // The states made so far, in order: what a checkpoint keeps so that drawing continues to the same
  // bits.
  const Variables& states() const { return states_; }
  // Puts all states where a new RandomStreams of this seed would have started them.
  void reseed(uint64_t seed);

 private:
  Variable new_state(SourceSite site);

  uint64_t seed_;
  Variables states_;
};

}  // namespace bitale

#endif  // BITALE_OPS_RANDOM_RANDOM_STREAMS_H_
