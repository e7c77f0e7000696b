// Kernels of sequences and lengths.

#include <algorithm>
#include <memory>
#include <type_traits>

#include "core/compile/kernel_registry.h"
#include "core/runtime/thread_pool.h"
#include "ops/creation/shape_of.h"

namespace bitale {
namespace {

constexpr int64_t kElementsPerBlock = int64_t{1} << 16;

template <typename T>
T from_integer(int64_t value) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return T(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

template <typename T>
class ArangeKernel final : public Kernel {
 public:
  ArangeKernel(int64_t count, size_t start, size_t step)
      : count_(count), start_(start), step_(step) {}

  void run(const KernelFrame& frame) const override {
    T* out = frame.output<T>(0);
    const auto start = static_cast<uint64_t>(frame.integers[start_]);
    const auto step = static_cast<uint64_t>(frame.integers[step_]);
    parallel_ranges(count_, kElementsPerBlock, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out[i] = from_integer<T>(static_cast<int64_t>(start + step * static_cast<uint64_t>(i)));
      }
    });
  }

 private:
  int64_t count_;
  size_t start_;
  size_t step_;
};

std::unique_ptr<const Kernel> make_arange(KernelMaker& maker) {
  const OperandLayout& out = maker.call().outputs[0];
  const size_t start = maker.runtime_integer(0);
  const size_t step = maker.runtime_integer(2);
  return visit_dtype(out.dtype, [&](auto tag) -> std::unique_ptr<const Kernel> {
    return std::make_unique<ArangeKernel<typename decltype(tag)::type>>(out.size(), start, step);
  });
}

// Lengths are known when the kernel is made.
class LengthsKernel final : public Kernel {
 public:
  explicit LengthsKernel(Dims lengths) : lengths_(std::move(lengths)) {}

  void run(const KernelFrame& frame) const override {
    std::copy(lengths_.begin(), lengths_.end(), frame.output<int64_t>(0));
  }

 private:
  Dims lengths_;
};

std::unique_ptr<const Kernel> make_shape(KernelMaker& maker) {
  return std::make_unique<LengthsKernel>(maker.call().inputs[0].shape);
}

std::unique_ptr<const Kernel> make_shape_axis(KernelMaker& maker) {
  const auto axis = static_cast<size_t>(maker.call().op_as<ShapeAxisOp>().axis());
  return std::make_unique<LengthsKernel>(Dims{maker.call().inputs[0].shape[axis]});
}

class MakeVectorKernel final : public Kernel {
 public:
  explicit MakeVectorKernel(size_t count) : count_(count) {}

  void run(const KernelFrame& frame) const override {
    for (size_t i = 0; i < count_; ++i) frame.output<int64_t>(0)[i] = *frame.input<int64_t>(i);
  }

 private:
  size_t count_;
};

std::unique_ptr<const Kernel> make_vector_kernel(KernelMaker& maker) {
  return std::make_unique<MakeVectorKernel>(maker.call().inputs.size());
}

const KernelRegistrar arange_loop({.op = "arange", .name = "arange_loop", .make = make_arange});
const KernelRegistrar shape_lengths(
    {.op = "shape", .name = "shape_lengths", .strided_inputs = true, .make = make_shape});
const KernelRegistrar shape_axis_length({.op = "shape_axis",
                                         .name = "shape_axis_length",
                                         .strided_inputs = true,
                                         .make = make_shape_axis});
const KernelRegistrar make_vector_gather({.op = "make_vector",
                                          .name = "make_vector_gather",
                                          .make = make_vector_kernel});

}  // namespace
}  // namespace bitale
