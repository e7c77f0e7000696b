// Mistakes that only a call shows, II: what slices, joins, repeats, gathers and convolves at run time.

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/control/map.h"
#include "ops/conv/conv2d.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/creation/shape_of.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/pool/pool.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/dimshuffle.h"
#include "ops/shape/reshape.h"
#include "ops/shape/specify_shape.h"
#include "ops/shape/tile.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

constexpr DType kFloat = DType::kFloat32;

Tensor floats(const Dims& shape) { return Tensor::ones(kFloat, shape); }
Tensor integers(std::initializer_list<int64_t> values) { return Tensor::of<int64_t>(values); }

// --- Indices ------------------------------------------------------------------------------------

TEST(CallIndexMistakes, AnIndexThatWasInRangeAtAnEarlierCall) {
  const Variable x = fmatrix("x"), i = lscalar("i");
  const Function f = function({x, i}, x[{slice(), i}]);
  EXPECT_EQ(Tensor(f(floats({2, 3}), 2)).shape(), Dims({2}));
  expect_mistake<ShapeError>([&] { f(floats({2, 3}), -4); }, R"(
subtensor: index -4 is out of range for axis 1; the nearest valid one is -3
  operand 0: x float32 (2, 3), made at {-3}
  operand 1: i int64 (), made at {-3}
  at: {-2}
  hint: valid indices run from -length to length - 1)");
}

TEST(CallIndexMistakes, AnIndexOfAnEmptyAxis) {
  const Variable x = fvector("x");
  const Function f = function({x}, x[-1]);
  expect_mistake<ShapeError>([&] { f(floats({0})); }, R"(
subtensor: an axis of length 0 has no element to index
  operand 0: x float32 (0,), made at {-2}
  at: {-1})");
}

TEST(CallIndexMistakes, AMinibatchBeyondTheData) {
  const Variable data = shared(floats({100, 4}), "data"), index = lscalar("index");
  const Variable x = fmatrix("x");
  const Givens givens = {{x, data[slice(index * 30, (index + 1) * 30)]}};
  const Function f = function({index}, max(x), {.givens = givens});
  expect_mistake<ShapeError>([&] { f(4); }, R"(
max: zero-size reduction has no identity
  operand 0: subtensor.0 float32 (0, 4), made at {-2}
  at: {-1}
  hint: max, min, argmax and argmin need at least one element)");
}

TEST(CallIndexMistakes, ARowToTakeThatIsNotThere) {
  const Variable x = fmatrix("x"), rows = lvector("rows");
  const Function f = function({x, rows}, take(x, rows, 1));
  expect_mistake<ExecutionError>([&] { f(floats({2, 3}), integers({0, -4})); }, R"(
advanced_subtensor: index -4 is out of range for axis 1 of length 3
  operand 0: x float32 (2, 3), made at {-2}
  operand 1: rows int64 (2,), made at {-2}
  at: {-1}
  hint: valid indices run from -length to length - 1)");
}

TEST(CallIndexMistakes, ALabelBeyondTheColumns) {
  const Variable p = fmatrix("p"), y = lvector("y");
  const Function f = function({p, y}, -mean(log(p)[{arange(shape(y, 0)), y}]));
  expect_mistake<ExecutionError>([&] { f(floats({2, 3}), integers({0, 3})); }, R"(
advanced_subtensor: index 3 is out of range for axis 1 of length 3
  operand 0: log.0 float32 (2, 3), made at {-1}
  operand 1: arange.0 int64 (2,), made at {-1}
  operand 2: y int64 (2,), made at {-2}
  at: {-1}
  hint: valid indices run from -length to length - 1)");
}

TEST(CallIndexMistakes, IndexArraysThatDiffer) {
  const Variable x = fmatrix("x"), i = lvector("i"), j = lvector("j");
  const Function f = function({x, i, j}, x[{i, j}]);
  expect_mistake<ShapeError>([&] { f(floats({4, 4}), integers({0, 1}), integers({0, 1, 2})); },
                             R"(
advanced_subtensor: the index arrays differ in their dims: 2 and 3
  operand 0: x float32 (4, 4), made at {-2}
  operand 1: i int64 (2,), made at {-2}
  operand 2: j int64 (3,), made at {-2}
  at: {-1}
  hint: an axis of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis))");
}

TEST(CallIndexMistakes, AWriteBeyondTheEnd) {
  const Variable x = fvector("x"), i = lvector("i");
  const Function f = function({x, i}, inc_subtensor(x[i], 1.0f));
  expect_mistake<ExecutionError>([&] { f(floats({4}), integers({4})); }, R"(
advanced_inc_subtensor: index 4 is out of range for axis 0 of length 4
  operand 0: x float32 (4,), made at {-2}
  operand 1: broadcast_to.0 float32 (1,), made at {-1}
  operand 2: i int64 (1,), made at {-2}
  at: {-1}
  hint: valid indices run from -length to length - 1)");
}

TEST(CallIndexMistakes, AWrittenValueOfAnotherLength) {
  const Variable x = fvector("x"), v = fvector("v");
  const Function f = function({x, v}, set_subtensor(x[slice(0, 3)], v));
  expect_mistake<ShapeError>([&] { f(floats({10}), floats({4})); }, R"(
set_subtensor: the value does not fill the part that is written: lengths differ: 4 and 3
  operand 0: x float32 (10,), made at {-2}
  operand 1: v float32 (4,), made at {-2}
  at: {-1})");
}

TEST(CallIndexMistakes, AGatheredValueOfAnotherLength) {
  const Variable x = fvector("x"), i = lvector("i"), v = fvector("v");
  const Function f = function({x, i, v}, set_subtensor(x[i], v));
  expect_mistake<ShapeError>([&] { f(floats({10}), integers({1, 2}), floats({3})); }, R"(
advanced_set_subtensor: the value does not fill the part that is written: lengths differ: 3 and 2
  operand 0: x float32 (10,), made at {-2}
  operand 1: v float32 (3,), made at {-2}
  operand 2: i int64 (2,), made at {-2}
  at: {-1})");
}

// --- Rearranging --------------------------------------------------------------------------------

TEST(CallShapeMistakes, SplitIntoPartsThatDoNotAddUp) {
  const Variable x = fvector("x"), n = lscalar("n");
  const Variables parts = split(x, {n, 3});
  const Function f = function({x, n}, parts);
  expect_mistake<ShapeError>([&] { f(floats({10}), 4); }, R"(
split: the lengths (?, 3) sum to 7, axis 0 has length 10
  operand 0: x float32 (10,), made at {-3}
  operand 1: n int64 (), made at {-3}
  at: {-2})");
}

TEST(CallShapeMistakes, SplitOfAnAxisOfAnotherLength) {
  const Variable x = fvector("x");
  const Function f = function({x}, split(x, {4, 5}));
  expect_mistake<ShapeError>([&] { f(floats({10})); }, R"(
split: the lengths (4, 5) sum to 9, axis 0 has length 10
  operand 0: x float32 (10,), made at {-2}
  at: {-1})");
}

TEST(CallShapeMistakes, TileANegativeNumberOfTimes) {
  const Variable x = fvector("x"), n = lscalar("n");
  const Function f = function({x, n}, tile(x, {n}));
  expect_mistake<ShapeError>([&] { f(floats({10}), -2); }, R"(
broadcast_to: the length of axis 0 is negative: -2
  operand 0: dimshuffle.0 float32 (1, 10), made at {-1} (tile)
  operand 1: n int64 (), made at {-2}
  at: {-1} (tile)
  hint: lengths come from integers that must be 0 or more at every call)");
}

TEST(CallShapeMistakes, RepeatANegativeNumberOfTimes) {
  const Variable x = fvector("x"), n = lscalar("n");
  const Function f = function({x, n}, repeat(x, n, 0));
  expect_mistake<ShapeError>([&] { f(floats({10}), -2); }, R"(
broadcast_to: the length of axis 1 is negative: -2
  operand 0: dimshuffle.0 float32 (10, 1), made at {-1} (repeat)
  operand 1: n int64 (), made at {-2}
  at: {-1} (repeat)
  hint: lengths come from integers that must be 0 or more at every call)");
}

TEST(CallShapeMistakes, ARangeWithStepZero) {
  const Variable step = lscalar("step");
  const Function f = function({step}, arange(0, 10, step));
  expect_mistake<ShapeError>([&] { f(0); }, R"(
arange: the step is 0
  operand 0: constant 0 int64 (), made at {-1}
  operand 1: constant 10 int64 (), made at {-1}
  operand 2: step int64 (), made at {-2}
  at: {-1})");
}

TEST(CallShapeMistakes, EyeOfANegativeSize) {
  const Variable n = lscalar("n");
  const Function f = function({n}, eye(n));
  expect_mistake<ShapeError>([&] { f(-1); }, R"(
broadcast_to: the length of axis 0 is negative: -1
  operand 0: eq.0 bool (0, 0), made at {-1} (eye)
  operand 1: n int64 (), made at {-2}
  operand 2: n int64 (), made at {-2}
  at: {-1} (eye)
  hint: lengths come from integers that must be 0 or more at every call)");
}

TEST(CallShapeMistakes, SqueezeOfALongAxis) {
  const Variable x = fmatrix("x");
  const Function f = function({x}, squeeze(x, {1}));
  expect_mistake<ShapeError>([&] { f(floats({4, 2})); }, R"(
specify_shape: an axis has another length than was specified: 2 and 1
  operand 0: x float32 (4, 2), made at {-2}
  at: {-1} (squeeze)
  hint: specify_shape and broadcastable promise a length for every call)");
}

TEST(CallShapeMistakes, DimshuffleThatDropsAnAxisOfUnknownLength) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { dimshuffle(x, {0}); }, R"(
dimshuffle: axis 1 is left out, but its length is ?, not 1
  operand 0: x float32 (?, ?), made at {-1}
  at: {0}
  hint: say broadcastable(x, axis) if the length is 1 at every call)");
}

TEST(CallShapeMistakes, BroadcastToAnotherLength) {
  const Variable x = fvector("x"), n = lscalar("n");
  const Function f = function({x, n}, broadcast_to(x, {2, n}));
  expect_mistake<ShapeError>([&] { f(floats({4}), 5); }, R"(
broadcast_to: axis 0 has length 4, which does not broadcast to 5
  operand 0: x float32 (4,), made at {-2}
  operand 1: n int64 (), made at {-2}
  at: {-1}
  hint: only a dim that is statically 1 is repeated: say broadcastable(x, axis))");
}

TEST(CallShapeMistakes, ABroadcastableAxisThatIsLong) {
  const Variable x = fmatrix("x"), y = fmatrix("y");
  const Function f = function({x, y}, broadcastable(x, {0}) + y);
  expect_mistake<ShapeError>([&] { f(floats({2, 3}), floats({4, 3})); }, R"(
specify_shape: an axis has another length than was specified: 2 and 1
  operand 0: x float32 (2, 3), made at {-2}
  at: {-1}
  hint: specify_shape and broadcastable promise a length for every call)");
}

TEST(CallShapeMistakes, StackOfOtherShapes) {
  const Variable x = fvector("x"), y = fvector("y");
  const Function f = function({x, y}, stack({x, y}));
  expect_mistake<ShapeError>([&] { f(floats({2}), floats({3})); }, R"(
concatenate: lengths differ beside the axis that is joined: 2 and 3
  operand 0: dimshuffle.0 float32 (1, 2), made at {-1} (stack)
  operand 1: dimshuffle.0 float32 (1, 3), made at {-1} (stack)
  at: {-1} (stack))");
}

TEST(CallShapeMistakes, SumsThatMeetDeepInAnExpression) {
  const Variable x = fmatrix("x"), b = fvector("b"), c = fvector("c");
  const Variable hidden = tanh(x * 2.0 + b);
  const Variable scaled = hidden * c;
  const Function f = function({x, b, c}, sum(scaled));
  expect_mistake<ShapeError>([&] { f(floats({3, 4}), floats({4}), floats({5})); }, R"(
mul: operands could not be broadcast: dims differ: 4 and 5
  operand 0: tanh.0 float32 (3, 4), made at {-3}
  operand 1: c float32 (5,), made at {-4}
  at: {-2}
  hint: dims are aligned from the right; one of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis), or give the dim as 1)");
}

TEST(CallShapeMistakes, ANameThatAGivenContradicts) {
  const Variable x = tensor(kFloat, {"n"}, "x"), y = tensor(kFloat, {"n"}, "y");
  const Variable z = fvector("z");
  const Function f = function({x, z}, x * y, {.givens = {{y, z}}});
  expect_mistake<ShapeError>([&] { f(floats({3}), floats({4})); }, R"(
mul: operands could not be broadcast: dims differ: 3 and 4
  operand 0: x float32 (3,), made at {-3}
  operand 1: z float32 (4,), made at {-2}
  at: {-1}
  hint: dims are aligned from the right; one of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis), or give the dim as 1)");
}

// --- Convolution and pooling --------------------------------------------------------------------

TEST(CallImageMistakes, AFilterLargerThanTheImage) {
  const Variable x = ftensor4("x"), w = ftensor4("w");
  const Function f = function({x, w}, conv2d(x, w));
  expect_mistake<ShapeError>([&] { f(floats({1, 1, 4, 8}), floats({1, 1, 5, 5})); }, R"(
conv2d: the filter is larger than the padded input: height 5 and 4
  operand 0: x float32 (1, 1, 4, 8), made at {-2}
  operand 1: w float32 (1, 1, 5, 5), made at {-2}
  at: {-1}
  hint: border_mode "full" or explicit padding extends the input)");
}

TEST(CallImageMistakes, FiltersThatDoNotFallIntoGroups) {
  const Variable x = ftensor4("x"), w = ftensor4("w");
  const Function f = function({x, w}, conv2d(x, w, {.num_groups = 2}));
  expect_mistake<ShapeError>([&] { f(floats({1, 4, 8, 8}), floats({3, 2, 5, 5})); }, R"(
conv2d: 3 filters do not fall into 2 groups
  operand 0: x float32 (1, 4, 8, 8), made at {-2}
  operand 1: w float32 (3, 2, 5, 5), made at {-2}
  at: {-1})");
}

TEST(CallImageMistakes, AnOutputGradientOfAnotherSize) {
  const Variable g = ftensor4("g"), w = ftensor4("w");
  const Function f = function({g, w}, conv2d_grad_wrt_inputs(g, w, 28, 28));
  expect_mistake<ShapeError>([&] { f(floats({1, 2, 23, 24}), floats({2, 3, 5, 5})); }, R"(
conv2d_grad_wrt_inputs: output_grad has another height than the output: 23 and 24
  operand 0: g float32 (1, 2, 23, 24), made at {-2}
  operand 1: w float32 (2, 3, 5, 5), made at {-2}
  operand 2: constant 28 int64 (), made at {-1}
  operand 3: constant 28 int64 (), made at {-1}
  at: {-1})");
}

TEST(CallImageMistakes, AnOutputGradientOfAnotherBatch) {
  const Variable x = ftensor4("x"), g = ftensor4("g");
  const Function f = function({x, g}, conv2d_grad_wrt_weights(x, g, 5, 5));
  expect_mistake<ShapeError>([&] { f(floats({2, 3, 28, 28}), floats({1, 4, 24, 24})); }, R"(
conv2d_grad_wrt_weights: batch dims differ: 2 and 1
  operand 0: x float32 (2, 3, 28, 28), made at {-2}
  operand 1: g float32 (1, 4, 24, 24), made at {-2}
  operand 2: constant 5 int64 (), made at {-1}
  operand 3: constant 5 int64 (), made at {-1}
  at: {-1})");
}

TEST(CallImageMistakes, AnOutputGradientOfOtherFilters) {
  const Variable g = ftensor4("g"), w = ftensor4("w");
  const Function f = function({g, w}, conv2d_grad_wrt_inputs(g, w, 28, 28));
  expect_mistake<ShapeError>([&] { f(floats({1, 4, 24, 24}), floats({2, 3, 5, 5})); }, R"(
conv2d_grad_wrt_inputs: the numbers of filters differ: 4 and 2
  operand 0: g float32 (1, 4, 24, 24), made at {-2}
  operand 1: w float32 (2, 3, 5, 5), made at {-2}
  operand 2: constant 28 int64 (), made at {-1}
  operand 3: constant 28 int64 (), made at {-1}
  at: {-1})");
}

TEST(CallImageMistakes, APoolGradientOfAnotherSize) {
  const Variable x = fmatrix("x"), g = fmatrix("g");
  const Function f = function({x, g}, max_pool_grad(x, g, {2, 2}));
  expect_mistake<ShapeError>([&] { f(floats({4, 4}), floats({2, 3})); }, R"(
max_pool_grad: output_grad has another shape than the pooled image: 3 and 2
  operand 0: x float32 (4, 4), made at {-2}
  operand 1: g float32 (2, 3), made at {-2}
  at: {-1})");
}

// --- Loops --------------------------------------------------------------------------------------

TEST(CallLoopMistakes, SequencesOfDifferentLengths) {
  const Variable x = fvector("x"), y = fvector("y");
  const auto product = [](const Variables& e) { return e[0] * e[1]; };
  const Function f = function({x, y}, map(product, {x, y}));
  expect_mistake<ShapeError>([&] { f(floats({2}), floats({3})); }, R"(
map: the sequences differ in length: 3 and 2
  operand 0: x float32 (2,), made at {-3}
  operand 1: y float32 (3,), made at {-3}
  at: {-1})");
}

TEST(CallLoopMistakes, ElementsThatDoNotFitWhatTheyMeet) {
  const Variable x = fmatrix("x"), w = fvector("w");
  const auto product = [](const Variables& e) { return sum(e[0] * e[1]); };
  const Function f = function({x, w}, map(product, {x}, {w}));
  expect_mistake<ShapeError>([&] { f(floats({2, 3}), floats({4})); }, R"(
map: in its function, mul at {-2}: operands could not be broadcast: dims differ: 3 and 4
  operand 0: x float32 (2, 3), made at {-3}
  operand 1: w float32 (4,), made at {-3}
  at: {-1}
  hint: dims are aligned from the right; one of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis), or give the dim as 1)");
}

TEST(CallLoopMistakes, LengthsThatDependOnElements) {
  const Variable x = fvector("x"), n = lvector("n");
  const auto start = [&](const Variables& e) { return x[slice(0, e[0])]; };
  const Variable starts = map(start, {n});
  expect_mistake<ShapeError>([&] { function({x, n}, starts); }, R"(
map: the dims of output 0 depend on values of elements, so that results differ in shape
  output 0: subtensor.0 float32 (?,), made at {-2}
  operand 0: n int64 (?,), made at {-3}
  operand 1: x float32 (?,), made at {-3}
  at: {-1})");
}

}  // namespace
}  // namespace bitale
