// Pooling by its definition, window by window, for any window, stride and padding.

#include <algorithm>
#include <type_traits>

#include "ops/cpu/floats.h"
#include "ops/pool/pool_cpu.h"

namespace bitale::pool_cpu {
namespace {

const PoolWindow& window_of(const KernelCall& call) { return call.op_as<PoolBaseOp>().window(); }

// Position in the image of a window's maximum: the first, but a NaN before all numbers.
template <typename T>
int64_t argmax(const Lengths& l, const Window& w, const T* image) {
  int64_t best = w.top * l.width + w.left;
  for (int64_t y = w.top; y < w.bottom; ++y) {
    for (int64_t x = w.left; x < w.right; ++x) {
      const int64_t at = y * l.width + x;
      best = wins(image[at], image[best]) ? at : best;
    }
  }
  return best;
}

template <typename T>
class MaxPool final : public Kernel {
 public:
  explicit MaxPool(const KernelCall& call)
      : l_(window_of(call), call.inputs[0].shape, call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    l_.for_each_plane([&](int64_t plane) {
      const T* image = frame.input<T>(0) + plane * l_.image_size();
      T* out = frame.output<T>(0) + plane * l_.output_size();
      l_.for_each_window(
          [&](const Window& w, int64_t position) { out[position] = image[argmax(l_, w, image)]; });
    });
  }

 private:
  Lengths l_;
};

template <typename T>
class MaxPoolPositions final : public Kernel {
 public:
  explicit MaxPoolPositions(const KernelCall& call)
      : l_(window_of(call), call.inputs[0].shape, call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    l_.for_each_plane([&](int64_t plane) {
      const T* image = frame.input<T>(0) + plane * l_.image_size();
      int32_t* out = frame.output<int32_t>(0) + plane * l_.output_size();
      l_.for_each_window([&](const Window& w, int64_t position) {
        out[position] = static_cast<int32_t>(argmax(l_, w, image));
      });
    });
  }

 private:
  Lengths l_;
};

template <typename T>
class MaxPoolGrad final : public Kernel {
 public:
  explicit MaxPoolGrad(const KernelCall& call)
      : l_(window_of(call), call.inputs[0].shape, call.inputs[1].shape) {}

  void run(const KernelFrame& frame) const override {
    l_.for_each_plane([&](int64_t plane) {
      const T* image = frame.input<T>(0) + plane * l_.image_size();
      const T* grad = frame.input<T>(1) + plane * l_.output_size();
      T* out = frame.output<T>(0) + plane * l_.image_size();
      std::fill_n(out, l_.image_size(), T{0});
      l_.for_each_window(
          [&](const Window& w, int64_t position) { out[argmax(l_, w, image)] += grad[position]; });
    });
  }

 private:
  Lengths l_;
};

template <typename T>
class MaxPoolGather final : public Kernel {
 public:
  explicit MaxPoolGather(const KernelCall& call)
      : l_(window_of(call), call.inputs[0].shape, call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    l_.for_each_plane([&](int64_t plane) {
      const T* image = frame.input<T>(0) + plane * l_.image_size();
      const T* values = frame.input<T>(1) + plane * l_.image_size();
      T* out = frame.output<T>(0) + plane * l_.output_size();
      l_.for_each_window(
          [&](const Window& w, int64_t position) { out[position] = values[argmax(l_, w, image)]; });
    });
  }

 private:
  Lengths l_;
};

double divisor(const Lengths& l, PoolMode mode, int64_t row, int64_t column) {
  return static_cast<double>(l.counted(0, row, mode) * l.counted(1, column, mode));
}

template <typename T>
class AveragePool final : public Kernel {
 public:
  explicit AveragePool(const KernelCall& call)
      : l_(window_of(call), call.inputs[0].shape, call.outputs[0].shape),
        mode_(call.op_as<AveragePoolOp>().mode()) {}

  void run(const KernelFrame& frame) const override {
    l_.for_each_plane([&](int64_t plane) {
      const T* image = frame.input<T>(0) + plane * l_.image_size();
      T* out = frame.output<T>(0) + plane * l_.output_size();
      l_.for_each_window([&](const Window& w, int64_t position) {
        T sum = 0;
        for (int64_t y = w.top; y < w.bottom; ++y) {
          for (int64_t x = w.left; x < w.right; ++x) sum += image[y * l_.width + x];
        }
        out[position] = sum / static_cast<T>(divisor(l_, mode_, position / l_.output_width,
                                                     position % l_.output_width));
      });
    });
  }

 private:
  Lengths l_;
  PoolMode mode_;
};

template <typename T>
class AveragePoolGrad final : public Kernel {
 public:
  explicit AveragePoolGrad(const KernelCall& call)
      : l_(window_of(call), call.outputs[0].shape, call.inputs[0].shape),
        mode_(call.op_as<AveragePoolGradOp>().mode()) {}

  void run(const KernelFrame& frame) const override {
    l_.for_each_plane([&](int64_t plane) {
      const T* grad = frame.input<T>(0) + plane * l_.output_size();
      T* out = frame.output<T>(0) + plane * l_.image_size();
      std::fill_n(out, l_.image_size(), T{0});
      l_.for_each_window([&](const Window& w, int64_t position) {
        const T share =
            grad[position] / static_cast<T>(divisor(l_, mode_, position / l_.output_width,
                                                    position % l_.output_width));
        for (int64_t y = w.top; y < w.bottom; ++y) {
          for (int64_t x = w.left; x < w.right; ++x) out[y * l_.width + x] += share;
        }
      });
    });
  }

 private:
  Lengths l_;
  PoolMode mode_;
};

const char* supports_all_but_half(const KernelCall& call) {
  const DType dtype = call.inputs[0].dtype;
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16
             ? "float16 and bfloat16 are not pooled: cast to float32 first"
             : nullptr;
}

template <template <typename> class KernelType>
std::unique_ptr<const Kernel> make_all_but_half(KernelMaker& maker) {
  return visit_dtype(maker.call().inputs[0].dtype, [&](auto tag) -> std::unique_ptr<const Kernel> {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T>) {
      return std::make_unique<KernelType<T>>(maker.call());
    } else {
      return nullptr;
    }
  });
}

const KernelRegistrar max_pool({.op = "max_pool",
                                .name = "max_pool_reference",
                                .kind = KernelKind::kReference,
                                .rank = 1,
                                .supports = supports_all_but_half,
                                .make = make_all_but_half<MaxPool>});
const KernelRegistrar max_pool_positions({.op = "max_pool_positions",
                                          .name = "max_pool_positions_reference",
                                          .kind = KernelKind::kReference,
                                          .rank = 1,
                                          .supports = supports_all_but_half,
                                          .make = make_all_but_half<MaxPoolPositions>});
const KernelRegistrar max_pool_grad({.op = "max_pool_grad",
                                     .name = "max_pool_grad_reference",
                                     .kind = KernelKind::kReference,
                                     .rank = 1,
                                     .supports = cpu::supports_floats,
                                     .make = cpu::make_for_floats<MaxPoolGrad>});
const KernelRegistrar max_pool_gather({.op = "max_pool_gather",
                                       .name = "max_pool_gather_reference",
                                       .kind = KernelKind::kReference,
                                       .rank = 1,
                                       .supports = cpu::supports_floats,
                                       .make = cpu::make_for_floats<MaxPoolGather>});
const KernelRegistrar average_pool({.op = "average_pool",
                                    .name = "average_pool_reference",
                                    .kind = KernelKind::kReference,
                                    .rank = 1,
                                    .supports = cpu::supports_floats,
                                    .make = cpu::make_for_floats<AveragePool>});
const KernelRegistrar average_pool_grad({.op = "average_pool_grad",
                                         .name = "average_pool_grad_reference",
                                         .kind = KernelKind::kReference,
                                         .rank = 1,
                                         .supports = cpu::supports_floats,
                                         .make = cpu::make_for_floats<AveragePoolGrad>});

}  // namespace
}  // namespace bitale::pool_cpu
