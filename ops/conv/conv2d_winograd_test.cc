// Winograd's kernels of the three convolutions against the reference kernels.

#include <cmath>
#include <limits>
#include <random>
#include <string>
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

struct Case {
  Dims image;
  int64_t filters;
  Conv2dOptions options = {};
  int64_t size = 3;  // of the filters
};

enum class Op { kForward, kGradInputs, kGradWeights };
constexpr Op kOps[] = {Op::kForward, Op::kGradInputs, Op::kGradWeights};

// An application of one of the ops, with operands.
struct Call {
  Variable node;
  std::vector<Tensor> inputs;
  Dims shape;

  std::string op() const { return std::string(node.owner()->op().name()); }
};

Dims filter_shape(const Case& c) {
  return {c.filters, c.image[1] / c.options.num_groups, c.size, c.size};
}

Dims output_shape(const Case& c) {
  const BorderMode& border = c.options.border_mode;
  Dims shape = {c.image[0], c.filters};
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t pads = border.pad(axis, 0, c.size) + border.pad(axis, 1, c.size);
    shape.push_back((c.image[2 + axis] + pads - c.size) / c.options.subsample[axis] + 1);
  }
  return shape;
}

// `fill(shape, seed)` makes an operand.
template <typename Fill>
Call call_of(Op op, const Case& c, DType dtype, Fill&& fill) {
  const auto input = [&](const Dims& shape) {
    return tensor(dtype, fixed_type(dtype, shape).dims);
  };
  const Dims filters = filter_shape(c), output = output_shape(c);
  const Variable x = input(c.image), w = input(filters), g = input(output);
  const Tensor height(c.image[2]), width(c.image[3]), size(c.size);
  switch (op) {
    case Op::kForward:
      return {conv2d(x, w, c.options), {fill(c.image, 1), fill(filters, 2)}, output};
    case Op::kGradInputs:
      return {conv2d_grad_wrt_inputs(g, w, c.image[2], c.image[3], c.options),
              {fill(output, 3), fill(filters, 2), height, width},
              c.image};
    case Op::kGradWeights:
      break;
  }
  return {conv2d_grad_wrt_weights(x, g, c.size, c.size, c.options),
          {fill(c.image, 1), fill(output, 3), size, size},
          filters};
}

const KernelRegistration& kernel_of(const Call& call, std::string_view suffix) {
  for (const KernelRegistration* kernel : kernels_of(call.op(), DeviceKind::kCpu)) {
    if (kernel->name == call.op() + std::string(suffix)) return *kernel;
  }
  throw std::runtime_error("no such kernel");
}

Tensor run(const Call& call, std::string_view suffix) {
  cpu::SingleKernel kernel(kernel_of(call, suffix), call.node, call.inputs, call.shape);
  if (!kernel.made()) {
    ADD_FAILURE() << call.op() << suffix << " refuses the call";
    return Tensor::zeros(call.node.dtype(), call.shape);
  }
  return kernel.run();
}

bool refuses(const Call& call) {
  return !cpu::SingleKernel(kernel_of(call, "_winograd"), call.node, call.inputs, call.shape)
              .made();
}

template <typename Draw>
Tensor drawn(DType dtype, const Dims& shape, uint32_t seed, Draw&& draw) {
  std::mt19937 generator(seed);
  std::vector<double> values(static_cast<size_t>(element_count(shape)));
  for (double& value : values) value = draw(generator);
  return Tensor::from(values, shape).cast(dtype);
}

// Sums of them, and their halves and quarters, are exact in any order.
auto whole_numbers(DType dtype) {
  return [dtype](const Dims& shape, uint32_t seed) {
    return drawn(dtype, shape, seed,
                 [](auto& generator) { return static_cast<double>(generator() >> 29) - 4; });
  };
}

auto normal_numbers(DType dtype) {
  return [dtype](const Dims& shape, uint32_t seed) {
    std::normal_distribution<double> normal;
    return drawn(dtype, shape, seed, normal).cast(DType::kFloat32).cast(dtype);
  };
}

std::vector<Case> cases() {
  return {
      {.image = {3, 17, 21, 19}, .filters = 18},
      {.image = {3, 16, 16, 18}, .filters = 33, .options = {.border_mode = 1}},
      {.image = {2, 19, 15, 17}, .filters = 16, .options = {.border_mode = "full"}},
      {.image = {2, 16, 17, 15},
       .filters = 23,
       .options = {.border_mode = {{1, 0}, {2, 1}}, .filter_flip = false}},
      // Zeros that no output of the gradient for the input needs.
      {.image = {3, 16, 13, 12}, .filters = 16, .options = {.border_mode = {{4, 0}, {0, 3}}}},
      {.image = {2, 48, 18, 16}, .filters = 51, .options = {.border_mode = 1, .num_groups = 3}},
      // One long row of tiles; many images of one tile; outputs one column wide.
      {.image = {1, 16, 4, 301}, .filters = 17},
      {.image = {301, 16, 3, 4}, .filters = 17},
      {.image = {2, 16, 150, 3}, .filters = 16},
      {.image = {1, 16, 5, 1030}, .filters = 16, .options = {.border_mode = {1, 2}}},
      {.image = {1, 130, 16, 33}, .filters = 70, .options = {.border_mode = 1}},
      // Few tiles and many filters.
      {.image = {1, 35, 13, 14}, .filters = 290},
  };
}

TEST(Conv2dWinograd, WholeNumbersGiveExactSums) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const Case& c : cases()) {
      for (const Op op : kOps) {
        const Call call = call_of(op, c, dtype, whole_numbers(dtype));
        EXPECT_EQ(run(call, "_winograd").to_vector<double>(),
                  run(call, "_reference").to_vector<double>())
            << call.op() << " " << to_string(c.image);
      }
    }
  }
}

TEST(Conv2dWinograd, RoundsLittleMoreThanDirectSums) {
  const Case c = {.image = {4, 64, 28, 28}, .filters = 48, .options = {.border_mode = 1}};
  const double depths[] = {64 * 9, 48 * 9, 4 * 28 * 28};
  for (const Op op : kOps) {
    const Call call = call_of(op, c, DType::kFloat32, normal_numbers(DType::kFloat32));
    const Call precise = call_of(op, c, DType::kFloat64, normal_numbers(DType::kFloat64));
    const std::vector<double> values = run(call, "_winograd").to_vector<double>();
    const std::vector<double> exact = run(precise, "_panels").to_vector<double>();
    double squares = 0;
    for (size_t i = 0; i < exact.size(); ++i) squares += std::pow(values[i] - exact[i], 2);
    const double unit = std::numeric_limits<float>::epsilon() * std::sqrt(depths[int(op)]);
    EXPECT_LT(std::sqrt(squares / static_cast<double>(exact.size())), 4 * unit) << call.op();
  }
}

TEST(Conv2dWinograd, AnyNumberOfThreadsGivesTheSameBits) {
  const Case c = {.image = {7, 20, 17, 19}, .filters = 37, .options = {.border_mode = 1}};
  const int before = options().threads;
  for (const Op op : kOps) {
    const Call call = call_of(op, c, DType::kFloat32, normal_numbers(DType::kFloat32));
    options().threads = 1;
    const Tensor one = run(call, "_winograd");
    for (const int threads : {2, 3, 4}) {
      options().threads = threads;
      EXPECT_TRUE(same_bits(one, run(call, "_winograd"))) << call.op() << threads;
    }
  }
  options().threads = before;
}

// Wherever values are not finite, exactly the results that direct sums make so are.
TEST(Conv2dWinograd, WhatIsNotFiniteStaysInItsWindows) {
  const Case c = {.image = {2, 16, 19, 17}, .filters = 16, .options = {.border_mode = 1}};
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double odd_values[] = {kInfinity, -kInfinity, std::nan(""), 3e38};
  for (const Op op : kOps) {
    for (size_t operand : {0, 1}) {
      for (const double odd : odd_values) {
        Call call = call_of(op, c, DType::kFloat32, normal_numbers(DType::kFloat32));
        // The first element, the last, and one in the middle of each operand.
        Tensor& tensor = call.inputs[operand];
        for (const int64_t at : {int64_t{0}, tensor.size() * 2 / 5, tensor.size() - 1}) {
          tensor.data<float>()[at] = static_cast<float>(odd);
        }
        const std::vector<double> values = run(call, "_winograd").to_vector<double>();
        const std::vector<double> expected = run(call, "_reference").to_vector<double>();
        int differing = 0;
        for (size_t i = 0; i < values.size(); ++i) {
          const double tolerance = std::isfinite(expected[i]) ? 1e-3 + 1e-5 * std::fabs(odd) : 0;
          const bool same = std::isnan(expected[i])
                                ? std::isnan(values[i])
                                : values[i] == expected[i] || std::fabs(values[i] - expected[i]) <=
                                                                  (odd == 3e38 ? tolerance : 1e-3);
          differing += !same;
        }
        EXPECT_EQ(differing, 0) << call.op() << " operand " << operand << " with " << odd;
      }
    }
  }
}

TEST(Conv2dWinograd, LeavesOtherWindowsAndSmallSumsToOthers) {
  const Case fitting = {.image = {3, 16, 16, 16}, .filters = 16};
  std::vector<Case> others(7, fitting);
  others[0].size = 5;
  others[1].options.subsample = {1, 2};
  others[2].image[1] = 15;
  others[3].filters = 15;
  others[4].image[0] = 0;
  others[5].image = {3, 16, 7, 7};
  others[6].options.num_groups = 2;
  for (const Op op : kOps) {
    const auto fill = whole_numbers(DType::kFloat32);
    EXPECT_FALSE(refuses(call_of(op, fitting, DType::kFloat32, fill)));
    for (size_t i = 0; i < others.size(); ++i) {
      EXPECT_TRUE(refuses(call_of(op, others[i], DType::kFloat32, fill))) << i;
    }
  }
}

}  // namespace
}  // namespace bitale
