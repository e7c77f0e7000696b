// A convolution behind max-pool: the kernels that visit the maxima only, and the one that pools
// what it convolves, give what the dense ones give.

#include <string>
#include <vector>

#include "autograd/grad.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/conv/conv2d_max_pool_internal.h"
#include "ops/conv/conv2d_of_unpooled_internal.h"
#include "ops/elementwise/elementwise.h"
#include "ops/pool/positions.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  Conv2dOptions options = {};
  PoolWindow window = {{2, 2}, {2, 2}, {0, 0}, true};
  Dims image = {3, 4, 9, 11};
  Dims filters = {6, 4, 3, 2};
};

// Small whole numbers: sums are exact in any order, and maxima are often equal.
Tensor whole_numbers(DType dtype, const Dims& shape, uint32_t seed) {
  RandomState rng(seed);
  return rng.randint(-4, 4, shape).cast(dtype);
}

Variable like(const Tensor& value, const char* name) {
  return tensor(value.dtype(), fixed_type(value.dtype(), value.shape()).dims, name);
}

// Runs `op` by its kernel, whose name has `kernel` in it, and by its formula. Integers are built
// in.
void expect_formula(const OpPtr& op, const std::vector<Tensor>& values, const Dims& integers,
                    const char* kernel) {
  Variables arguments;
  for (const Tensor& value : values) arguments.push_back(like(value, "v"));
  Variables inputs = arguments;
  for (const int64_t i : integers) inputs.push_back(scalar_constant_int(DType::kInt64, i));
  const Function fast = function(arguments, apply_op(op, inputs));
  const Function slow = function(arguments, op->formula(inputs), {.mode = kFastCompile});
  const std::vector<Arg> given(values.begin(), values.end());
  const Results found = fast.call(given), expected = slow.call(given);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(equal_to(found[i], expected[i])) << i;
  EXPECT_THAT(fast.program_dump(), HasSubstr(kernel));
}

void expect_formulas(const Case& c, DType dtype) {
  SCOPED_TRACE(std::string(name_of(dtype)));
  const Tensor image = whole_numbers(dtype, c.image, 1),
               filters = whole_numbers(dtype, c.filters, 2);
  for (const bool with_positions : {false, true}) {
    expect_formula(std::make_shared<Conv2dMaxPoolOp>(c.options, c.window, with_positions),
                   {image, filters}, {}, "conv2d_max_pool_panels");
  }
  const Tensor convolved = eval(conv2d(image, filters, c.options));
  const Tensor positions =
      eval(apply_one(std::make_shared<MaxPoolPositionsOp>(c.window), {constant(convolved)}));
  const Tensor grad = whole_numbers(dtype, positions.shape(), 3);
  expect_formula(std::make_shared<Conv2dGradInputsOfUnpooledOp>(c.options),
                 {positions, grad, filters},
                 {c.image[2], c.image[3], convolved.shape()[2], convolved.shape()[3]}, "of_values");
  expect_formula(
      std::make_shared<Conv2dGradWeightsOfUnpooledOp>(c.options), {positions, grad, image},
      {c.filters[2], c.filters[3], convolved.shape()[2], convolved.shape()[3]}, "of_values");
}

void expect_formulas(const Case& c) {
  expect_formulas(c, DType::kFloat32);
  expect_formulas(c, DType::kFloat64);
}

TEST(Conv2dBehindMaxPool, OfManyChannelsAndOfOne) {
  expect_formulas({});
  expect_formulas({.image = {5, 1, 12, 13}, .filters = {7, 1, 5, 5}});
  expect_formulas({.image = {4, 20, 12, 12}, .filters = {10, 20, 5, 5}});
  expect_formulas({.image = {2, 70, 6, 6}, .filters = {3, 70, 3, 3}});
  expect_formulas({.image = {2, 3, 6, 6}, .filters = {3, 3, 1, 1}});
}

// A row of the window is up to a few hundred elements here: gradients of images take one to seven
// of the rows at once, and of 13 rows six and then seven.
TEST(Conv2dBehindMaxPool, OfWindowsThatAreAddedInSeveralPasses) {
  for (const int64_t channels : {2, 9, 18, 33, 60}) {
    expect_formulas({.image = {2, channels, 10, 10}, .filters = {5, channels, 5, 5}});
    expect_formulas({.image = {2, channels, 10, 9}, .filters = {3, channels, 7, 4}});
    expect_formulas({.image = {2, channels, 16, 9}, .filters = {2, channels, 13, 3}});
  }
  expect_formulas({.image = {2, 6, 10, 10}, .filters = {90, 6, 5, 5}});
  expect_formulas(
      {.options = {.num_groups = 2}, .image = {2, 12, 10, 10}, .filters = {60, 6, 5, 5}});
}

// One to three images are cut into parts of rows; odd numbers of them are made even or left.
TEST(Conv2dBehindMaxPool, OfFewImagesInParts) {
  for (const int64_t images : {1, 2, 3}) {
    expect_formulas({.image = {images, 1, 28, 28}, .filters = {20, 1, 5, 5}});
    expect_formulas({.image = {images, 20, 12, 12}, .filters = {50, 20, 5, 5}});
    expect_formulas({.image = {images, 3, 20, 20}, .filters = {32, 3, 3, 3}});
    expect_formulas({.window = {{3, 3}, {2, 2}, {0, 0}, true},
                     .image = {images, 8, 13, 13},
                     .filters = {64, 8, 3, 3}});
    expect_formulas({.window = {{3, 3}, {2, 2}, {0, 0}, true},
                     .image = {images, 3, 69, 69},
                     .filters = {6, 3, 3, 3}});
  }
}

TEST(Conv2dBehindMaxPool, OfOneImageAndOfMany) {
  expect_formulas({.image = {1, 4, 9, 11}});
  expect_formulas({.image = {67, 2, 8, 8}, .filters = {5, 2, 3, 3}});
}

TEST(Conv2dBehindMaxPool, WithEveryBorderStrideDilationAndGroup) {
  expect_formulas({.options = {.border_mode = "full"}});
  expect_formulas({.options = {.border_mode = "half"}});
  expect_formulas({.options = {.border_mode = {{1, 2}, {0, 3}}}});
  expect_formulas(
      {.options = {.border_mode = {1, 2}}, .image = {3, 1, 9, 11}, .filters = {6, 1, 3, 2}});
  expect_formulas({.options = {.subsample = {2, 1}}});
  expect_formulas({.options = {.subsample = {1, 2}}});
  expect_formulas({.options = {.filter_dilation = {2, 1}}});
  expect_formulas({.options = {.filter_dilation = {1, 3}}});
  expect_formulas({.options = {.filter_flip = false}});
  expect_formulas(
      {.options = {.filter_flip = false}, .image = {3, 1, 9, 9}, .filters = {6, 1, 3, 3}});
  expect_formulas({.options = {.num_groups = 2}, .filters = {6, 2, 3, 2}});
  expect_formulas({.options = {.border_mode = "full", .num_groups = 4}, .filters = {8, 1, 3, 2}});
}

TEST(Conv2dBehindMaxPool, WithEveryWindow) {
  expect_formulas({.window = {{3, 3}, {3, 3}, {0, 0}, true}});
  expect_formulas({.window = {{3, 2}, {2, 1}, {0, 0}, true}});  // overlapping
  expect_formulas({.window = {{2, 2}, {2, 2}, {0, 0}, false}});
  expect_formulas({.window = {{2, 3}, {3, 4}, {0, 0}, false}});  // with gaps
  expect_formulas({.window = {{3, 3}, {2, 2}, {1, 2}, true}});
  expect_formulas({.window = {{2, 2}, {2, 2}, {0, 0}, true}, .image = {3, 4, 8, 8}});
  // Large planes, a few rows of which are pooled at once.
  expect_formulas({.image = {2, 2, 70, 67}, .filters = {9, 2, 3, 3}});
  expect_formulas(
      {.window = {{3, 3}, {2, 2}, {1, 1}, true}, .image = {2, 2, 70, 67}, .filters = {9, 2, 3, 3}});
  expect_formulas({.window = {{3, 2}, {4, 2}, {0, 0}, false},
                   .image = {1, 1, 71, 90},
                   .filters = {70, 1, 3, 3}});
}

// A whole training step: rules put the sparse gradients in, and they change no value.
TEST(Conv2dBehindMaxPool, TakesTheDenseGradientsPlace) {
  const Variable x = tensor(DType::kFloat64, {6, 2, 10, 10}, "x");
  RandomState rng(1);
  const Variable w1 = shared(rng.randn({4, 2, 3, 3}), "w1"),
                 w2 = shared(rng.randn({5, 4, 3, 3}), "w2");
  const Variable hidden = tanh(pool_2d(conv2d(x, w1), {2, 2}));
  const Variable cost = sum(sqr(pool_2d(conv2d(hidden, w2), {2, 2})));
  const Variables gradients = grad(cost, {w1, w2});
  const Function f = function({x}, gradients);
  const Function plain = function({x}, gradients, {.mode = kFastCompile});
  const Tensor images = rng.randn({6, 2, 10, 10});
  const Results fast = f(images), slow = plain(images);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(all_close(fast[i], slow[i], 1e-12, 1e-12));
  for (const char* kernel : {"conv2d_grad_wrt_inputs_of_values",
                             "conv2d_grad_wrt_weights_of_values", "conv2d_max_pool{"}) {
    EXPECT_THAT(f.program_dump(), HasSubstr(kernel));
  }
  for (const char* kernel : {"max_pool_grad", "conv2d_panels", "max_pool_vectors"}) {
    EXPECT_THAT(f.program_dump(), Not(HasSubstr(kernel)));
  }
}

// Sizes that are known at a call only.
TEST(Conv2dBehindMaxPool, TakesAnySize) {
  const Variable x = dtensor4("x"), w = dtensor4("w");
  const Variable cost = sum(sqr(pool_2d(conv2d(x, w), {2, 2})));
  const Variables gradients = grad(cost, {x, w});
  const Function f = function({x, w}, gradients);
  const Function plain = function({x, w}, gradients, {.mode = kFastCompile});
  RandomState rng(1);
  for (const int64_t size : {7, 12, 30, 65}) {
    const Tensor images = rng.randn({3, 2, size, size + 1}), filters = rng.randn({4, 2, 3, 2});
    const Results fast = f(images, filters), slow = plain(images, filters);
    for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(all_close(fast[i], slow[i], 1e-12, 1e-12));
  }
  EXPECT_THAT(f.program_dump(), HasSubstr("conv2d_max_pool{"));
}

// Nothing fits in, and nothing is given.
TEST(Conv2dBehindMaxPool, OfNothing) {
  const Variable x = ftensor4("x"), w = ftensor4("w");
  const Function f = function({x, w}, pool_2d(conv2d(x, w), {4, 4}));
  const auto zeros = [](const Dims& dims) { return Tensor::zeros(DType::kFloat32, dims); };
  EXPECT_EQ(f(zeros({0, 1, 9, 9}), zeros({2, 1, 3, 3})).only().shape(), Dims({0, 2, 1, 1}));
  EXPECT_EQ(f(zeros({2, 1, 5, 9}), zeros({2, 1, 3, 3})).only().shape(), Dims({2, 2, 0, 1}));
  EXPECT_EQ(f(zeros({2, 0, 9, 9}), zeros({2, 0, 3, 3})).only().to_vector<float>(),
            std::vector<float>(4));
}

TEST(Conv2dBehindMaxPool, GivesTheSameBitsForAnyNumberOfThreads) {
  const Case c = {.image = {67, 4, 12, 12}, .filters = {9, 4, 5, 5}};
  RandomState rng(1);
  const Variable x = like(Tensor::zeros(DType::kFloat32, c.image), "x");
  const Variable w = like(Tensor::zeros(DType::kFloat32, c.filters), "w");
  const Tensor image = rng.randn(c.image).cast(DType::kFloat32);
  const Tensor filters = rng.randn(c.filters).cast(DType::kFloat32);
  const auto gradients = [&](int threads) {
    options().threads = threads;
    const Results results =
        function({x, w}, grad(sum(sqr(pool_2d(conv2d(x, w), {2, 2}))), {x, w}))(image, filters);
    options().threads = 0;
    return std::vector<Tensor>{results[0], results[1]};
  };
  const std::vector<Tensor> one = gradients(1);
  for (const int threads : {2, 3}) {
    const std::vector<Tensor> many = gradients(threads);
    EXPECT_TRUE(same_bits(one[0], many[0]) && same_bits(one[1], many[1])) << threads;
  }
}

}  // namespace
}  // namespace bitale
