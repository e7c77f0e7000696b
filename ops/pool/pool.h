// Pooling: the maximum, sum, average or root of squares of each window of an image.
//
// Works on the last two axes; any number of leading axes. float32 and float64 have kernels, and
// max-pooling the discrete dtypes too.

#ifndef BITALE_OPS_POOL_POOL_H_
#define BITALE_OPS_POOL_POOL_H_

#include <array>
#include <cstdint>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

enum class PoolMode : uint8_t {
  kMax,  // NaN wins; the gradient goes to the first maximum in row-major order
  kSum,
  kAverageIncPad,  // divided by the window's size, padding included
  kAverageExcPad,  // divided by the number of real elements in the window
  kL2,             // square root of the sum of squares; derivative 0 where all elements are 0
};

struct PoolOptions {
  // true: windows that stick out of the (padded) image are left out; false: they are kept, cut at
  // the edge. Theano's ignore_border.
  bool ignore_border = true;
  // Step between windows, down and across; {0, 0} for the window's size.
  std::array<int64_t, 2> stride = {0, 0};
  // Rows above and below, columns left and right, of padding that never wins and adds nothing.
  std::array<int64_t, 2> pad = {0, 0};
  PoolMode mode = PoolMode::kMax;
};

// Theano's pool_2d: x (..., h, w), windows of ws[0] rows and ws[1] columns -> (..., oh, ow). With
// ignore_border oh = (h + 2 pad - ws) / stride + 1 rounded down (0 if negative), else rounded up.
// ShapeError below rank 2; GraphError for windows or strides that are not positive, a pad as large
// as the window, or a pad without ignore_border; TypeError unless the dtype is floating (kMax:
// any).
Variable pool_2d(Operand x, std::array<int64_t, 2> ws, const PoolOptions& options = {});

// The tutorial's spelling: max-pooling with the window's size as the stride.
Variable max_pool_2d(Operand x, std::array<int64_t, 2> ds, bool ignore_border);

// The gradient of <output_grad, max_pool(x)> for x: each element of output_grad (..., oh, ow) is
// added where its window's maximum stood in x (..., h, w).
Variable max_pool_grad(Operand x, Operand output_grad, std::array<int64_t, 2> ws,
                       const PoolOptions& options = {});
// values (..., h, w) where the maxima of x's windows stand -> (..., oh, ow): the transpose of
// max_pool_grad.
Variable max_pool_gather(Operand x, Operand values, std::array<int64_t, 2> ws,
                         const PoolOptions& options = {});

// --- Op classes, for rules and kernels -----------------------------------------------------------

// Window arithmetic, resolved from the options.
struct PoolWindow {
  std::array<int64_t, 2> ws;
  std::array<int64_t, 2> stride;
  std::array<int64_t, 2> pad;
  bool ignore_border;

  // Number of windows along axis 0 (height) or 1 (width) of this length.
  int64_t output_length(size_t axis, int64_t length) const;
};

class PoolBaseOp : public Op {
 public:
  explicit PoolBaseOp(const PoolWindow& window) : window_(window) {}
  Attributes attributes() const override;
  const PoolWindow& window() const { return window_; }

 protected:
  PoolWindow window_;
};

// Input: x.
class MaxPoolOp final : public PoolBaseOp {
 public:
  using PoolBaseOp::PoolBaseOp;
  std::string_view name() const override { return "max_pool"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

// Inputs: x, output_grad.
class MaxPoolGradOp final : public PoolBaseOp {
 public:
  using PoolBaseOp::PoolBaseOp;
  std::string_view name() const override { return "max_pool_grad"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

// Inputs: x, values.
class MaxPoolGatherOp final : public PoolBaseOp {
 public:
  using PoolBaseOp::PoolBaseOp;
  std::string_view name() const override { return "max_pool_gather"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

// Sum and both averages. Input: x.
class AveragePoolOp final : public PoolBaseOp {
 public:
  AveragePoolOp(const PoolWindow& window, PoolMode mode) : PoolBaseOp(window), mode_(mode) {}
  std::string_view name() const override { return "average_pool"; }
  Attributes attributes() const override;
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  PoolMode mode() const { return mode_; }

 private:
  PoolMode mode_;
};

// The transpose of AveragePoolOp. Inputs: output_grad, and height and width of the result (integer
// scalars).
class AveragePoolGradOp final : public PoolBaseOp {
 public:
  AveragePoolGradOp(const PoolWindow& window, PoolMode mode) : PoolBaseOp(window), mode_(mode) {}
  std::string_view name() const override { return "average_pool_grad"; }
  Attributes attributes() const override;
  bool needs_elements(size_t input) const override { return input == 0; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
  PoolMode mode() const { return mode_; }

 private:
  PoolMode mode_;
};

}  // namespace bitale

#endif  // BITALE_OPS_POOL_POOL_H_
