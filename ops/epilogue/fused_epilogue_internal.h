// A product, a convolution or another node with what is done to each element of its result, as one
// node, made by the fusion pass alone: bias and activation are applied to each part of the result
// while it is in cache. Its formula is the replaced subgraph.

#ifndef BITALE_OPS_EPILOGUE_FUSED_EPILOGUE_INTERNAL_H_
#define BITALE_OPS_EPILOGUE_FUSED_EPILOGUE_INTERNAL_H_

#include <memory>
#include <span>
#include <vector>

#include "ops/elementwise/fused_elementwise_internal.h"

namespace bitale {

// Inputs: those of the producer, then those of the epilogue but for the producer's result. Outputs:
// those of the epilogue, then those of the producer from its second on.
class FusedEpilogueOp final : public Op {
 public:
  // Input `position` of `epilogue` is the first output of `producer`, an op of `producer_inputs`
  // operands. It has the dims, and the dtype, of the epilogue's first output.
  FusedEpilogueOp(std::shared_ptr<const Op> producer, size_t producer_inputs,
                  std::shared_ptr<const FusedElementwiseOp> epilogue, size_t position);

  const Op& producer() const { return *producer_; }
  size_t producer_inputs() const { return producer_inputs_; }
  const FusedElementwiseOp& epilogue() const { return *epilogue_; }
  size_t position() const { return position_; }

  // For each operand of the epilogue, the number of the input that it is, or kProduced.
  static constexpr int kProduced = -1;
  std::vector<int> epilogue_operands() const;

  std::string_view name() const override { return "fused_epilogue"; }
  // The producer and the steps, as text: "dot", "float32 add(0, 1); float32 tanh(2)".
  Attributes attributes() const override;
  Traits traits() const override { return {.composite = true, .internal = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  bool needs_elements(size_t input) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;

 private:
  std::shared_ptr<const Op> producer_;
  size_t producer_inputs_;
  std::shared_ptr<const FusedElementwiseOp> epilogue_;
  size_t position_;
};

}  // namespace bitale

#endif  // BITALE_OPS_EPILOGUE_FUSED_EPILOGUE_INTERNAL_H_
