#include <cstring>
#include <memory>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "core/tensor/tensor.h"
#include "ops/indexing/element_access_cpu.h"
#include "ops/indexing/slice_range_internal.h"

namespace bitale {
namespace {

using Bound = AxisIndex::Bound;

// One axis of the written tensor, ready to be placed at a call.
struct Axis {
  AxisIndex index;
  int64_t length;
  int64_t stride;
  int64_t start_integer = -1;  // in KernelFrame::integers, for a start that is an operand
};

class WriteSubtensorKernel : public Kernel {
 public:
  explicit WriteSubtensorKernel(KernelMaker& maker) {
    const KernelCall& call = maker.call();
    const OperandLayout& out = call.outputs[0];
    const AxisIndices& indices = call.op_as<WriteSubtensorOp>().indices();
    dtype_ = out.dtype;
    bytes_ = static_cast<size_t>(out.size()) * size_of(dtype_);
    part_shape_ = call.inputs[1].shape;
    part_size_ = element_count(part_shape_);
    size_t operand = 2;
    for (size_t i = 0; i < indices.size(); ++i) {
      Axis axis{indices[i], out.shape[i], out.strides[i]};
      if (axis.index.start.kind == Bound::Kind::kOperand) {
        axis.start_integer = static_cast<int64_t>(maker.runtime_integer(operand++));
      }
      // How far a slice goes is known from the value's shape.
      if (axis.index.stop.kind == Bound::Kind::kOperand) ++operand;
      if (!axis.index.is_integer) part_strides_.push_back(axis.stride * axis.index.step);
      axes_.push_back(axis);
    }
  }

  void run(const KernelFrame& frame) const override {
    if (frame.outputs[0] != frame.inputs[0] && bytes_ > 0) {
      std::memcpy(frame.outputs[0], frame.inputs[0], bytes_);
    }
    if (part_size_ == 0) return;
    int64_t offset = 0;
    for (const Axis& axis : axes_) {
      const int64_t bound =
          axis.start_integer < 0 ? axis.index.start.number : frame.integers[axis.start_integer];
      offset += slices::first_position(axis.index, bound, axis.length) * axis.stride;
    }
    char* part = frame.output<char>(0) + offset * static_cast<int64_t>(size_of(dtype_));
    write(part, frame.inputs[1]);
  }

  bool may_overwrite(size_t, size_t input) const override { return input == 0; }

 protected:
  virtual void write(void* part, const void* value) const = 0;

  DType dtype_;
  Dims part_shape_;
  Dims part_strides_;
  int64_t part_size_;

 private:
  std::vector<Axis> axes_;
  size_t bytes_;
};

class SetSubtensorKernel final : public WriteSubtensorKernel {
 public:
  explicit SetSubtensorKernel(KernelMaker& maker)
      : WriteSubtensorKernel(maker), value_strides_(contiguous_strides(part_shape_)) {}

 private:
  void write(void* part, const void* value) const override {
    copy_strided(part_shape_, dtype_, part, part_strides_, dtype_, value, value_strides_);
  }

  Dims value_strides_;
};

template <typename T>
class IncSubtensorKernel final : public WriteSubtensorKernel {
 public:
  using WriteSubtensorKernel::WriteSubtensorKernel;

 private:
  void write(void* part, const void* value) const override {
    const T* next = static_cast<const T*>(value);
    add_axis(static_cast<T*>(part), 0, next);
  }

  void add_axis(T* out, size_t axis, const T*& next) const {
    if (axis == part_shape_.size()) {
      *out = add_elements(*out, *next++);
      return;
    }
    const int64_t length = part_shape_[axis];
    const int64_t stride = part_strides_[axis];
    if (axis + 1 < part_shape_.size()) {
      for (int64_t i = 0; i < length; ++i) add_axis(out + i * stride, axis + 1, next);
      return;
    }
    if (stride == 1) {
      for (int64_t i = 0; i < length; ++i) out[i] = add_elements(out[i], next[i]);
    } else {
      for (int64_t i = 0; i < length; ++i) {
        out[i * stride] = add_elements(out[i * stride], next[i]);
      }
    }
    next += length;
  }
};

std::unique_ptr<const Kernel> make_set(KernelMaker& maker) {
  return std::make_unique<SetSubtensorKernel>(maker);
}

std::unique_ptr<const Kernel> make_inc(KernelMaker& maker) {
  return visit_dtype(maker.call().outputs[0].dtype, [&](auto tag) -> std::unique_ptr<const Kernel> {
    using T = typename decltype(tag)::type;
    return std::make_unique<IncSubtensorKernel<T>>(maker);
  });
}

const KernelRegistrar set_subtensor_copy({.op = "set_subtensor",
                                          .name = "set_subtensor_copy",
                                          .make = make_set});
const KernelRegistrar inc_subtensor_loop({.op = "inc_subtensor",
                                          .name = "inc_subtensor_loop",
                                          .make = make_inc});

}  // namespace
}  // namespace bitale
