// A convolution behind average-pool: rules make one convolution of both, and change no value of it
// nor of its gradients.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "autograd/grad.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/rewrite/driver.h"
#include "core/rewrite/explain.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/elementwise.h"
#include "ops/pool/pool.h"
#include "ops/reduction/reduction.h"
#include "tests/support/op_test.h"

namespace bitale {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRules[] = {"average_pool_of_conv2d",
                                  "conv2d_grad_wrt_inputs_of_average_pool",
                                  "conv2d_grad_wrt_weights_of_average_pool"};
// Of the largest sums below.
constexpr double kScale = 30;

struct Case {
  Conv2dOptions options = {};
  std::array<int64_t, 2> window = {2, 2};
  PoolOptions pool = {.mode = PoolMode::kAverageExcPad};
  // 11 by 11 values are pooled, and one row and one column of them are left over.
  Dims image = {3, 4, 13, 12};
  Dims filters = {6, 4, 3, 2};
};

// What is pooled, of any number of images, and its gradients for them and the filters.
struct Net {
  Net(const Case& c, DType dtype)
      : x(tensor(dtype, {Dim(), c.image[1], c.image[2], c.image[3]}, "x")),
        w(tensor(dtype, fixed_type(dtype, c.filters).dims, "w")),
        convolved(conv2d(x, w, c.options)),
        pooled(pool_2d(convolved, c.window, c.pool)),
        g(tensor(dtype, pooled.type().dims, "g")),
        gradients(grad(sum(pooled * g), {x, w})) {}

  Variables outputs() const { return {pooled, gradients[0], gradients[1]}; }

  Variable x, w, convolved, pooled, g;
  Variables gradients;
};

// Results of `outputs`, which rules have changed, against those that no rule has.
void expect_same_values(const Net& net, const Variables& outputs, const Dims& image,
                        const Dims& filters, double scale = kScale) {
  const DType dtype = net.x.dtype();
  const Tensor images = random_tensor(image, -1, 1, 1).cast(dtype);
  const Tensor weights = random_tensor(filters, -1, 1, 2).cast(dtype);
  const Tensor pooled = eval(net.pooled, {{net.x, images}, {net.w, weights}}, kFastCompile);
  const Tensor g = random_tensor(pooled.shape(), -1, 1, 3).cast(dtype);
  const Variables inputs = {net.x, net.w, net.g};
  const Results fast = function(inputs, outputs)(images, weights, g);
  const Results plain = function(inputs, outputs, {.mode = kFastCompile})(images, weights, g);
  for (size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_TRUE(close_to(fast[i], plain[i], scale)) << "output " << i;
  }
}

void expect_folded(const Case& c) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    SCOPED_TRACE(absl::StrCat(std::string(name_of(dtype)), " ", to_string(c.image), " ",
                              to_string(c.filters)));
    const Net net(c, dtype);
    const ExplainedGraph graph(net.outputs());
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_THAT(graph.explain(net.outputs()[i]), HasSubstr(kRules[i]));
    }
    expect_same_values(net, net.outputs(), c.image, c.filters);
  }
}

// No rule applies, and each says why.
void expect_refused(const Case& c, const std::string& why) {
  const Net net(c, DType::kFloat64);
  const ExplainedGraph graph(net.outputs());
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(graph.explain(net.outputs()[i]), Not(HasSubstr(kRules[i])));
    EXPECT_THAT(graph.why_not(kRules[i], net.outputs()[i]), HasSubstr(why));
  }
  expect_same_values(net, net.outputs(), c.image, c.filters);
}

TEST(Conv2dBehindAveragePool, OfEveryMode) {
  for (const PoolMode mode : {PoolMode::kSum, PoolMode::kAverageIncPad, PoolMode::kAverageExcPad}) {
    expect_folded({.pool = {.mode = mode}});
  }
}

TEST(Conv2dBehindAveragePool, OfEveryWindow) {
  const auto folded = [](std::array<int64_t, 2> window, std::array<int64_t, 2> stride) {
    expect_folded({.window = window,
                   .pool = {.stride = stride, .mode = PoolMode::kAverageExcPad},
                   .image = {2, 3, 19, 23},
                   .filters = {5, 3, 5, 4}});
  };
  folded({2, 2}, {0, 0});
  folded({3, 3}, {0, 0});
  folded({2, 3}, {0, 0});
  folded({1, 2}, {0, 0});
  folded({2, 1}, {0, 0});
  folded({4, 5}, {0, 0});
  folded({3, 3}, {2, 2});  // overlapping
  folded({2, 2}, {3, 4});  // with gaps
  folded({1, 1}, {2, 2});  // single values
}

TEST(Conv2dBehindAveragePool, WithEveryBorderAndGroup) {
  expect_folded({.options = {.border_mode = "full"}});
  expect_folded({.options = {.border_mode = "half"}});
  expect_folded({.options = {.border_mode = {{1, 2}, {0, 3}}}});
  expect_folded({.options = {.filter_flip = false}});
  expect_folded({.options = {.num_groups = 2}, .filters = {6, 2, 3, 2}});
  expect_folded({.options = {.border_mode = "full", .num_groups = 4, .filter_flip = false},
                 .filters = {8, 1, 3, 2}});
}

// No row of what is convolved is left over, so that nothing is cut.
TEST(Conv2dBehindAveragePool, WithWholeWindowsAtTheBorder) {
  expect_folded({.image = {3, 4, 12, 11}});
  expect_folded({.pool = {.ignore_border = false, .mode = PoolMode::kAverageExcPad},
                 .image = {3, 4, 12, 11}});
}

TEST(Conv2dBehindAveragePool, WhereStridesAndDilationsLieAlongAnotherAxis) {
  expect_folded({.options = {.subsample = {2, 1}}, .window = {1, 2}, .image = {3, 4, 23, 23}});
  expect_folded({.options = {.filter_dilation = {1, 3}}, .window = {2, 1}});
}

TEST(Conv2dBehindAveragePool, OfNoImage) {
  const Net net({}, DType::kFloat32);
  expect_same_values(net, net.outputs(), {0, 4, 13, 12}, {6, 4, 3, 2});
}

TEST(Conv2dBehindAveragePool, IsRefusedWhereItIsNoConvolution) {
  const char* apart = "windows that lie apart have no filter in common";
  expect_refused({.options = {.subsample = {2, 1}}}, apart);
  expect_refused({.options = {.filter_dilation = {1, 2}}}, apart);
  const char* cut = "the pool's windows are not all whole";
  expect_refused({.pool = {.ignore_border = false, .mode = PoolMode::kAverageExcPad}}, cut);
  expect_refused({.pool = {.pad = {1, 1}, .mode = PoolMode::kAverageIncPad}}, cut);
  expect_refused({.window = {12, 2}}, cut);  // no window fits in
}

TEST(Conv2dBehindAveragePool, IsRefusedWhereItIsNoLessWork) {
  const char* grown = "the windows grow by as much as they become fewer";
  expect_refused({.filters = {6, 4, 1, 1}}, grown);
  expect_refused({.window = {3, 3}, .pool = {.stride = {1, 1}, .mode = PoolMode::kSum}}, grown);
  expect_refused({.window = {5, 5}}, "there are too few windows to spread filters for");
}

// Lengths that are known at a call only may be too small for any window.
TEST(Conv2dBehindAveragePool, IsRefusedForUnknownLengths) {
  const Variable x = dtensor4("x"), w = dtensor4("w");
  const Variable pooled = pool_2d(conv2d(x, w), {2, 2}, {.mode = PoolMode::kAverageExcPad});
  EXPECT_THAT(why_not(kRules[0], pooled), HasSubstr("lengths are known at a call only"));
  const Function f = function({x, w}, pooled);
  EXPECT_EQ(f(random_tensor({2, 3, 4, 9}, -1, 1, 1), random_tensor({5, 3, 4, 3}, -1, 1, 2))
                .only()
                .shape(),
            Dims({2, 5, 0, 3}));
}

// Who reads the convolved values makes the convolution necessary; its gradients are less work
// nevertheless.
TEST(Conv2dBehindAveragePool, KeepsWhatOthersRead) {
  const Case c;
  const Net net(c, DType::kFloat64);
  for (const Variable& reader : {net.convolved, tanh(net.convolved)}) {
    Variables outputs = net.outputs();
    outputs.push_back(reader);
    const ExplainedGraph graph(outputs);
    EXPECT_THAT(graph.why_not(kRules[0], net.pooled),
                HasSubstr("the convolved values are needed by themselves"));
    for (size_t i = 1; i < 3; ++i) {
      EXPECT_THAT(graph.explain(net.outputs()[i]), HasSubstr(kRules[i]));
    }
    expect_same_values(net, outputs, c.image, c.filters);
  }
}

// The gradient of what is convolved is asked for as well.
TEST(Conv2dBehindAveragePool, KeepsGradientsThatOthersRead) {
  const Case c;
  const Net net(c, DType::kFloat64);
  Variables outputs = net.outputs();
  outputs.push_back(grad(sum(net.pooled * net.g), net.convolved));
  expect_same_values(net, outputs, c.image, c.filters);
}

// Layer upon layer, as a network has them: no image is pooled, and no gradient of one is made.
TEST(Conv2dBehindAveragePool, TakesTheirPlaceInATrainingStep) {
  const Variable x = tensor(DType::kFloat64, {Dim(), 2, 16, 17}, "x");
  const Variable w1 = tensor(DType::kFloat64, {4, 2, 3, 3}, "w1");
  const Variable w2 = tensor(DType::kFloat64, {5, 4, 3, 3}, "w2");
  const PoolOptions average = {.mode = PoolMode::kAverageIncPad};
  const Variable hidden = tanh(pool_2d(conv2d(x, w1), {2, 2}, average));
  const Variable cost =
      sum(sqr(pool_2d(conv2d(hidden, w2, {.border_mode = "full"}), {2, 2}, average)));
  const Variables gradients = grad(cost, {w1, w2});
  FunctionGraph graph(gradients);
  constexpr Phase kPhases[] = {Phase::kSimplify, Phase::kCanonicalize, Phase::kSpecialize};
  run_phases(graph, kPhases);
  for (const Apply* apply : graph.topological_order()) {
    const Variable& out = apply->output(0);
    if (out.rank() == 4 && out.type().dims[0].is_fixed()) continue;  // filters
    EXPECT_THAT(apply->op().name(), Not(HasSubstr("average_pool"))) << out.str();
  }
  const Tensor images = random_tensor({4, 2, 16, 17}, -1, 1, 1);
  const Tensor weights1 = random_tensor({4, 2, 3, 3}, -1, 1, 2);
  const Tensor weights2 = random_tensor({5, 4, 3, 3}, -1, 1, 3);
  const Results fast = function({x, w1, w2}, gradients)(images, weights1, weights2);
  const Results plain =
      function({x, w1, w2}, gradients, {.mode = kFastCompile})(images, weights1, weights2);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(close_to(fast[i], plain[i], kScale));
}

}  // namespace
}  // namespace bitale
