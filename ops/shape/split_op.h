// The op behind split().

#ifndef BITALE_OPS_SHAPE_SPLIT_OP_H_
#define BITALE_OPS_SHAPE_SPLIT_OP_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/dim.h"
#include "core/graph/op.h"

namespace bitale {

// The tensor that split() takes parts of, after checking that all parts together are as long as its
// axis. Operands: the tensor, then the lengths that are no numbers.
class SplitOp final : public Op {
 public:
  // `axis` is not negative, `lengths` are as encode_lengths() gives them.
  SplitOp(int64_t axis, std::vector<int64_t> lengths) : axis_(axis), lengths_(std::move(lengths)) {}

  std::string_view name() const override { return "split"; }
  Attributes attributes() const override { return {{"axis", axis_}, {"lengths", lengths_}}; }
  Traits traits() const override { return {.view = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  std::optional<ViewOutput> view(const ViewInput& input, const Dims& output_shape,
                                 ShapeContext& context) const override;

 private:
  // The lengths as far as they are numbers.
  SymbolicDims known_lengths() const;

  int64_t axis_;
  std::vector<int64_t> lengths_;
};

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_SPLIT_OP_H_
