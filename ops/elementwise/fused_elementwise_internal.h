// A group of elementwise nodes as one node, made by the fusion pass alone. Its formula is the
// replaced subgraph.

#ifndef BITALE_OPS_ELEMENTWISE_FUSED_ELEMENTWISE_INTERNAL_H_
#define BITALE_OPS_ELEMENTWISE_FUSED_ELEMENTWISE_INTERNAL_H_

#include <memory>
#include <string>
#include <vector>

#include "core/graph/known_integer.h"
#include "ops/elementwise/elementwise_op.h"
#include "ops/elementwise/fused_steps_internal.h"

namespace bitale {

class FusedElementwiseOp final : public Op {
 public:
  // Steps are elementwise ops.
  using Step = FusedStep;

  // All steps have one shape. The outputs are the last step, and then those numbered in `kept`.
  FusedElementwiseOp(size_t input_count, std::vector<Step> steps, std::vector<int64_t> kept = {});

  size_t input_count() const { return input_count_; }
  std::span<const Step> steps() const { return steps_; }
  // Numbers of the steps that are outputs, in the outputs' order.
  std::vector<size_t> output_steps() const;

  std::string_view name() const override { return "fused_elementwise"; }
  // The steps as text: "float32 add(0, 1); float32 exp(2)".
  Attributes attributes() const override;
  Traits traits() const override {
    return {.elementwise = true, .composite = true, .internal = true};
  }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  // The dims of every output, where `context` has this op's inputs from number `first_input` on.
  IntExprs output_dims(ShapeContext& context, size_t first_input) const;
  bool needs_elements(size_t input) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;

 private:
  size_t input_count_;
  std::vector<Step> steps_;
  std::vector<int64_t> kept_;
  std::string text_;
};

// Whether an application is elementwise and may be part of a group: integers that may reach a dim
// stay apart, for shape rules must see their values.
bool can_join_group(const Apply& apply);

// The application as a group: its own, or one of a single step. Null where can_join_group() is
// false.
std::shared_ptr<const FusedElementwiseOp> group_of(const Apply& apply);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_FUSED_ELEMENTWISE_INTERNAL_H_
