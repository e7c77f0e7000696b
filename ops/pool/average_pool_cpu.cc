// Sums and averages of windows, row by row: rows of the image are added up first, as vectors, then
// neighbours within that one row.

#include <algorithm>
#include <vector>

#include "ops/cpu/floats.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"
#include "ops/pool/pool_cpu.h"

namespace bitale::pool_cpu {
namespace {

// What both directions share: the divisors, and per thread one padded row.
template <typename T>
class AverageRows : public Kernel {
 public:
  AverageRows(const PoolWindow& window, PoolMode mode, const Dims& image, const Dims& pooled)
      : l_(window, image, pooled), slots_(cpu::SlotPool::enough_for(l_.planes)) {
    for (int64_t row = 0; row < l_.output_height; ++row) {
      row_counts_.push_back(static_cast<T>(l_.counted(0, row, mode)));
    }
    for (int64_t column = 0; column < l_.output_width; ++column) {
      column_counts_.push_back(static_cast<T>(l_.counted(1, column, mode)));
    }
    // Windows may stick out on the right by the padding, or where they are cut at the edge.
    const int64_t end = (l_.output_width - 1) * window.stride[1] + window.ws[1];
    padded_width_ = std::max(l_.width + window.pad[1], end);
  }

  size_t workspace_bytes() const override {
    return static_cast<size_t>(slots_ * slot_elements()) * sizeof(T);
  }

 protected:
  // Calls body(plane, row) with a row that starts with the padding; its elements are undefined.
  template <typename Body>
  void for_each_plane(const KernelFrame& frame, Body&& body) const {
    cpu::SlotPool slots(slots_);
    l_.for_each_plane([&](int64_t plane) {
      const cpu::SlotPool::Loan loan(slots);
      body(plane, static_cast<T*>(frame.workspace) + loan.slot() * slot_elements());
    });
  }

  Lengths l_;
  std::vector<T> row_counts_, column_counts_;
  int64_t padded_width_;
  const cpu::Runs<T>& runs_ = cpu::runs<T>();

 private:
  // Of whole cache lines.
  int64_t slot_elements() const { return (padded_width_ + 15) / 16 * 16; }

  int64_t slots_;
};

template <typename T>
class AveragePoolRows final : public AverageRows<T> {
  using AverageRows<T>::l_;

 public:
  explicit AveragePoolRows(const KernelCall& call)
      : AverageRows<T>(call.op_as<AveragePoolOp>().window(), call.op_as<AveragePoolOp>().mode(),
                       call.inputs[0].shape, call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    this->for_each_plane(frame, [&](int64_t plane, T* sums) {
      std::fill_n(sums, this->padded_width_, T{0});  // of which the padding stays so
      const T* image = frame.input<T>(0) + plane * l_.image_size();
      T* out = frame.output<T>(0) + plane * l_.output_size();
      for (int64_t row = 0; row < l_.output_height; ++row) {
        add_rows(image, row, sums);
        average_columns(sums, this->row_counts_[static_cast<size_t>(row)],
                        out + row * l_.output_width);
      }
    });
  }

 private:
  void add_rows(const T* image, int64_t row, T* sums) const {
    const Window w = l_.window_at(row, 0);
    T* inner = sums + l_.window.pad[1];
    if (w.top >= w.bottom) {
      std::fill_n(inner, l_.width, T{0});
      return;
    }
    std::copy_n(image + w.top * l_.width, l_.width, inner);
    for (int64_t y = w.top + 1; y < w.bottom; ++y) {
      this->runs_.add(l_.width, image + y * l_.width, inner);
    }
  }

  void average_columns(const T* sums, T rows, T* out) const {
    for (int64_t column = 0; column < l_.output_width; ++column) {
      const T* window = sums + column * l_.window.stride[1];
      T sum = 0;
      for (int64_t x = 0; x < l_.window.ws[1]; ++x) sum += window[x];
      out[column] = sum / (rows * this->column_counts_[static_cast<size_t>(column)]);
    }
  }
};

template <typename T>
class AveragePoolGradRows final : public AverageRows<T> {
  using AverageRows<T>::l_;

 public:
  explicit AveragePoolGradRows(const KernelCall& call)
      : AverageRows<T>(call.op_as<AveragePoolGradOp>().window(),
                       call.op_as<AveragePoolGradOp>().mode(), call.outputs[0].shape,
                       call.inputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    this->for_each_plane(frame, [&](int64_t plane, T* shares) {
      const T* grad = frame.input<T>(0) + plane * l_.output_size();
      T* out = frame.output<T>(0) + plane * l_.image_size();
      int64_t written = 0;  // rows of the image so far
      for (int64_t row = 0; row < l_.output_height; ++row) {
        share_out(grad + row * l_.output_width, this->row_counts_[static_cast<size_t>(row)],
                  shares);
        const T* inner = shares + l_.window.pad[1];
        const Window w = l_.window_at(row, 0);
        for (; written < w.top; ++written) std::fill_n(out + written * l_.width, l_.width, T{0});
        for (int64_t y = w.top; y < std::min(written, w.bottom); ++y) {
          this->runs_.add(l_.width, inner, out + y * l_.width);
        }
        for (; written < w.bottom; ++written) {
          std::copy_n(inner, l_.width, out + written * l_.width);
        }
      }
      std::fill_n(out + written * l_.width, (l_.height - written) * l_.width, T{0});
    });
  }

 private:
  void share_out(const T* grad, T rows, T* shares) const {
    std::fill_n(shares, this->padded_width_, T{0});
    for (int64_t column = 0; column < l_.output_width; ++column) {
      const T share = grad[column] / (rows * this->column_counts_[static_cast<size_t>(column)]);
      T* window = shares + column * l_.window.stride[1];
      for (int64_t x = 0; x < l_.window.ws[1]; ++x) window[x] += share;
    }
  }
};

const KernelRegistrar average_pool({.op = "average_pool",
                                    .name = "average_pool_rows",
                                    .kind = KernelKind::kTuned,
                                    .rank = 20,
                                    .supports = cpu::supports_floats,
                                    .make = cpu::make_for_floats<AveragePoolRows>});
const KernelRegistrar average_pool_grad({.op = "average_pool_grad",
                                         .name = "average_pool_grad_rows",
                                         .kind = KernelKind::kTuned,
                                         .rank = 20,
                                         .supports = cpu::supports_floats,
                                         .make = cpu::make_for_floats<AveragePoolGradRows>});

}  // namespace
}  // namespace bitale::pool_cpu
