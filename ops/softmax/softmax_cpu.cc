// Kernels of softmax, log_softmax and their gradients over a last axis of float32 or float64, and
// of the sparse cross-entropy. Other axes and dtypes run as formulas, unless nothing is to compute.

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/kernel_registry.h"
#include "core/runtime/kernel.h"
#include "core/runtime/thread_pool.h"
#include "ops/cpu/floats.h"
#include "ops/softmax/crossentropy.h"
#include "ops/softmax/rows_cpu.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

using softmax_rows::Rows;
using softmax_rows::Task;

// Elements of a block of rows: some ten microseconds of exponentials.
constexpr int64_t kGrain = 16384;

int64_t grain_of(int64_t length) { return std::max<int64_t>(1, kGrain / length); }

Task task_of(SoftmaxOp::Kind kind) {
  switch (kind) {
    case SoftmaxOp::Kind::kSoftmax:
      return Task::kSoftmax;
    case SoftmaxOp::Kind::kLogSoftmax:
      return Task::kLogSoftmax;
    case SoftmaxOp::Kind::kSoftmaxGrad:
      return Task::kSoftmaxGrad;
    case SoftmaxOp::Kind::kLogSoftmaxGrad:
      break;
  }
  return Task::kLogSoftmaxGrad;
}

class SoftmaxKernel final : public Kernel {
 public:
  explicit SoftmaxKernel(const KernelCall& call)
      : task_(task_of(call.op_as<SoftmaxOp>().kind())),
        is_double_(call.outputs[0].dtype == DType::kFloat64),
        operands_(call.inputs.size()),
        length_(call.outputs[0].shape.back()),
        rows_(length_ == 0 ? 0 : call.outputs[0].size() / length_) {}

  bool may_overwrite(size_t, size_t) const override { return true; }

  void run(const KernelFrame& frame) const override {
    if (rows_ == 0) return;
    const Rows rows{
        task_,   is_double_,       frame.inputs[0], operands_ > 1 ? frame.inputs[1] : nullptr,
        nullptr, frame.outputs[0], length_};
    parallel_ranges(rows_, grain_of(length_),
                    [&](int64_t begin, int64_t end) { softmax_rows::run(rows, begin, end); });
  }

 private:
  Task task_;
  bool is_double_;
  size_t operands_;
  int64_t length_;
  int64_t rows_;
};

const char* supports_softmax(const KernelCall& call) {
  // The maximum in the formula refuses an empty axis.
  if (call.outputs[0].size() == 0) return nullptr;
  if (!cpu::is_float_or_double(call.outputs[0].dtype)) return cpu::kOnlyFloats;
  const size_t axis = static_cast<size_t>(call.op_as<SoftmaxOp>().axis());
  return axis + 1 == call.outputs[0].shape.size() ? nullptr : "only the last axis";
}

std::unique_ptr<const Kernel> make_softmax(KernelMaker& maker) {
  return std::make_unique<SoftmaxKernel>(maker.call());
}

// Reads labels of any integer dtype into the workspace, and refuses those out of range.
class Labels {
 public:
  Labels(size_t operand, DType dtype, int64_t rows, int64_t classes, bool from_end)
      : operand_(operand), dtype_(dtype), rows_(rows), classes_(classes), from_end_(from_end) {}

  size_t workspace_bytes() const { return static_cast<size_t>(rows_) * sizeof(int64_t); }

  const int64_t* read(const KernelFrame& frame) const {
    int64_t* labels = static_cast<int64_t*>(frame.workspace);
    visit_dtype(dtype_, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_integral_v<T>) {
        const T* from = frame.input<T>(operand_);
        for (int64_t row = 0; row < rows_; ++row) {
          // A uint64 beyond int64 turns negative, and is refused as such.
          labels[row] = static_cast<int64_t>(from[row]);
          if constexpr (std::is_signed_v<T>) {
            if (from_end_ && labels[row] < 0) labels[row] += classes_;
          }
          if (labels[row] < 0 || labels[row] >= classes_) refuse(row, absl::StrCat(from[row]));
        }
      }
    });
    return labels;
  }

 private:
  void refuse(int64_t row, const std::string& label) const {
    throw KernelFailure(absl::StrCat("row ", row, " has the label ", label, ", but there are ",
                                     classes_, " classes"),
                        "labels run from 0 to the number of classes less 1");
  }

  size_t operand_;
  DType dtype_;
  int64_t rows_;
  int64_t classes_;
  bool from_end_;
};

// The same rows in plain code, for the two-byte dtypes.
template <typename T>
void crossentropy_rows_in_float(const Rows& rows, int64_t begin, int64_t end) {
  const T* logits = static_cast<const T*>(rows.a);
  T* out = static_cast<T*>(rows.out);
  for (int64_t r = begin; r < end; ++r) {
    const T* row = logits + r * rows.length;
    auto at = [&](int64_t j) { return static_cast<float>(row[j]); };
    float top = at(0);
    for (int64_t j = 1; j < rows.length; ++j) {
      if (!(top > at(j)) && top == top) top = at(j);
    }
    float total = 0;
    for (int64_t j = 0; j < rows.length; ++j) total += std::exp(at(j) - top);
    if (rows.task == Task::kCrossentropy) {
      out[r] = static_cast<T>(top - at(rows.labels[r]) + std::log(total));
      continue;
    }
    const float g = static_cast<float>(static_cast<const T*>(rows.b)[r]);
    for (int64_t j = 0; j < rows.length; ++j) {
      const float hit = j == rows.labels[r] ? 1 : 0;
      out[r * rows.length + j] = static_cast<T>(g * (std::exp(at(j) - top) / total - hit));
    }
  }
}

class CrossentropyKernel final : public Kernel {
 public:
  explicit CrossentropyKernel(const KernelCall& call)
      : is_gradient_(call.op_as<CrossentropySoftmaxSparseOp>().is_gradient()),
        dtype_(call.outputs[0].dtype),
        n_(logits_of(call).shape[0]),
        classes_(logits_of(call).shape[1]),
        labels_(is_gradient_ ? 2 : 1, call.inputs[is_gradient_ ? 2 : 1].dtype, n_, classes_,
                call.op_as<CrossentropySoftmaxSparseOp>().counts_from_end()) {}

  size_t workspace_bytes() const override { return labels_.workspace_bytes(); }
  bool can_raise() const override { return true; }
  bool may_overwrite(size_t, size_t input) const override { return is_gradient_ && input == 1; }

  void run(const KernelFrame& frame) const override {
    const int64_t* labels = labels_.read(frame);
    if (n_ == 0) return;
    const Rows rows{is_gradient_ ? Task::kCrossentropyGrad : Task::kCrossentropy,
                    dtype_ == DType::kFloat64,
                    frame.inputs[is_gradient_ ? 1 : 0],
                    is_gradient_ ? frame.inputs[0] : nullptr,
                    labels,
                    frame.outputs[0],
                    classes_};
    parallel_ranges(n_, grain_of(classes_), [&](int64_t begin, int64_t end) {
      if (dtype_ == DType::kFloat16) {
        crossentropy_rows_in_float<Float16>(rows, begin, end);
      } else if (dtype_ == DType::kBFloat16) {
        crossentropy_rows_in_float<BFloat16>(rows, begin, end);
      } else {
        softmax_rows::run(rows, begin, end);
      }
    });
  }

 private:
  static const OperandLayout& logits_of(const KernelCall& call) {
    return call.inputs[call.op_as<CrossentropySoftmaxSparseOp>().is_gradient() ? 1 : 0];
  }

  bool is_gradient_;
  DType dtype_;
  int64_t n_;
  int64_t classes_;
  Labels labels_;
};

std::unique_ptr<const Kernel> make_crossentropy(KernelMaker& maker) {
  return std::make_unique<CrossentropyKernel>(maker.call());
}

#define BITALE_ROW_KERNEL(op_name, supports_call, make_kernel)          \
  const KernelRegistrar register_##op_name({.op = #op_name,             \
                                            .name = #op_name "_rows",   \
                                            .kind = KernelKind::kTuned, \
                                            .rank = 20,                 \
                                            .supports = supports_call,  \
                                            .make = make_kernel})
BITALE_ROW_KERNEL(softmax, supports_softmax, make_softmax);
BITALE_ROW_KERNEL(log_softmax, supports_softmax, make_softmax);
BITALE_ROW_KERNEL(softmax_grad, supports_softmax, make_softmax);
BITALE_ROW_KERNEL(log_softmax_grad, supports_softmax, make_softmax);
BITALE_ROW_KERNEL(crossentropy_softmax_sparse, nullptr, make_crossentropy);
BITALE_ROW_KERNEL(crossentropy_softmax_sparse_grad, nullptr, make_crossentropy);
#undef BITALE_ROW_KERNEL

}  // namespace
}  // namespace bitale
