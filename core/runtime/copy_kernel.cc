#include "core/runtime/copy_kernel.h"

#include "core/runtime/thread_pool.h"
#include "core/tensor/strided_copy.h"
#include "core/tensor/tensor.h"

namespace bitale {
namespace {

class CopyKernel final : public Kernel {
 public:
  CopyKernel(DType dtype, const Dims& shape, const Dims& strides)
      : copy_(size_of(dtype), shape, contiguous_strides(shape), strides) {}

  void run(const KernelFrame& frame) const override {
    parallel_ranges(copy_.parts(), 1, [&](int64_t begin, int64_t end) {
      copy_.run_parts(begin, end, frame.inputs[0], frame.outputs[0]);
    });
  }

 private:
  StridedCopy copy_;
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
