// Mistakes about layers: the message names the layer, and the line where it was made.

#include <cmath>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "nn/hidden_layer.h"
#include "nn/lenet_conv_pool_layer.h"
#include "nn/logistic_regression.h"
#include "nn/sgd.h"
#include "ops/reduction/reduction.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

constexpr DType kFloat = DType::kFloat32;

class LayerMistakes : public testing::Test {
 protected:
  RandomState rng_{23455};
};

TEST_F(LayerMistakes, HiddenLayerForAnotherWidth) {
  const Variable x = tensor(kFloat, {"batch", 800}, "x");
  expect_mistake<ShapeError>([&] { HiddenLayer(rng_, x, {.n_in = 784, .n_out = 500}); }, R"(
HiddenLayer: n_in is 784, but axis 1 of the input has length 800
  variable: x float32 (batch, 800), made at {-1}
  at: {0} (HiddenLayer))");
}

TEST_F(LayerMistakes, HiddenLayerOfImages) {
  const Variable x = ftensor4("x");
  expect_mistake<ShapeError>([&] { HiddenLayer(rng_, x, {.n_in = 784, .n_out = 500}); }, R"(
HiddenLayer: the input must have rank 2, not 4
  variable: x float32 (?, ?, ?, ?), made at {-1}
  at: {0} (HiddenLayer))");
}

TEST_F(LayerMistakes, HiddenLayerOfIntegers) {
  const Variable x = lmatrix("x");
  expect_mistake<TypeError>([&] { HiddenLayer(rng_, x, {.n_in = 784, .n_out = 500}); }, R"(
HiddenLayer: the input must be of a floating dtype, not int64
  variable: x int64 (?, ?), made at {-1}
  at: {0} (HiddenLayer))");
}

TEST_F(LayerMistakes, HiddenLayerWithoutUnits) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { HiddenLayer(rng_, x, {.n_in = 784}); }, R"(
HiddenLayer: n_out must be positive, not 0
  at: {0} (HiddenLayer))");
}

TEST_F(LayerMistakes, HiddenLayerWithWeightsOfAnotherShape) {
  const Variable x = fmatrix("x"), w = shared(Tensor::zeros(kFloat, {500, 784}), "W");
  const HiddenLayerOptions options = {.n_in = 784, .n_out = 500, .W = w};
  expect_mistake<TypeError>([&] { HiddenLayer(rng_, x, options); }, R"(
HiddenLayer: W must be a shared variable of type float32 (784, 500)
  variable: W float32 (500, 784), made at {-2}
  at: {0} (HiddenLayer))");
}

TEST_F(LayerMistakes, HiddenLayerWithWeightsOfAnotherDtype) {
  const Variable x = fmatrix("x"), w = shared(Tensor::zeros(DType::kFloat64, {4, 3}), "W");
  const HiddenLayerOptions options = {.n_in = 4, .n_out = 3, .W = w};
  expect_mistake<TypeError>([&] { HiddenLayer(rng_, x, options); }, R"(
HiddenLayer: W must be a shared variable of type float32 (4, 3)
  variable: W float64 (4, 3), made at {-2}
  at: {0} (HiddenLayer))");
}

TEST_F(LayerMistakes, HiddenLayerWithoutAGain) {
  const Variable x = fmatrix("x");
  const HiddenLayerOptions options = {.n_in = 4, .n_out = 3, .gain = std::nan("")};
  expect_mistake<GraphError>([&] { HiddenLayer(rng_, x, options); }, R"(
HiddenLayer: gain must be finite, not nan
  at: {0} (HiddenLayer))");
}

TEST_F(LayerMistakes, WeightsOfNoInputs) {
  expect_mistake<GraphError>([&] { uniform_bound(InitRule::kGlorotUniform, 0, 5); }, R"(
initial weights need a positive fan_in and a fan_out that is not negative, not 0 and 5
  at: {0})");
}

TEST_F(LayerMistakes, StepsOfIntegers) {
  const Variable w = shared(Tensor::ones(kFloat, {3}), "w"), rate = ivector("rate");
  expect_mistake<TypeError>([&] { sgd(sum(w), {w}, rate); }, R"(
sgd: learning_rate must be a number or a floating scalar, not rate int32 (?,)
  made at: {-1}
  at: {0})");
}

TEST_F(LayerMistakes, StepsOfAMatrix) {
  const Variable w = shared(Tensor::ones(kFloat, {3}), "w"), rate = fmatrix("rate");
  expect_mistake<TypeError>([&] { sgd(sum(w), {w}, rate); }, R"(
sgd: learning_rate must be a number or a floating scalar, not rate float32 (?, ?)
  made at: {-1}
  at: {0})");
}

TEST_F(LayerMistakes, LogisticRegressionForAnotherWidth) {
  const Variable x = tensor(kFloat, {"batch", 500}, "x");
  expect_mistake<ShapeError>([&] { LogisticRegression(x, {.n_in = 784, .n_out = 10}); }, R"(
LogisticRegression: n_in is 784, but axis 1 of the input has length 500
  variable: x float32 (batch, 500), made at {-1}
  at: {0} (LogisticRegression))");
}

TEST_F(LayerMistakes, ErrorsAgainstAMatrix) {
  const Variable x = fmatrix("x"), y = lmatrix("y");
  const LogisticRegression classifier(x, {.n_in = 784, .n_out = 10});
  expect_mistake<TypeError>([&] { classifier.errors(y); }, R"(
LogisticRegression::errors: y must be an integer vector of class numbers, not y int64 (?, ?)
  made at: {-2}
  at: {0}
  hint: cast(y, DType::kInt32))");
}

TEST_F(LayerMistakes, ErrorsAgainstFloats) {
  const Variable x = fmatrix("x"), y = fvector("y");
  const LogisticRegression classifier(x, {.n_in = 784, .n_out = 10});
  expect_mistake<TypeError>([&] { classifier.errors(y); }, R"(
LogisticRegression::errors: y must be an integer vector of class numbers, not y float32 (?,)
  made at: {-2}
  at: {0}
  hint: cast(y, DType::kInt32))");
}

TEST_F(LayerMistakes, ConvolutionOfOtherChannels) {
  const Variable x = ftensor4("x");
  const LeNetConvPoolLayerOptions options = {.filter_shape = {20, 3, 5, 5},
                                             .image_shape = {500, 1, 28, 28}};
  expect_mistake<ShapeError>([&] { LeNetConvPoolLayer(rng_, x, options); }, R"(
LeNetConvPoolLayer: image_shape has 1 channels, filter_shape expects 3
  at: {0} (LeNetConvPoolLayer))");
}

TEST_F(LayerMistakes, ConvolutionOfImagesOfAnotherSize) {
  const Variable x = tensor(kFloat, {500, 1, 32, 32}, "x");
  const LeNetConvPoolLayerOptions options = {.filter_shape = {20, 1, 5, 5},
                                             .image_shape = {500, 1, 28, 28}};
  expect_mistake<ShapeError>([&] { LeNetConvPoolLayer(rng_, x, options); }, R"(
LeNetConvPoolLayer: image_shape[2] is 28, but axis 2 of the input has length 32
  variable: x float32 (500, 1, 32, 32), made at {-3}
  at: {0} (LeNetConvPoolLayer))");
}

TEST_F(LayerMistakes, ConvolutionOfFlatImages) {
  const Variable x = fmatrix("x");
  const LeNetConvPoolLayerOptions options = {.filter_shape = {20, 1, 5, 5},
                                             .image_shape = {500, 1, 28, 28}};
  expect_mistake<ShapeError>([&] { LeNetConvPoolLayer(rng_, x, options); }, R"(
LeNetConvPoolLayer: the input must have rank 4, not 2
  variable: x float32 (?, ?), made at {-3}
  at: {0} (LeNetConvPoolLayer))");
}

TEST_F(LayerMistakes, ConvolutionWithFiltersLargerThanTheImages) {
  const Variable x = ftensor4("x");
  const LeNetConvPoolLayerOptions options = {.filter_shape = {20, 1, 5, 5},
                                             .image_shape = {500, 1, 4, 4}};
  expect_mistake<ShapeError>([&] { LeNetConvPoolLayer(rng_, x, options); }, R"(
LeNetConvPoolLayer: an image of 4x4 is too small for filters of 5x5 and pooling by 2x2
  at: {0} (LeNetConvPoolLayer))");
}

TEST_F(LayerMistakes, ConvolutionCalledWithImagesOfAnotherSize) {
  const Variable x = ftensor4("x");
  const LeNetConvPoolLayerOptions options = {.filter_shape = {3, 1, 3, 3},
                                             .image_shape = {2, 1, 6, 6}};
  const Function f = function({x}, LeNetConvPoolLayer(rng_, x, options).output());
  expect_mistake<ShapeError>([&] { f(Tensor::ones(kFloat, {2, 1, 8, 6})); }, R"(
specify_shape: an axis has another length than was specified: 8 and 6
  operand 0: x float32 (2, 1, 8, 6), made at {-4}
  at: {-1} (LeNetConvPoolLayer)
  hint: specify_shape and broadcastable promise a length for every call)");
}

TEST_F(LayerMistakes, ConvolutionWithAPoolOfSizeZero) {
  const Variable x = ftensor4("x");
  const LeNetConvPoolLayerOptions options = {
      .filter_shape = {20, 1, 5, 5}, .image_shape = {500, 1, 28, 28}, .pool_size = {0, 2}};
  expect_mistake<ShapeError>([&] { LeNetConvPoolLayer(rng_, x, options); }, R"(
LeNetConvPoolLayer: pool_size must be positive, not 0
  at: {0} (LeNetConvPoolLayer))");
}

}  // namespace
}  // namespace bitale
