// A draw as a pure function: (state, parameters, dims) -> (next state, sample). RandomStreams
// builds it; use it directly to thread a state through a graph by hand.

#ifndef BITALE_OPS_RANDOM_RANDOM_DRAW_H_
#define BITALE_OPS_RANDOM_RANDOM_DRAW_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/tensor/tensor.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// How the words of a state become a sample, in row-major order. Word i is word i % 4 of the block
// at the state's counter + i / 4; a sample starts at a new block.
enum class Distribution : uint8_t {
  // [0, 1): float32 of the upper 24 bits of one word, float64 of the upper 53 of two.
  kUniform,
  // Standard: elements 2i and 2i+1 by Box and Muller from two words (float32) or four (float64).
  kNormal,
  // int64 in [low, high): low plus the upper half of 64 bits times (high - low).
  kIntegers,
  // int64: the stable order of n 64-bit numbers.
  kPermutation,
};

struct DrawResult {
  Variable next_state;
  Variable sample;
};

// Draws from `state`, a uint32 vector of 6 words: key (2) and counter (4). `dtype` is float32 or
// float64 for kUniform and kNormal, int64 for the others; kIntegers takes `low` and `high`, int64
// scalars; kPermutation takes one dim. TypeError, ShapeError otherwise.
DrawResult draw(Distribution distribution, const Variable& state, const ShapeItems& dims,
                DType dtype, const Variables& parameters = {},
                SourceSite site = SourceSite::current());

// The state of stream number `index` of a seed: the key is two words of Philox at counter `index`
// under the seed as key, the counter is 0.
Tensor initial_random_state(uint64_t seed, uint64_t index);

class RandomDrawOp final : public Op {
 public:
  RandomDrawOp(Distribution distribution, DType dtype, std::vector<int64_t> lengths)
      : distribution_(distribution), dtype_(dtype), lengths_(std::move(lengths)) {}

  Distribution distribution() const { return distribution_; }
  DType dtype() const { return dtype_; }

  std::string_view name() const override;
  Attributes attributes() const override { return {{"dtype", dtype_}, {"dims", lengths_}}; }
  Traits traits() const override;
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  bool needs_elements(size_t input) const override { return input < first_length(); }
  // Nothing flows through a state; parameters enter by arithmetic on the sample.
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  // Operands before the lengths: the state, and the parameters.
  size_t first_length() const { return distribution_ == Distribution::kIntegers ? 3 : 1; }

  Distribution distribution_;
  DType dtype_;
  std::vector<int64_t> lengths_;
};

}  // namespace bitale

#endif  // BITALE_OPS_RANDOM_RANDOM_DRAW_H_
