#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "core/runtime/thread_pool.h"
#include "core/tensor/strided_copy.h"
#include "core/tensor/tensor.h"
#include "ops/indexing/element_access_cpu.h"
#include "ops/indexing/slice_range_internal.h"

namespace bitale {
namespace {

using Bound = AxisIndex::Bound;

// Fewer columns than these are walked column by column, some rows at a time.
constexpr int64_t kFewColumns = 16;
constexpr int64_t kRowsAtOnce = 512;

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
      : WriteSubtensorKernel(maker),
        copy_(size_of(dtype_), part_shape_, part_strides_, contiguous_strides(part_shape_)) {}

 private:
  void write(void* part, const void* value) const override {
    parallel_ranges(copy_.parts(), 1,
                    [&](int64_t begin, int64_t end) { copy_.run_parts(begin, end, value, part); });
  }

  StridedCopy copy_;
};

template <typename T>
class IncSubtensorKernel final : public WriteSubtensorKernel {
 public:
  explicit IncSubtensorKernel(KernelMaker& maker) : WriteSubtensorKernel(maker) {
    const Dims value_strides = contiguous_strides(part_shape_);
    for (size_t i = 0; i < part_shape_.size(); ++i) {
      if (part_shape_[i] == 1) continue;
      const BlockAxis axis{part_shape_[i], part_strides_[i], value_strides[i]};
      if (!axes_.empty() && axes_.back().to_stride == axis.length * axis.to_stride) {
        axes_.back() = {axes_.back().length * axis.length, axis.to_stride, axis.from_stride};
      } else {
        axes_.push_back(axis);
      }
    }
    // At least a block's two.
    while (axes_.size() < 2) axes_.insert(axes_.begin(), {1, 1, 1});
  }

 private:
  void write(void* part, const void* value) const override {
    add_axis(0, static_cast<const T*>(value), static_cast<T*>(part));
  }

  void add_axis(size_t axis, const T* from, T* to) const {
    const BlockAxis& here = axes_[axis];
    if (axis + 2 == axes_.size()) return add_block(here, axes_[axis + 1], from, to);
    for (int64_t i = 0; i < here.length; ++i) {
      add_axis(axis + 1, from + i * here.from_stride, to + i * here.to_stride);
    }
  }

  static void add_block(const BlockAxis& rows, const BlockAxis& columns, const T* from, T* to) {
    if (columns.length < rows.length && columns.length < kFewColumns) {
      for (int64_t begin = 0; begin < rows.length; begin += kRowsAtOnce) {
        BlockAxis some = rows;
        some.length = std::min(kRowsAtOnce, rows.length - begin);
        add_rows(columns, some, from + begin * rows.from_stride, to + begin * rows.to_stride);
      }
    } else {
      add_rows(rows, columns, from, to);
    }
  }

  static void add_rows(const BlockAxis& rows, const BlockAxis& columns, const T* from, T* to) {
    for (int64_t i = 0; i < rows.length; ++i) {
      const T* in = from + i * rows.from_stride;
      T* out = to + i * rows.to_stride;
      if (columns.to_stride == 1 && columns.from_stride == 1) {
        for (int64_t j = 0; j < columns.length; ++j) out[j] = add_elements(out[j], in[j]);
      } else {
        for (int64_t j = 0; j < columns.length; ++j) {
          T& element = out[j * columns.to_stride];
          element = add_elements(element, in[j * columns.from_stride]);
        }
      }
    }
  }

  std::vector<BlockAxis> axes_;  // of the part and of the value
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
