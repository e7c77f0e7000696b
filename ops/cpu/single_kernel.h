// One kernel by itself, without a compiled function around it: for tests that compare all kernels
// of an op, chosen or not, and for benchmarks.

#ifndef BITALE_OPS_CPU_SINGLE_KERNEL_H_
#define BITALE_OPS_CPU_SINGLE_KERNEL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "core/graph/variable.h"
#include "core/runtime/kernel.h"
#include "core/tensor/tensor.h"

namespace bitale::cpu {

// A kernel with its operands, for ops with one output and no run-time integers.
class SingleKernel {
 public:
  // `node` is an application of the op; `inputs` are concrete operands for it, and the result has
  // this shape. made() is false where the kernel refuses the call.
  SingleKernel(const KernelRegistration& registration, const Variable& node,
               std::vector<Tensor> inputs, const Dims& output_shape)
      : inputs_(std::move(inputs)), output_(Tensor::full(node.dtype(), output_shape, 77)) {
    const auto layout_of = [](const Tensor& tensor) {
      return OperandLayout{tensor.dtype(), tensor.shape(), tensor.strides()};
    };
    std::vector<OperandLayout> layouts;
    for (const Tensor& input : inputs_) {
      layouts.push_back(layout_of(input));
      addresses_.push_back(input.raw_data());
    }
    const std::vector<OperandLayout> outputs = {layout_of(output_)};
    const KernelCall call{node.owner()->op(), *node.owner(), layouts, outputs};
    if (registration.supports != nullptr && registration.supports(call) != nullptr) return;
    Maker maker(call);
    kernel_ = registration.make(maker);
    // All bits set: NaN for floats. Workspaces are undefined for kernels.
    workspace_.assign(kernel_->workspace_bytes() + 64, char(0xff));
  }

  bool made() const { return kernel_ != nullptr; }

  const Tensor& run() {
    void* output = output_.raw_data();
    const uintptr_t start = reinterpret_cast<uintptr_t>(workspace_.data());
    kernel_->run({.inputs = addresses_.data(),
                  .outputs = &output,
                  .workspace = reinterpret_cast<void*>((start + 63) & ~uintptr_t{63})});
    return output_;
  }

 private:
  class Maker final : public KernelMaker {
   public:
    explicit Maker(const KernelCall& call) : call_(call) {}
    const KernelCall& call() const override { return call_; }
    size_t runtime_integer(size_t, size_t) override { return 0; }
    bool is_packed(size_t) const override { return false; }
    std::shared_ptr<const Program> lower_inner(std::span<const Dims>) override { return nullptr; }

   private:
    const KernelCall& call_;
  };

  std::vector<Tensor> inputs_;
  Tensor output_;
  std::vector<void*> addresses_;
  std::unique_ptr<const Kernel> kernel_;
  std::vector<char> workspace_;
};

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_SINGLE_KERNEL_H_
