// Reductions over leading axes, and the elementwise nodes that they reduce, as one node: the means
// and variances of batch normalisation, the sums behind gradients of what was repeated. Made by the
// fold fusion pass alone; its formula is the replaced subgraph.

#ifndef BITALE_OPS_REDUCTION_FUSED_FOLDS_INTERNAL_H_
#define BITALE_OPS_REDUCTION_FUSED_FOLDS_INTERNAL_H_

#include <span>
#include <string>
#include <vector>

#include "core/graph/op.h"
#include "ops/elementwise/fused_steps_internal.h"
#include "ops/reduction/reduction.h"

namespace bitale {

// Values are numbered: inputs first, then one per step. Each fold makes one output of one value.
class FusedFoldsOp final : public Op {
 public:
  // More would have more accumulators than the first cache has room for.
  static constexpr size_t kMostFolds = 4;

  // `steps` are elementwise and of one shape. Each of `folds` is a ReduceOp, over the same axes of
  // a step or of an input of that shape.
  FusedFoldsOp(size_t input_count, std::vector<FusedStep> steps, std::vector<FusedStep> folds);

  size_t input_count() const { return input_count_; }
  std::span<const FusedStep> steps() const { return steps_; }
  std::span<const FusedStep> folds() const { return folds_; }
  const ReduceOp& reduction(size_t fold) const {
    return static_cast<const ReduceOp&>(*folds_[fold].op);
  }

  std::string_view name() const override { return "fused_folds"; }
  Attributes attributes() const override {
    return {{"steps", steps_text_}, {"folds", folds_text_}};
  }
  Traits traits() const override { return {.composite = true, .internal = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  bool needs_elements(size_t input) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;

 private:
  size_t input_count_;
  std::vector<FusedStep> steps_;
  std::vector<FusedStep> folds_;
  std::string steps_text_;
  std::string folds_text_;
};

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_FUSED_FOLDS_INTERNAL_H_
