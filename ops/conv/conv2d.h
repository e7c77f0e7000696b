// Two-dimensional convolution, and its two gradients as operations of their own.
//
// All three are bilinear and closed under differentiation: the gradient of each is made of the
// other two, so gradients of any order exist. Tensors are (batch, channels, height, width), filters
// (filters, channels / num_groups, height, width). float32 and float64 have kernels.

#ifndef BITALE_OPS_CONV_CONV2D_H_
#define BITALE_OPS_CONV_CONV2D_H_

#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/graph/op.h"
#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// How far the image is extended with zeros: {.border_mode = "full"}, {.border_mode = {1, 2}},
// {.border_mode = {{top, bottom}, {left, right}}}.
class BorderMode {
 public:
  enum class Kind : uint8_t {
    kValid,     // no padding: output = input - filter + 1
    kFull,      // filter - 1 on each side: output = input + filter - 1
    kHalf,      // filter / 2 on each side: output = input for odd filters
    kExplicit,  // the given number of rows and columns
  };

  BorderMode() = default;
  // "valid", "full" or "half" (which keeps the size for odd filters). GraphError for another name.
  BorderMode(const char* name,
             SourceSite site = SourceSite::current())  // NOLINT: reads as an option
      : BorderMode(std::string_view(name), site) {}
  BorderMode(std::string_view name, SourceSite site = SourceSite::current());  // NOLINT
  // This many rows and columns on every side. GraphError if negative.
  template <std::integral T>
  BorderMode(T pad, SourceSite site = SourceSite::current())  // NOLINT
      : BorderMode(static_cast<int64_t>(pad), static_cast<int64_t>(pad), site) {}
  // Rows above and below, columns left and right.
  BorderMode(int64_t height, int64_t width, SourceSite site = SourceSite::current());
  BorderMode(std::pair<int64_t, int64_t> top_bottom, std::pair<int64_t, int64_t> left_right,
             SourceSite site = SourceSite::current());

  Kind kind() const { return kind_; }
  // Rows or columns before (side 0) and after (side 1) the image on axis 0 (height) or 1 (width),
  // for a filter that covers `extent` of them (its dilation included).
  int64_t pad(size_t axis, size_t side, int64_t extent) const;
  // The explicit pads: top, bottom, left, right; zeros for the other kinds.
  const std::array<int64_t, 4>& pads() const { return pads_; }

 private:
  Kind kind_ = Kind::kValid;
  std::array<int64_t, 4> pads_ = {0, 0, 0, 0};
};

struct Conv2dOptions {
  BorderMode border_mode = {};
  // Step between windows, down and across.
  std::array<int64_t, 2> subsample = {1, 1};
  // Distance between neighbouring taps of a filter, down and across.
  std::array<int64_t, 2> filter_dilation = {1, 1};
  // Channels and filters fall into this many groups; filters see the channels of their own group.
  int64_t num_groups = 1;
  // True convolution, as Theano's default; false for cross-correlation.
  bool filter_flip = true;
};

// Theano's nnet.conv2d: input (n, c, h, w), filters (f, c / groups, kh, kw) -> (n, f, oh, ow) with
// oh = (h + pads - ((kh - 1) * dilation + 1)) / subsample + 1. Dims of the result are fixed where
// those they come from are. ShapeError for other ranks, differing channels, filters not divisible
// into the groups, or a filter larger than the padded input; TypeError for discrete dtypes;
// GraphError for options that are not positive.
Variable conv2d(Operand input, Operand filters, const Conv2dOptions& options = {});

// The gradient of <output_grad, conv2d(input, filters)> for the input, whose height and width are
// given as numbers or integer scalars (shape(x, 2), for one): output_grad (n, f, oh, ow), filters
// (f, c / groups, kh, kw) -> (n, c, h, w). Theano's conv2d_grad_wrt_inputs, known also as
// transposed convolution. ShapeError if output_grad has not the size that conv2d would give.
Variable conv2d_grad_wrt_inputs(Operand output_grad, Operand filters, ShapeItem height,
                                ShapeItem width, const Conv2dOptions& options = {});

// The gradient for the filters, whose height and width are given: input (n, c, h, w), output_grad
// (n, f, oh, ow) -> (f, c / groups, kh, kw). Theano's conv2d_grad_wrt_weights.
Variable conv2d_grad_wrt_weights(Operand input, Operand output_grad, ShapeItem height,
                                 ShapeItem width, const Conv2dOptions& options = {});

// --- Op classes, for rules and kernels -----------------------------------------------------------

// What the three share.
class Conv2dBaseOp : public Op {
 public:
  explicit Conv2dBaseOp(const Conv2dOptions& options) : options_(options) {}
  Attributes attributes() const override;
  const Conv2dOptions& options() const { return options_; }

 protected:
  Conv2dOptions options_;
};

// Inputs: input, filters.
class Conv2dOp final : public Conv2dBaseOp {
 public:
  using Conv2dBaseOp::Conv2dBaseOp;
  std::string_view name() const override { return "conv2d"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

// Inputs: output_grad, filters, height, width.
class Conv2dGradInputsOp final : public Conv2dBaseOp {
 public:
  using Conv2dBaseOp::Conv2dBaseOp;
  std::string_view name() const override { return "conv2d_grad_wrt_inputs"; }
  bool needs_elements(size_t input) const override { return input < 2; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

// Inputs: input, output_grad, height, width.
class Conv2dGradWeightsOp final : public Conv2dBaseOp {
 public:
  using Conv2dBaseOp::Conv2dBaseOp;
  std::string_view name() const override { return "conv2d_grad_wrt_weights"; }
  bool needs_elements(size_t input) const override { return input < 2; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

}  // namespace bitale

#endif  // BITALE_OPS_CONV_CONV2D_H_
