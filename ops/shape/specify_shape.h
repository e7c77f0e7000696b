// What the user knows of dims that types do not say, checked at every call; and forgetting it.

#ifndef BITALE_OPS_SHAPE_SPECIFY_SHAPE_H_
#define BITALE_OPS_SHAPE_SPECIFY_SHAPE_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// Theano's specify_shape: `x` with its dims narrowed by `dims`, one per axis (unknown: nothing
// new). ShapeError when built if the ranks differ or a dim contradicts the type, at a call if a
// fixed length is another. A view.
Variable specify_shape(Operand x, SymbolicDims dims);

// Theano's addbroadcast: `x` with the given axes fixed at length 1, so that they broadcast.
// ShapeError when built if the type contradicts, at a call if the length is another.
Variable broadcastable(Operand x, std::vector<int64_t> axes);
inline Variable broadcastable(Operand x, int64_t axis) {
  return broadcastable(x, std::vector<int64_t>{axis});
}

// Theano's unbroadcast: `x` with the given axes of unknown length, so that they do not broadcast.
Variable unbroadcast(Operand x, std::vector<int64_t> axes);
inline Variable unbroadcast(Operand x, int64_t axis) {
  return unbroadcast(x, std::vector<int64_t>{axis});
}

class SpecifyShapeOp final : public Op {
 public:
  explicit SpecifyShapeOp(SymbolicDims dims) : dims_(std::move(dims)) {}

  const SymbolicDims& dims() const { return dims_; }

  std::string_view name() const override { return "specify_shape"; }
  Attributes attributes() const override { return {{"dims", to_string(dims_)}}; }
  Traits traits() const override { return {.view = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  std::optional<ViewOutput> view(const ViewInput& input, const Dims& output_shape,
                                 ShapeContext& context) const override;

 private:
  SymbolicDims dims_;
};

class UnbroadcastOp final : public Op {
 public:
  explicit UnbroadcastOp(std::vector<int64_t> axes) : axes_(std::move(axes)) {}

  std::string_view name() const override { return "unbroadcast"; }
  Attributes attributes() const override { return {{"axes", axes_}}; }
  Traits traits() const override { return {.view = true}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  std::optional<ViewOutput> view(const ViewInput& input, const Dims& output_shape,
                                 ShapeContext& context) const override;

 private:
  std::vector<int64_t> axes_;
};

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_SPECIFY_SHAPE_H_
