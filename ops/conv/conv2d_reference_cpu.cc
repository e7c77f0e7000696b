// The three convolutions by their definition: one loop per axis, sums in float64. Oracles of the
// fast kernels, and slow.

#include <algorithm>

#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/floats.h"

namespace bitale::conv2d_cpu {
namespace {

// Calls body(image index, filter index, output index) for every product in the sum.
template <typename Body>
void for_each_product(const Lengths& l, Body&& body) {
  for (int64_t n = 0; n < l.batch; ++n) {
    for (int64_t f = 0; f < l.filters; ++f) {
      const int64_t group = f / l.group_filters;
      for (int64_t oy = 0; oy < l.output_height; ++oy) {
        for (int64_t ox = 0; ox < l.output_width; ++ox) {
          const int64_t output = ((n * l.filters + f) * l.output_height + oy) * l.output_width + ox;
          for (int64_t c = 0; c < l.filter_channels; ++c) {
            for (int64_t ky = 0; ky < l.rows.taps(); ++ky) {
              const int64_t ty = l.flip ? l.rows.taps() - 1 - ky : ky;
              const int64_t y = oy * l.rows.stride() + ty * l.rows.dilation() - l.rows.before();
              if (y < 0 || y >= l.height) continue;
              for (int64_t kx = 0; kx < l.columns.taps(); ++kx) {
                const int64_t tx = l.flip ? l.columns.taps() - 1 - kx : kx;
                const int64_t x =
                    ox * l.columns.stride() + tx * l.columns.dilation() - l.columns.before();
                if (x < 0 || x >= l.width) continue;
                const int64_t channel = group * l.filter_channels + c;
                const int64_t image = ((n * l.channels + channel) * l.height + y) * l.width + x;
                const int64_t filter =
                    ((f * l.filter_channels + c) * l.rows.taps() + ky) * l.columns.taps() + kx;
                body(image, filter, output);
              }
            }
          }
        }
      }
    }
  }
}

// The sums of one result in float64, in the workspace.
template <typename T>
class ReferenceKernel : public Kernel {
 public:
  ReferenceKernel(const KernelCall& call, const Lengths& lengths)
      : lengths_(lengths), size_(call.outputs[0].size()) {}

  size_t workspace_bytes() const override { return static_cast<size_t>(size_) * sizeof(double); }

 protected:
  template <typename Body>
  void run_with(const KernelFrame& frame, Body&& body) const {
    double* sums = static_cast<double*>(frame.workspace);
    std::fill_n(sums, size_, 0.0);
    for_each_product(lengths_, [&](int64_t image, int64_t filter, int64_t output) {
      body(sums, image, filter, output);
    });
    std::transform(sums, sums + size_, frame.output<T>(0),
                   [](double sum) { return static_cast<T>(sum); });
  }

 private:
  Lengths lengths_;
  int64_t size_;
};

template <typename T>
class Conv2dReference final : public ReferenceKernel<T> {
 public:
  explicit Conv2dReference(const KernelCall& call)
      : ReferenceKernel<T>(call, forward_lengths(call)) {}
  void run(const KernelFrame& frame) const override {
    const T* x = frame.input<T>(0);
    const T* w = frame.input<T>(1);
    this->run_with(frame, [&](double* sums, int64_t image, int64_t filter, int64_t output) {
      sums[output] += static_cast<double>(x[image]) * static_cast<double>(w[filter]);
    });
  }
};

template <typename T>
class GradInputsReference final : public ReferenceKernel<T> {
 public:
  explicit GradInputsReference(const KernelCall& call)
      : ReferenceKernel<T>(call, grad_inputs_lengths(call)) {}
  void run(const KernelFrame& frame) const override {
    const T* g = frame.input<T>(0);
    const T* w = frame.input<T>(1);
    this->run_with(frame, [&](double* sums, int64_t image, int64_t filter, int64_t output) {
      sums[image] += static_cast<double>(g[output]) * static_cast<double>(w[filter]);
    });
  }
};

template <typename T>
class GradWeightsReference final : public ReferenceKernel<T> {
 public:
  explicit GradWeightsReference(const KernelCall& call)
      : ReferenceKernel<T>(call, grad_weights_lengths(call)) {}
  void run(const KernelFrame& frame) const override {
    const T* x = frame.input<T>(0);
    const T* g = frame.input<T>(1);
    this->run_with(frame, [&](double* sums, int64_t image, int64_t filter, int64_t output) {
      sums[filter] += static_cast<double>(x[image]) * static_cast<double>(g[output]);
    });
  }
};

const KernelRegistrar forward({.op = "conv2d",
                               .name = "conv2d_reference",
                               .kind = KernelKind::kReference,
                               .rank = 1,
                               .supports = cpu::supports_floats,
                               .make = cpu::make_for_floats<Conv2dReference>});
const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs",
                                   .name = "conv2d_grad_wrt_inputs_reference",
                                   .kind = KernelKind::kReference,
                                   .rank = 1,
                                   .supports = cpu::supports_floats,
                                   .make = cpu::make_for_floats<GradInputsReference>});
const KernelRegistrar grad_weights({.op = "conv2d_grad_wrt_weights",
                                    .name = "conv2d_grad_wrt_weights_reference",
                                    .kind = KernelKind::kReference,
                                    .rank = 1,
                                    .supports = cpu::supports_floats,
                                    .make = cpu::make_for_floats<GradWeightsReference>});

}  // namespace
}  // namespace bitale::conv2d_cpu
