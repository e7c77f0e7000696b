// Speed of the convolution kernels, each op by itself on one thread.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>

#include "core/base/options.h"
#include "core/graph/inputs.h"
#include "core/graph/operand.h"
#include "ops/conv/conv2d.h"
#include "ops/cpu/benchmark_rates.h"
#include "ops/cpu/single_kernel.h"

namespace bitale {
namespace {

enum Op { kForward, kGradInputs, kGradWeights };

// Arguments: op, batch, channels, size of the image, filters, size of the filter, padding.
void BM_Conv2d(benchmark::State& state) {
  options().threads = 1;
  const Op op = static_cast<Op>(state.range(0));
  const Dims image = {state.range(1), state.range(2), state.range(3), state.range(3)};
  const Dims filters = {state.range(4), state.range(2), state.range(5), state.range(5)};
  const Conv2dOptions conv = {.border_mode = state.range(6)};
  const int64_t length = image[2] + 2 * state.range(6) - filters[2] + 1;
  const Dims output = {image[0], filters[0], length, length};
  const Variable x = ftensor4("x"), w = ftensor4("w"), g = ftensor4("g");
  const Tensor image_value = Tensor::ones(DType::kFloat32, image);
  const Tensor filters_value = Tensor::ones(DType::kFloat32, filters);
  const Tensor output_value = Tensor::ones(DType::kFloat32, output);
  const Tensor image_size(image[2]), filter_size(filters[2]);
  Variable node;
  std::vector<Tensor> inputs;
  Dims shape;
  switch (op) {
    case kForward:
      node = conv2d(x, w, conv);
      inputs = {image_value, filters_value};
      shape = output;
      break;
    case kGradInputs:
      node = conv2d_grad_wrt_inputs(g, w, image[2], image[3], conv);
      inputs = {output_value, filters_value, image_size, image_size};
      shape = image;
      break;
    case kGradWeights:
      node = conv2d_grad_wrt_weights(x, g, filters[2], filters[3], conv);
      inputs = {image_value, output_value, filter_size, filter_size};
      shape = filters;
      break;
  }
  const auto kernels = kernels_of(node.owner()->op().name(), DeviceKind::kCpu);
  const auto best = std::find_if(kernels.begin(), kernels.end(), [&](const auto* kernel) {
    return cpu::SingleKernel(*kernel, node, inputs, shape).made();
  });
  cpu::SingleKernel kernel(**best, node, inputs, shape);
  for (auto _ : state) benchmark::DoNotOptimize(kernel.run().raw_data());
  const double flops = 2.0 * static_cast<double>(element_count(output)) *
                       static_cast<double>(filters[1] * filters[2] * filters[3]);
  double bytes_read = 0;
  for (const Tensor& input : inputs) bytes_read += static_cast<double>(input.bytes());
  cpu::report_rates(state,
                    {flops, bytes_read, static_cast<double>(element_count(shape)) * sizeof(float)});
}

void shapes(benchmark::internal::Benchmark* b) {
  for (int64_t op : {kForward, kGradInputs, kGradWeights}) {
    for (int64_t batch : {20, 500}) {
      // LeNet's layers; the first one's input needs no gradient.
      if (op != kGradInputs) b->Args({op, batch, 1, 28, 20, 5, 0});
      b->Args({op, batch, 20, 12, 50, 5, 0});
    }
    b->Args({op, 8, 64, 56, 64, 1, 0});
    b->Args({op, 8, 64, 56, 64, 3, 1});
    b->Args({op, 8, 256, 14, 256, 3, 1});
  }
}
BENCHMARK(BM_Conv2d)->Apply(shapes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bitale
