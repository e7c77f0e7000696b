#include "core/runtime/copy_kernel.h"

#include "core/runtime/thread_pool.h"
#include "core/tensor/tensor.h"

namespace bitale {
namespace {

// Blocks of at least this many elements are worth another thread.
constexpr int64_t kElementsPerBlock = int64_t{1} << 16;

class CopyKernel final : public Kernel {
 public:
  CopyKernel(DType dtype, const Dims& shape, const Dims& strides)
      : dtype_(dtype), shape_(shape), strides_(strides), out_strides_(contiguous_strides(shape)) {
    if (shape_.empty()) return;
    rows_shape_ = shape_;
    const int64_t per_row = shape_[0] == 0 ? 1 : element_count(shape_) / shape_[0];
    rows_per_block_ = per_row == 0 ? 1 : (kElementsPerBlock + per_row - 1) / per_row;
  }

  void run(const KernelFrame& frame) const override {
    if (shape_.empty()) {
      copy_strided(shape_, dtype_, frame.outputs[0], out_strides_, dtype_, frame.inputs[0],
                   strides_);
      return;
    }
    const auto width = static_cast<int64_t>(size_of(dtype_));
    parallel_ranges(shape_[0], rows_per_block_, [&](int64_t begin, int64_t end) {
      Dims rows = rows_shape_;
      rows[0] = end - begin;
      copy_strided(rows, dtype_, frame.output<char>(0) + begin * out_strides_[0] * width,
                   out_strides_, dtype_, frame.input<char>(0) + begin * strides_[0] * width,
                   strides_);
    });
  }

 private:
  DType dtype_;
  Dims shape_;
  Dims strides_;
  Dims out_strides_;
  Dims rows_shape_;
  int64_t rows_per_block_ = 1;
};

class IntegersKernel final : public Kernel {
 public:
  IntegersKernel(DType dtype, int64_t count) : dtype_(dtype), shape_({count}) {}

  void run(const KernelFrame& frame) const override {
    copy_strided(shape_, dtype_, frame.outputs[0], {1}, DType::kInt64, frame.integers, {1});
  }

 private:
  DType dtype_;
  Dims shape_;
};

}  // namespace

KernelPtr make_copy_kernel(DType dtype, const Dims& shape, const Dims& input_strides) {
  return std::make_shared<CopyKernel>(dtype, shape, input_strides);
}

KernelPtr make_integers_kernel(DType dtype, int64_t count) {
  return std::make_shared<IntegersKernel>(dtype, count);
}

}  // namespace bitale
