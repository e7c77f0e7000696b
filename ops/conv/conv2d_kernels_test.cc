// Every registered kernel of the three convolutions, chosen or not, against the definition.

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <vector>

#include "core/base/options.h"
#include "core/compile/kernel_registry.h"
#include "core/graph/inputs.h"
#include "core/graph/operand.h"
#include "gtest/gtest.h"
#include "ops/conv/conv2d.h"
#include "ops/cpu/single_kernel.h"

namespace bitale {
namespace {

// Small whole numbers: sums are exact in any order.
Tensor whole_numbers(DType dtype, const Dims& shape, uint32_t seed) {
  std::vector<float> values(static_cast<size_t>(element_count(shape)));
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>(seed >> 29) - 4);
  }
  return Tensor::from(values, shape).cast(dtype);
}

struct Case {
  Conv2dOptions options = {};
  // Rows above and below, columns left and right, that the border mode means here.
  std::array<int64_t, 4> pads = {0, 0, 0, 0};
  Dims image = {3, 4, 9, 11};
  Dims filters = {6, 4, 3, 2};
};

struct Tensors {
  Tensor image, filters, output;
};

// By the definition, on plain arrays.
Dims output_shape(const Case& c) {
  Dims shape = {c.image[0], c.filters[0], 0, 0};
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t extent = (c.filters[2 + axis] - 1) * c.options.filter_dilation[axis] + 1;
    const int64_t padded = c.image[2 + axis] + c.pads[2 * axis] + c.pads[2 * axis + 1];
    for (int64_t at = 0; at + extent <= padded; at += c.options.subsample[axis]) ++shape[2 + axis];
  }
  return shape;
}

template <typename Body>
void for_each_product(const Case& c, Body&& body) {
  const Dims out = output_shape(c);
  const int64_t group_filters = c.filters[0] / c.options.num_groups;
  for (int64_t n = 0; n < out[0]; ++n)
    for (int64_t f = 0; f < out[1]; ++f)
      for (int64_t oy = 0; oy < out[2]; ++oy)
        for (int64_t ox = 0; ox < out[3]; ++ox)
          for (int64_t k = 0; k < c.filters[1]; ++k)
            for (int64_t ky = 0; ky < c.filters[2]; ++ky)
              for (int64_t kx = 0; kx < c.filters[3]; ++kx) {
                // True convolution pairs the filter's last tap with the window's first element.
                const int64_t ty = c.options.filter_flip ? c.filters[2] - 1 - ky : ky;
                const int64_t tx = c.options.filter_flip ? c.filters[3] - 1 - kx : kx;
                const int64_t y =
                    oy * c.options.subsample[0] + ty * c.options.filter_dilation[0] - c.pads[0];
                const int64_t x =
                    ox * c.options.subsample[1] + tx * c.options.filter_dilation[1] - c.pads[2];
                if (y < 0 || y >= c.image[2] || x < 0 || x >= c.image[3]) continue;
                const int64_t channel = f / group_filters * c.filters[1] + k;
                body(((n * c.image[1] + channel) * c.image[2] + y) * c.image[3] + x,
                     ((f * c.filters[1] + k) * c.filters[2] + ky) * c.filters[3] + kx,
                     ((n * out[1] + f) * out[2] + oy) * out[3] + ox);
              }
}

enum class Result { kOutput, kImage, kFilters };

std::vector<double> expected(const Case& c, const Tensors& t, Result result) {
  const std::vector<double> image = t.image.to_vector<double>();
  const std::vector<double> filters = t.filters.to_vector<double>();
  const std::vector<double> output = t.output.to_vector<double>();
  const size_t sizes[] = {output.size(), image.size(), filters.size()};
  std::vector<double> sums(sizes[static_cast<size_t>(result)], 0.0);
  for_each_product(c, [&](int64_t i, int64_t f, int64_t o) {
    switch (result) {
      case Result::kOutput:
        sums[o] += image[i] * filters[f];
        break;
      case Result::kImage:
        sums[i] += output[o] * filters[f];
        break;
      case Result::kFilters:
        sums[f] += output[o] * image[i];
        break;
    }
  });
  return sums;
}

bool takes(const KernelRegistration& registration, const Variable& node,
           const std::vector<Tensor>& inputs, const Dims& shape) {
  return cpu::SingleKernel(registration, node, inputs, shape).made();
}

Tensor run_kernel(const KernelRegistration& registration, const Variable& node,
                  const std::vector<Tensor>& inputs, const Dims& shape) {
  cpu::SingleKernel kernel(registration, node, inputs, shape);
  if (!kernel.made()) {
    ADD_FAILURE() << registration.name << " refuses the call";
    return Tensor::zeros(node.dtype(), shape);
  }
  return kernel.run();
}

// Adds the names of the kernels that take the case to `taken`.
void expect_kernels(const Case& c, DType dtype, std::set<std::string_view>& taken) {
  const Dims out_shape = output_shape(c);
  const Tensors t = {whole_numbers(dtype, c.image, 1), whole_numbers(dtype, c.filters, 2),
                     whole_numbers(dtype, out_shape, 3)};
  const Variable x = tensor(dtype, fixed_type(dtype, c.image).dims, "x");
  const Variable w = tensor(dtype, fixed_type(dtype, c.filters).dims, "w");
  const Variable g = tensor(dtype, fixed_type(dtype, out_shape).dims, "g");
  const auto size = [](int64_t length) { return Tensor(length); };
  struct Row {
    Variable node;
    std::vector<Tensor> inputs;
    Dims shape;
    Result result;
  };
  const Row rows[] = {{conv2d(x, w, c.options), {t.image, t.filters}, out_shape, Result::kOutput},
                      {conv2d_grad_wrt_inputs(g, w, c.image[2], c.image[3], c.options),
                       {t.output, t.filters, size(c.image[2]), size(c.image[3])},
                       c.image,
                       Result::kImage},
                      {conv2d_grad_wrt_weights(x, g, c.filters[2], c.filters[3], c.options),
                       {t.image, t.output, size(c.filters[2]), size(c.filters[3])},
                       c.filters,
                       Result::kFilters}};
  for (const Row& row : rows) {
    EXPECT_EQ(row.node.type(), fixed_type(dtype, row.shape));
    const std::string_view op = row.node.owner()->op().name();
    const auto kernels = kernels_of(op, DeviceKind::kCpu);
    const std::vector<double> sums = expected(c, t, row.result);
    int of_case = 0;
    for (const KernelRegistration* kernel : kernels) {
      if (!takes(*kernel, row.node, row.inputs, row.shape)) continue;
      ++of_case;
      taken.insert(kernel->name);
      EXPECT_EQ(run_kernel(*kernel, row.node, row.inputs, row.shape).to_vector<double>(), sums)
          << kernel->name << " " << to_string(c.image) << " " << to_string(c.filters) << " "
          << to_string(row.node.owner()->op().attributes());
    }
    EXPECT_GE(of_case, 2);
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  std::vector<Case> borders;
  borders.push_back({.options = {}});
  borders.push_back({.options = {.border_mode = "full"}, .pads = {2, 2, 1, 1}});
  borders.push_back({.options = {.border_mode = "half"}, .pads = {1, 1, 1, 1}});
  borders.push_back({.options = {.border_mode = 1}, .pads = {1, 1, 1, 1}});
  borders.push_back({.options = {.border_mode = {2, 0}}, .pads = {2, 2, 0, 0}});
  borders.push_back({.options = {.border_mode = {{1, 0}, {3, 2}}}, .pads = {1, 0, 3, 2}});
  for (const Case& border : borders) {
    for (const std::array<int64_t, 2> subsample : {std::array<int64_t, 2>{1, 1}, {2, 3}}) {
      for (int64_t groups : {1, 2}) {
        for (bool flip : {true, false}) {
          Case c = border;
          c.options.subsample = subsample;
          c.options.num_groups = groups;
          c.options.filter_flip = flip;
          c.filters[1] = c.image[1] / groups;
          all.push_back(c);
        }
      }
    }
  }
  // Dilated: a window covers 5 rows and 4 columns.
  all.push_back({.options = {.filter_dilation = {2, 3}}});
  all.push_back(
      {.options = {.border_mode = "full", .filter_dilation = {2, 3}}, .pads = {4, 4, 3, 3}});
  all.push_back({.options = {.border_mode = "half",
                             .subsample = {1, 2},
                             .filter_dilation = {2, 3},
                             .num_groups = 2,
                             .filter_flip = false},
                 .pads = {2, 2, 2, 2},
                 .filters = {6, 2, 3, 2}});
  // Outputs of one position, panels over several images.
  all.push_back({.image = {21, 2, 3, 5}, .filters = {3, 2, 3, 5}});
  // Whole vectors; rows longer than a panel; more positions than a chunk.
  all.push_back({.image = {2, 3, 12, 12}, .filters = {7, 3, 5, 5}});
  all.push_back({.image = {2, 1, 28, 41}, .filters = {13, 1, 5, 4}});
  // Rows of windows of which quarters of a panel are whole parts, of any width of vectors.
  for (const int64_t height : {8, 9}) {
    all.push_back({.image = {2, 3, height, 16}, .filters = {7, 3, 5, 5}});
  }
  // Every other column, in whole rows of the image and in ragged ones, with padding and without;
  // windows with gaps between them.
  for (const int64_t width : {24, 41}) {
    const Case c = {
        .options = {.subsample = {2, 2}}, .image = {2, 3, 12, width}, .filters = {7, 3, 6, 6}};
    all.push_back(c);
    all.push_back(c);
    all.back().options.border_mode = {{1, 0}, {3, 2}};
    all.back().pads = {1, 0, 3, 2};
  }
  all.push_back(
      {.options = {.subsample = {3, 4}}, .image = {2, 3, 9, 12}, .filters = {4, 3, 2, 2}});
  // Deeper than a block; as many groups as channels.
  all.push_back({.image = {2, 40, 6, 7}, .filters = {5, 40, 3, 3}});
  all.push_back({.options = {.num_groups = 4}, .image = {2, 4, 6, 7}, .filters = {8, 1, 3, 3}});
  // Groups of one channel, as many of them as direct sums take: some filters each; windows apart
  // and with gaps; rows shorter than a vector, and longer than several.
  for (const std::array<int64_t, 2> subsample : {std::array<int64_t, 2>{1, 1}, {2, 2}, {3, 2}}) {
    for (const int64_t dilation : {1, 2}) {
      all.push_back({.options = {.border_mode = {{2, 0}, {1, 3}},
                                 .subsample = subsample,
                                 .filter_dilation = {dilation, dilation},
                                 .num_groups = 9,
                                 .filter_flip = dilation == 1},
                     .pads = {2, 0, 1, 3},
                     .image = {2, 9, 8, 7},
                     .filters = {18, 1, 3, 3}});
    }
  }
  all.push_back({.options = {.subsample = {4, 5}, .num_groups = 16},
                 .image = {2, 16, 17, 24},
                 .filters = {16, 1, 3, 2}});
  all.push_back({.image = {17, 1, 19, 83}, .filters = {5, 1, 5, 4}});
  all.push_back({.image = {17, 1, 5, 6}, .filters = {4, 1, 5, 6}});
  all.push_back({.options = {.border_mode = 1},
                 .pads = {1, 1, 1, 1},
                 .image = {2, 3, 19, 30},
                 .filters = {20, 3, 3, 3}});
  // Several padded images in one block, one after the other and a few at once, with borders that
  // hold what the image before left.
  for (const int64_t step : {1, 2}) {
    all.push_back({.options = {.border_mode = 1, .subsample = {step, step}},
                   .pads = {1, 1, 1, 1},
                   .image = {5, 2, 20 * step, 20 * step},
                   .filters = {3, 2, 3, 3}});
    all.push_back({.options = {.border_mode = 1, .subsample = {step, step}},
                   .pads = {1, 1, 1, 1},
                   .image = {9, 2, 40, 33},
                   .filters = {3, 2, 3, 3}});
  }
  // Bands of rows and of images, and channels and filters that fill vectors: windows side by side,
  // apart, further apart than they reach, with gaps; borders wider than a window's step.
  for (const int64_t groups : {1, 2}) {
    const auto add = [&](Conv2dOptions options, std::array<int64_t, 4> pads, Dims image,
                         Dims filters) {
      options.num_groups = groups;
      options.filter_flip = groups == 1;
      image[1] *= groups;
      filters[0] *= groups;
      all.push_back({options, pads, image, filters});
    };
    add({.border_mode = "half"}, {2, 2, 1, 1}, {2, 16, 9, 29}, {16, 16, 5, 3});
    add({.border_mode = "full"}, {1, 1, 3, 3}, {7, 16, 4, 5}, {15, 16, 2, 4});
    add({.border_mode = 1, .subsample = {2, 2}}, {1, 1, 1, 1}, {2, 16, 15, 26}, {32, 16, 3, 3});
    add({.border_mode = {{3, 0}, {1, 7}}, .subsample = {1, 3}}, {3, 0, 1, 7}, {3, 16, 9, 12},
        {5, 16, 3, 2});
    add({.subsample = {3, 4}}, {}, {2, 15, 18, 20}, {3, 15, 2, 3});
    add({.border_mode = 1}, {1, 1, 1, 1}, {2, 16, 9, 14}, {17, 16, 3, 3});
    add({.border_mode = 2, .subsample = {2, 3}, .filter_dilation = {3, 2}}, {2, 2, 2, 2},
        {2, 16, 17, 19}, {9, 16, 3, 3});
  }
  // Several panels and several blocks of the depth, both ways; few bands, which threads share by
  // panels; planes that compete for the same places of a cache.
  all.push_back({.image = {2, 40, 9, 13}, .filters = {72, 40, 3, 3}});
  all.push_back({.options = {.border_mode = 1, .subsample = {2, 2}},
                 .pads = {1, 1, 1, 1},
                 .image = {1, 80, 7, 6},
                 .filters = {80, 80, 3, 3}});
  all.push_back(
      {.options = {.subsample = {2, 2}}, .image = {2, 16, 32, 16}, .filters = {16, 16, 4, 4}});
  // Nothing to sum, or nothing to sum it for.
  for (const auto& [batch, channels, filters] :
       {std::array<int64_t, 3>{0, 16, 16}, {2, 0, 16}, {2, 16, 0}}) {
    for (const int64_t step : {1, 2}) {
      all.push_back({.options = {.border_mode = 1, .subsample = {step, step}},
                     .pads = {1, 1, 1, 1},
                     .image = {batch, channels, 29, 13},
                     .filters = {filters, channels, 3, 3}});
    }
  }
  for (const Dims& image : {Dims{2, 16, 0, 5}, Dims{2, 16, 5, 0}, Dims{2, 16, 0, 0}}) {
    all.push_back({.options = {.border_mode = 2},
                   .pads = {2, 2, 2, 2},
                   .image = image,
                   .filters = {16, 16, 3, 3}});
  }
  // Gradients of filters that several threads put in order, of groups and without.
  for (const bool flip : {true, false}) {
    all.push_back(
        {.options = {.filter_flip = flip}, .image = {2, 40, 7, 6}, .filters = {24, 40, 3, 2}});
    all.push_back({.options = {.num_groups = 2, .filter_flip = flip},
                   .image = {2, 80, 7, 6},
                   .filters = {48, 40, 3, 2}});
  }
  // Windows of one element: images smaller than a panel, rows of several panels, deeper than a
  // block, with many filters, apart from each other; no images; no filters.
  all.push_back({.image = {2, 3, 4, 5}, .filters = {4, 3, 1, 1}});
  all.push_back({.image = {3, 8, 9, 13}, .filters = {7, 8, 1, 1}});
  all.push_back({.image = {2, 330, 5, 3}, .filters = {140, 330, 1, 1}});
  for (const std::array<int64_t, 2> subsample : {std::array<int64_t, 2>{1, 1}, {2, 3}}) {
    all.push_back({.options = {.subsample = subsample, .num_groups = 3},
                   .image = {5, 15, 16, 18},
                   .filters = {21, 5, 1, 1}});
  }
  all.push_back({.image = {0, 3, 4, 5}, .filters = {4, 3, 1, 1}});
  all.push_back({.image = {2, 3, 4, 5}, .filters = {0, 3, 1, 1}});
  all.push_back({.image = {0, 3, 4, 5}, .filters = {4, 3, 2, 2}});
  all.push_back({.image = {2, 3, 4, 5}, .filters = {0, 3, 2, 2}});
  all.push_back({.image = {2, 0, 4, 5}, .filters = {3, 0, 2, 2}});
  return all;
}

void expect_every_kernel(DType dtype) {
  std::set<std::string_view> taken;
  for (const Case& c : cases()) expect_kernels(c, dtype, taken);
  for (const char* op : {"conv2d", "conv2d_grad_wrt_inputs", "conv2d_grad_wrt_weights"}) {
    for (const KernelRegistration* kernel : kernels_of(op, DeviceKind::kCpu)) {
      EXPECT_TRUE(taken.contains(kernel->name)) << kernel->name << " takes no case";
    }
  }
}

TEST(Conv2dKernels, FloatEqualsTheDefinition) { expect_every_kernel(DType::kFloat32); }
TEST(Conv2dKernels, DoubleEqualsTheDefinition) { expect_every_kernel(DType::kFloat64); }

void expect_same_bits_for_any_threads(const Case& c) {
  const Dims out_shape = output_shape(c);
  const auto noise = [](const Dims& shape) {
    Tensor numbers = whole_numbers(DType::kFloat32, shape, 5);
    for (int64_t i = 0; i < numbers.size(); ++i) {
      numbers.data<float>()[i] += 1.0f / static_cast<float>(i + 3);
    }
    return numbers;
  };
  const Tensor image = noise(c.image), filters = noise(c.filters), output = noise(out_shape);
  const Variable x = ftensor4("x"), w = ftensor4("w"), g = ftensor4("g");
  const Variable nodes[] = {conv2d(x, w, c.options),
                            conv2d_grad_wrt_inputs(g, w, c.image[2], c.image[3], c.options),
                            conv2d_grad_wrt_weights(x, g, c.filters[2], c.filters[3], c.options)};
  const Tensor size(int64_t{5});
  const std::vector<Tensor> inputs[] = {
      {image, filters}, {output, filters, size, size}, {image, output, size, size}};
  const Dims shapes[] = {out_shape, c.image, c.filters};
  const int before = options().threads;
  for (size_t i = 0; i < 3; ++i) {
    for (const KernelRegistration* kernel :
         kernels_of(nodes[i].owner()->op().name(), DeviceKind::kCpu)) {
      if (kernel->kind != KernelKind::kTuned) continue;
      if (!takes(*kernel, nodes[i], inputs[i], shapes[i])) continue;
      options().threads = 1;
      const Tensor one = run_kernel(*kernel, nodes[i], inputs[i], shapes[i]);
      for (int threads : {2, 3, 4}) {
        options().threads = threads;
        EXPECT_TRUE(same_bits(one, run_kernel(*kernel, nodes[i], inputs[i], shapes[i])))
            << kernel->name;
      }
    }
  }
  options().threads = before;
}

TEST(Conv2dKernels, AnyNumberOfThreadsGivesTheSameBits) {
  // One image's panels are shared.
  expect_same_bits_for_any_threads({.options = {.border_mode = 1},
                                    .pads = {1, 1, 1, 1},
                                    .image = {1, 80, 7, 5},
                                    .filters = {80, 80, 3, 3}});
  for (const int64_t step : {1, 2}) {
    expect_same_bits_for_any_threads({.options = {.border_mode = "half", .subsample = {1, step}},
                                      .pads = {2, 2, 2, 2},
                                      .image = {40, 5, 14, 13},
                                      .filters = {18, 5, 5, 5}});
    expect_same_bits_for_any_threads({.options = {.border_mode = "half", .subsample = {step, step}},
                                      .pads = {2, 2, 2, 2},
                                      .image = {9, 16, 30, 26},
                                      .filters = {32, 16, 5, 5}});
    expect_same_bits_for_any_threads({.options = {.subsample = {1, step}},
                                      .image = {40, 17, 14, 13},
                                      .filters = {70, 17, 1, 1}});
    expect_same_bits_for_any_threads(
        {.options = {.border_mode = 1, .subsample = {step, step}, .num_groups = 6},
         .pads = {1, 1, 1, 1},
         .image = {8, 6, 14, 13},
         .filters = {12, 1, 3, 3}});
  }
}

}  // namespace
}  // namespace bitale
