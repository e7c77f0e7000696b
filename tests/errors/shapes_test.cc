// Mistakes about shapes that are found where the graph is built.

#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "ops/conv/conv2d.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/index.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "ops/softmax/softmax.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

constexpr DType kFloat = DType::kFloat32;

// --- Products -----------------------------------------------------------------------------------

TEST(ShapeMistakes, DotOfDifferentInnerDims) {
  const Variable x = tensor(kFloat, {"batch", 784}, "x"), w = tensor(kFloat, {500, 10}, "W");
  expect_mistake<ShapeError>([&] { dot(x, w); }, R"(
dot: inner dims differ: 784 and 500
  operand 0: x float32 (batch, 784), made at {-1}
  operand 1: W float32 (500, 10), made at {-1}
  at: {0}
  hint: the last axis of the left operand is summed with the first of the right; transpose() swaps axes)");
}

TEST(ShapeMistakes, DotOfDifferentNamedDims) {
  const Variable x = tensor(kFloat, {3, "features"}, "x"), w = tensor(kFloat, {"hidden", 10}, "W");
  expect_mistake<ShapeError>([&] { dot(x, w); }, R"(
dot: inner dims differ: features and hidden
  operand 0: x float32 (3, features), made at {-1}
  operand 1: W float32 (hidden, 10), made at {-1}
  at: {0}
  hint: the last axis of the left operand is summed with the first of the right; transpose() swaps axes)");
}

TEST(ShapeMistakes, MatmulOfDifferentInnerDims) {
  const Variable x = tensor(kFloat, {8, 3, 4}, "x"), w = tensor(kFloat, {8, 5, 6}, "W");
  expect_mistake<ShapeError>([&] { matmul(x, w); }, R"(
matmul: inner dims differ: 4 and 5
  operand 0: x float32 (8, 3, 4), made at {-1}
  operand 1: W float32 (8, 5, 6), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, MatmulOfAScalar) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { matmul(x, 2.0); }, R"(
matmul: a scalar has no axis to sum over
  operand 0: x float32 (?, ?), made at {-1}
  operand 1: constant 2 float32 (), made at {0}
  at: {0}
  hint: a scalar times an array is a * b)");
}

// --- Broadcasting -------------------------------------------------------------------------------

TEST(ShapeMistakes, SumOfDifferentFixedDims) {
  const Variable x = tensor(kFloat, {"batch", 10}, "x"), b = tensor(kFloat, {12}, "b");
  expect_mistake<ShapeError>([&] { x + b; }, R"(
add: operands could not be broadcast: (batch, 10) and (12,)
  operand 0: x float32 (batch, 10), made at {-1}
  operand 1: b float32 (12,), made at {-1}
  at: {0}
  hint: dims are aligned from the right; only a dim that is statically 1 is repeated)");
}

TEST(ShapeMistakes, ProductOfDifferentNamedDims) {
  const Variable x = tensor(kFloat, {"batch"}, "x"), y = tensor(kFloat, {"time"}, "y");
  expect_mistake<ShapeError>([&] { x * y; }, R"(
mul: operands could not be broadcast: (batch,) and (time,)
  operand 0: x float32 (batch,), made at {-1}
  operand 1: y float32 (time,), made at {-1}
  at: {0}
  hint: two names are two lengths: give both operands the same Dim, or free one with Dim::unknown())");
}

TEST(ShapeMistakes, ClauseOfAWhereThatDoesNotFit) {
  const Variable x = tensor(kFloat, {4, 5}, "x"), y = tensor(kFloat, {5, 4}, "y");
  expect_mistake<ShapeError>([&] { where(x > 0, x, y); }, R"(
where: operands could not be broadcast: (4, 5), (4, 5) and (5, 4)
  operand 0: gt.0 bool (4, 5), made at {0}
  operand 1: x float32 (4, 5), made at {-1}
  operand 2: y float32 (5, 4), made at {-1}
  at: {0}
  hint: dims are aligned from the right; only a dim that is statically 1 is repeated)");
}

// --- Convolution and pooling --------------------------------------------------------------------

TEST(ShapeMistakes, ConvolutionOfOtherChannels) {
  const Variable images = tensor(kFloat, {500, 3, 28, 28}, "images");
  const Variable filters = tensor(kFloat, {20, 1, 5, 5}, "filters");
  expect_mistake<ShapeError>([&] { conv2d(images, filters); }, R"(
conv2d: channels differ: the input has 3, the filters take 1
  operand 0: images float32 (500, 3, 28, 28), made at {-2}
  operand 1: filters float32 (20, 1, 5, 5), made at {-1}
  at: {0}
  hint: axis 1 of the input and axis 1 of the filters)");
}

TEST(ShapeMistakes, ConvolutionOfFlatImages) {
  const Variable images = fmatrix("images"), filters = ftensor4("filters");
  expect_mistake<ShapeError>([&] { conv2d(images, filters); }, R"(
conv2d: the input must have rank 4, not 2
  operand 0: images float32 (?, ?), made at {-1}
  operand 1: filters float32 (?, ?, ?, ?), made at {-1}
  at: {0}
  hint: images are (batch, channels, height, width), filters (filters, channels, height, width); reshape() or dimshuffle() adds axes)");
}

TEST(ShapeMistakes, ConvolutionWithAFilterLargerThanTheImage) {
  const Variable images = tensor(kFloat, {500, 1, 4, 4}, "images");
  const Variable filters = tensor(kFloat, {20, 1, 5, 5}, "filters");
  expect_mistake<ShapeError>([&] { conv2d(images, filters); }, R"(
conv2d: the filter is larger than the padded input: height 5 and 4
  operand 0: images float32 (500, 1, 4, 4), made at {-2}
  operand 1: filters float32 (20, 1, 5, 5), made at {-1}
  at: {0}
  hint: border_mode "full" or explicit padding extends the input)");
}

TEST(ShapeMistakes, ConvolutionInGroupsThatDoNotDivideTheFilters) {
  const Variable images = tensor(kFloat, {8, 6, 9, 9}, "images");
  const Variable filters = tensor(kFloat, {10, 2, 3, 3}, "filters");
  expect_mistake<ShapeError>([&] { conv2d(images, filters, {.num_groups = 3}); }, R"(
conv2d: 10 filters do not fall into 3 groups
  operand 0: images float32 (8, 6, 9, 9), made at {-2}
  operand 1: filters float32 (10, 2, 3, 3), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, ConvolutionWithStepZero) {
  const Variable images = ftensor4("images"), filters = ftensor4("filters");
  expect_mistake<GraphError>([&] { conv2d(images, filters, {.subsample = {0, 1}}); }, R"(
conv2d: subsample must be at least 1, not 0
  at: {0})");
}

TEST(ShapeMistakes, ConvolutionWithAnUnknownBorderMode) {
  const Variable images = ftensor4("images"), filters = ftensor4("filters");
  expect_mistake<GraphError>([&] { conv2d(images, filters, {.border_mode = "same"}); }, R"(
conv2d: unknown border_mode "same"
  at: {0}
  hint: "valid", "full", "half", {height, width} or {{top, bottom}, {left, right}})");
}

TEST(ShapeMistakes, ConvolutionWithANegativePad) {
  const Variable images = ftensor4("images"), filters = ftensor4("filters");
  expect_mistake<GraphError>([&] { conv2d(images, filters, {.border_mode = -1}); }, R"(
conv2d: padding must not be negative: -1
  at: {0}
  hint: slice the input to crop it)");
}

TEST(ShapeMistakes, PoolingOfAVector) {
  const Variable x = fvector("x");
  expect_mistake<ShapeError>([&] { pool_2d(x, {2, 2}); }, R"(
max_pool: needs at least 2 axes, not 1
  operand 0: x float32 (?,), made at {-1}
  at: {0}
  hint: the last two axes are pooled)");
}

TEST(ShapeMistakes, PoolingWithAnEmptyWindow) {
  const Variable x = ftensor4("x");
  expect_mistake<GraphError>([&] { pool_2d(x, {2, 0}); }, R"(
pool_2d: the window must be at least 1 long, not 0
  at: {0})");
}

TEST(ShapeMistakes, PoolingWithAPadAsLargeAsTheWindow) {
  const Variable x = ftensor4("x");
  expect_mistake<GraphError>([&] { pool_2d(x, {2, 2}, {.pad = {2, 0}}); }, R"(
pool_2d: the pad must be smaller than the window and not negative: pad 2, window 2
  at: {0})");
}

// --- Rearranging --------------------------------------------------------------------------------

TEST(ShapeMistakes, ReshapeToAnotherCount) {
  const Variable x = tensor(kFloat, {20, 50}, "x");
  expect_mistake<ShapeError>([&] { reshape(x, {100, 11}); }, R"(
reshape: the counts of elements differ: (20, 50) does not fill (100, 11)
  operand 0: x float32 (20, 50), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, ReshapeToACountThatNothingCompletes) {
  const Variable x = tensor(kFloat, {20, 50}, "x");
  expect_mistake<ShapeError>([&] { reshape(x, {-1, 30}); }, R"(
reshape: the counts of elements differ: (20, 50) does not fill a multiple of (?, 30)
  operand 0: x float32 (20, 50), made at {-1}
  at: {0}
  hint: the dims beside the -1 must divide the count of elements)");
}

TEST(ShapeMistakes, ReshapeWithTwoFreeDims) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { reshape(x, {-1, -1}); }, R"(
reshape: 2 dims are -1, only one can be inferred
  operand 0: x float32 (?, ?), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, ReshapeToANegativeDim) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { reshape(x, {-2, 3}); }, R"(
reshape: the length of axis 0 is negative: -2
  operand 0: x float32 (?, ?), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, DimshuffleThatNamesAnAxisTwice) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { dimshuffle(x, {0, 1, 0}); }, R"(
dimshuffle: axis 0 appears twice in the order
  operand 0: x float32 (?, ?), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, DimshuffleThatDropsALongAxis) {
  const Variable x = tensor(kFloat, {20, 50}, "x");
  expect_mistake<ShapeError>([&] { dimshuffle(x, {1}); }, R"(
dimshuffle: axis 0 is left out, but its length is 20, not 1
  operand 0: x float32 (20, 50), made at {-1}
  at: {0}
  hint: only axes of length 1 can go; index, reduce or flatten the others)");
}

TEST(ShapeMistakes, TransposeWithTooFewAxes) {
  const Variable x = ftensor3("x");
  expect_mistake<ShapeError>([&] { transpose(x, {1, 0}); }, R"(
transpose: 2 axes for rank 3
  operand 0: x float32 (?, ?, ?), made at {-1}
  at: {0}
  hint: dimshuffle adds and drops axes)");
}

TEST(ShapeMistakes, ConcatenationOfOtherRanks) {
  const Variable x = fmatrix("x"), y = fvector("y");
  expect_mistake<ShapeError>([&] { concatenate({x, y}); }, R"(
concatenate: operand 1 has rank 1, operand 0 has rank 2
  operand 0: x float32 (?, ?), made at {-1}
  operand 1: y float32 (?,), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, ConcatenationWithoutACommonDtype) {
  const Variable x = lvector("x"), y = tensor(DType::kUint64, {Dim::unknown()}, "y");
  expect_mistake<TypeError>([&] { concatenate({x, y}); }, R"(
concatenate: int64 and uint64 have no common integer type
  operand 0: x int64 (?,), made at {-1}
  operand 1: y uint64 (?,), made at {-1}
  at: {0}
  hint: cast one of them, e.g. cast(x, DType::kInt64))");
}

TEST(ShapeMistakes, ConcatenationAlongTheWrongAxis) {
  const Variable x = tensor(kFloat, {3, 4}, "x"), y = tensor(kFloat, {3, 5}, "y");
  expect_mistake<ShapeError>([&] { concatenate({x, y}, 0); }, R"(
concatenate: axis 1 has length 5 in operand 1, 4 before; only axis 0 may differ
  operand 0: x float32 (3, 4), made at {-1}
  operand 1: y float32 (3, 5), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, ConcatenationOfNothing) {
  expect_mistake<ShapeError>([&] { concatenate(Variables()); }, R"(
concatenate: nothing to join: no operand
  at: {0})");
}

TEST(ShapeMistakes, StackOfOtherShapes) {
  const Variable x = tensor(kFloat, {3}, "x"), y = tensor(kFloat, {4}, "y");
  expect_mistake<ShapeError>([&] { stack({x, y}); }, R"(
stack: operand 1 has the dims (4,), operand 0 has (3,)
  operand 0: x float32 (3,), made at {-1}
  operand 1: y float32 (4,), made at {-1}
  at: {0}
  hint: concatenate joins along an axis that may differ)");
}

TEST(ShapeMistakes, SplitIntoPartsThatDoNotAddUp) {
  const Variable x = tensor(kFloat, {10}, "x");
  expect_mistake<ShapeError>([&] { split(x, {3, 4}); }, R"(
split: the lengths (3, 4) sum to 7, axis 0 has length 10
  operand 0: x float32 (10,), made at {-1}
  at: {0})");
}

TEST(ShapeMistakes, SqueezeOfALongAxis) {
  const Variable x = tensor(kFloat, {1, 5}, "x");
  expect_mistake<ShapeError>([&] { squeeze(x, {1}); }, R"(
squeeze: axis 1 has length 5, not 1
  operand 0: x float32 (1, 5), made at {-1}
  at: {0}
  hint: only axes of length 1 can go; index or reduce others)");
}

TEST(ShapeMistakes, BroadcastToAnotherLength) {
  const Variable x = tensor(kFloat, {3}, "x");
  expect_mistake<ShapeError>([&] { broadcast_to(x, {2, 4}); }, R"(
broadcast_to: cannot broadcast (3,) to (2, 4): 3 and 4 differ
  operand 0: x float32 (3,), made at {-1}
  at: {0})");
}

// --- Axes ---------------------------------------------------------------------------------------

TEST(ShapeMistakes, SumOverAnAxisThatIsNotThere) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { sum(x, 2); }, R"(
sum: axis 2 is out of range for an operand of rank 2
  operand 0: x float32 (?, ?), made at {-1}
  at: {0}
  hint: axes run from -2 to 1)");
}

TEST(ShapeMistakes, MeanOverAnAxisTwice) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { mean(x, {0, -2}); }, R"(
mean: axis 0 is named twice in (0, -2)
  operand 0: x float32 (?, ?), made at {-1}
  at: {0}
  hint: name each axis once; negative axes count from the end)");
}

TEST(ShapeMistakes, MaximumOfAnEmptyAxis) {
  const Variable x = tensor(kFloat, {0, 3}, "x");
  expect_mistake<ShapeError>([&] { max(x, 0); }, R"(
max: zero-size reduction has no identity
  operand 0: x float32 (0, 3), made at {-1}
  at: {0}
  hint: max, min, argmax and argmin need at least one element)");
}

TEST(ShapeMistakes, SoftmaxOverAnAxisThatIsNotThere) {
  const Variable x = fvector("x");
  expect_mistake<ShapeError>([&] { softmax(x, 1); }, R"(
softmax: axis 1 is out of range for an operand of rank 1
  operand 0: x float32 (?,), made at {-1}
  at: {0}
  hint: axes run from -1 to 0)");
}

}  // namespace
}  // namespace bitale
