// Max-pooling with windows of 2 by 2 side by side, the usual case, without branches.

#include <algorithm>
#include <array>

#include "ops/pool/pool_cpu.h"

namespace bitale::pool_cpu {
namespace {

constexpr std::array<int64_t, 2> kTwo = {2, 2};

template <typename T>
T larger(T first, T second) {
  return wins(second, first) ? second : first;
}

template <typename T>
class MaxPool2x2 final : public Kernel {
 public:
  explicit MaxPool2x2(const KernelCall& call)
      : l_(call.op_as<PoolBaseOp>().window(), call.inputs[0].shape, call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    l_.for_each_plane([&](int64_t plane) {
      const T* upper = frame.input<T>(0) + plane * l_.image_size();
      T* out = frame.output<T>(0) + plane * l_.output_size();
      for (int64_t row = 0; row < l_.output_height; ++row) {
        const T* lower = upper + l_.width;
        for (int64_t i = 0; i < l_.output_width; ++i) {
          out[i] = larger(larger(upper[2 * i], upper[2 * i + 1]),
                          larger(lower[2 * i], lower[2 * i + 1]));
        }
        out += l_.output_width;
        upper += 2 * l_.width;
      }
    });
  }

 private:
  Lengths l_;
};

template <typename T>
class MaxPoolGrad2x2 final : public Kernel {
 public:
  explicit MaxPoolGrad2x2(const KernelCall& call)
      : l_(call.op_as<PoolBaseOp>().window(), call.inputs[0].shape, call.inputs[1].shape) {}

  void run(const KernelFrame& frame) const override {
    l_.for_each_plane([&](int64_t plane) {
      const T* upper = frame.input<T>(0) + plane * l_.image_size();
      const T* grad = frame.input<T>(1) + plane * l_.output_size();
      T* out = frame.output<T>(0) + plane * l_.image_size();
      for (int64_t row = 0; row < l_.output_height; ++row) {
        const T* lower = upper + l_.width;
        T* out_lower = out + l_.width;
        for (int64_t i = 0; i < l_.output_width; ++i) {
          const T* const corners[2] = {upper + 2 * i, lower + 2 * i};
          const bool upper_second = wins(corners[0][1], corners[0][0]);
          const bool lower_second = wins(corners[1][1], corners[1][0]);
          const bool below = wins(corners[1][lower_second], corners[0][upper_second]);
          const T g = grad[i];
          out[2 * i] = !below && !upper_second ? g : T{0};
          out[2 * i + 1] = !below && upper_second ? g : T{0};
          out_lower[2 * i] = below && !lower_second ? g : T{0};
          out_lower[2 * i + 1] = below && lower_second ? g : T{0};
        }
        // Columns and rows that no window covers.
        for (int64_t x = 2 * l_.output_width; x < l_.width; ++x) out[x] = out_lower[x] = T{0};
        grad += l_.output_width;
        upper += 2 * l_.width;
        out += 2 * l_.width;
      }
      std::fill_n(out, (l_.height - 2 * l_.output_height) * l_.width, T{0});
    });
  }

 private:
  Lengths l_;
};

const char* supports_2x2(const KernelCall& call) {
  if (const char* reason = supports_floats(call)) return reason;
  const PoolWindow& window = call.op_as<PoolBaseOp>().window();
  if (window.ws != kTwo || window.stride != kTwo || window.pad != std::array<int64_t, 2>{0, 0}) {
    return "only windows of 2 by 2 side by side, without padding";
  }
  const Dims& image = call.inputs[0].shape;
  const bool whole = image[image.size() - 2] % 2 == 0 && image[image.size() - 1] % 2 == 0;
  return window.ignore_border || whole ? nullptr : "no windows cut short at the edge";
}

const KernelRegistrar max_pool({.op = "max_pool",
                                .name = "max_pool_2x2",
                                .kind = KernelKind::kTuned,
                                .rank = 20,
                                .supports = supports_2x2,
                                .make = make_floats<MaxPool2x2>});
const KernelRegistrar max_pool_grad({.op = "max_pool_grad",
                                     .name = "max_pool_grad_2x2",
                                     .kind = KernelKind::kTuned,
                                     .rank = 20,
                                     .supports = supports_2x2,
                                     .make = make_floats<MaxPoolGrad2x2>});

}  // namespace
}  // namespace bitale::pool_cpu
