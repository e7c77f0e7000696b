// Rows that are reduced, and what is made of them, as one node: softmax written out, normalisation,
// sums of what is computed element by element. Made by the row fusion pass alone; its formula is
// the replaced subgraph.

#ifndef BITALE_OPS_REDUCTION_FUSED_ROWS_INTERNAL_H_
#define BITALE_OPS_REDUCTION_FUSED_ROWS_INTERNAL_H_

#include <memory>
#include <string>
#include <vector>

#include "core/graph/op.h"
#include "ops/elementwise/fused_steps_internal.h"

namespace bitale {

// A row is what the last `row_axes` axes hold. Values of the group have either all axes (whole
// rows) or length 1 along the last ones (one number per row).
class FusedRowsOp final : public Op {
 public:
  // Elementwise, or a ReduceOp over the row axes.
  struct Step : FusedStep {
    bool whole = true;   // whole rows, not one number per row
    bool folds = false;  // a ReduceOp
  };
  // Where the length of an axis comes from. Axes count from the end, as negative numbers.
  struct Origin {
    int input = -1;  // -1: the length is 1
    int64_t axis = 0;
  };

  // The last step is the output; a ReduceOp without keepdims can only be that.
  FusedRowsOp(size_t input_count, std::vector<Step> steps, int64_t row_axes);

  std::span<const Step> steps() const { return steps_; }
  size_t input_count() const { return input_count_; }
  int64_t row_axes() const { return row_axes_; }
  Origin origin(int value, int64_t axis) const;

  std::string_view name() const override { return "fused_rows"; }
  Attributes attributes() const override { return {{"row_axes", row_axes_}, {"steps", text_}}; }
  Traits traits() const override { return {.composite = true, .internal = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  bool needs_elements(size_t input) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  Variables formula(std::span<const Variable> inputs) const override;

 private:
  size_t input_count_;
  std::vector<Step> steps_;
  int64_t row_axes_;
  std::string text_;
};

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_FUSED_ROWS_INTERNAL_H_
