// Mistakes that only a call shows: its arguments, and shapes, indices and values that meet in it.

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/conv/conv2d.h"
#include "ops/control/map.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/random/random_streams.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/concatenate.h"
#include "ops/shape/reshape.h"
#include "ops/shape/specify_shape.h"
#include "ops/softmax/crossentropy.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

constexpr DType kFloat = DType::kFloat32;

Tensor floats(const Dims& shape) { return Tensor::ones(kFloat, shape); }
Tensor integers(const Dims& shape) { return Tensor::zeros(DType::kInt64, shape); }

// --- Arguments ----------------------------------------------------------------------------------

TEST(ArgumentMistakes, TooMany) {
  const Variable x = fvector("x");
  const Function f = function({x}, x * 2.0);
  expect_mistake<TypeError>([&] { f(floats({2}), floats({2})); }, R"(
function takes 1 argument (x), the call gives 2
  compiled at: {-1})");
}

TEST(ArgumentMistakes, TooFew) {
  const Variable x = fvector("x"), y = fvector("y");
  const Function f = function({x, y}, x * y, {.name = "product"});
  expect_mistake<TypeError>([&] { f(floats({2})); }, R"(
function product: argument 1 (y) is missing and has no default
  input made at: {-2}
  compiled at: {-1})");
}

TEST(ArgumentMistakes, AnUnknownName) {
  const Variable x = fvector("x");
  const Function f = function({x}, x * 2.0, {.name = "twice"});
  expect_mistake<TypeError>([&] { f(Arg("z", floats({2}))); }, R"(
function twice: no input is named z
  inputs: (x)
  compiled at: {-1})");
}

TEST(ArgumentMistakes, OneInputTwice) {
  const Variable x = fvector("x");
  const Function f = function({x}, x * 2.0);
  expect_mistake<TypeError>([&] { f(floats({2}), Arg("x", floats({2}))); }, R"(
function: x is given twice in one call
  compiled at: {-1})");
}

TEST(ArgumentMistakes, AWiderDtype) {
  const Variable x = fvector("x");
  const Function f = function({x}, x * 2.0);
  expect_mistake<TypeError>([&] { f(Tensor::of<double>({1, 2})); }, R"(
function: argument 0 (x) has dtype float64, the input is float32
  input made at: {-2}
  hint: value.cast(dtype), or .allow_input_downcast = true)");
}

TEST(ArgumentMistakes, AFractionForAnInteger) {
  const Variable i = lscalar("i");
  const Function f = function({i}, i * 2);
  expect_mistake<TypeError>([&] { f(2.5); }, R"(
function: argument 0 (i) is the number 2.5, which int64 cannot hold
  input made at: {-2})");
}

TEST(ArgumentMistakes, AnotherRank) {
  const Variable x = fmatrix("x");
  const Function f = function({x}, x * 2.0);
  expect_mistake<ShapeError>([&] { f(floats({3})); }, R"(
function: argument 0 (x) has shape (3,), the input is float32 (?, ?)
  input made at: {-2})");
}

TEST(ArgumentMistakes, AnotherFixedDim) {
  const Variable x = tensor(kFloat, {"batch", 784}, "x");
  const Function f = function({x}, x * 2.0);
  expect_mistake<ShapeError>([&] { f(floats({20, 28})); }, R"(
function: argument 0 (x) has shape (20, 28), the input is float32 (batch, 784)
  input made at: {-2})");
}

TEST(ArgumentMistakes, OneNameForTwoLengths) {
  const Variable x = tensor(kFloat, {"batch", 2}, "x"), y = tensor(kFloat, {"batch"}, "y");
  const Function f = function({x, y}, {x * 2.0, y * 2.0});
  expect_mistake<ShapeError>([&] { f(floats({3, 2}), floats({4})); }, R"(
dim batch is 3 in x (axis 0) but 4 in y (axis 0)
  x made at: {-2}
  y made at: {-2})");
}

TEST(ArgumentMistakes, NoValue) {
  const Variable x = fvector("x");
  const Function f = function({x}, x * 2.0);
  expect_mistake<TypeError>([&] { f(Tensor()); }, R"(
function: argument 0 (x) has no value
  input made at: {-2})");
}

// --- Shapes -------------------------------------------------------------------------------------

TEST(CallMistakes, DotOfDifferentInnerDims) {
  const Variable x = fmatrix("x"), w = fmatrix("W");
  const Variable y = dot(x, w);
  const Function f = function({x, w}, y);
  expect_mistake<ShapeError>([&] { f(floats({20, 784}), floats({500, 10})); }, R"(
dot: inner dims differ: 784 and 500
  operand 0: x float32 (20, 784), made at {-3}
  operand 1: W float32 (500, 10), made at {-3}
  at: {-2})");
}

TEST(CallMistakes, SumOfDifferentDims) {
  const Variable x = fvector("x"), y = fvector("y");
  const Function f = function({x, y}, x + y);
  expect_mistake<ShapeError>([&] { f(floats({3}), floats({4})); }, R"(
add: operands could not be broadcast: dims differ: 3 and 4
  operand 0: x float32 (3,), made at {-2}
  operand 1: y float32 (4,), made at {-2}
  at: {-1}
  hint: dims are aligned from the right; one of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis), or give the dim as 1)");
}

TEST(CallMistakes, ALengthOneThatWasNotSaidToBroadcast) {
  const Variable x = fmatrix("x"), b = fmatrix("b");
  const Function f = function({x, b}, x + b);
  expect_mistake<ShapeError>([&] { f(floats({3, 2}), floats({1, 2})); }, R"(
add: operands could not be broadcast: dims differ: 3 and 1
  operand 0: x float32 (3, 2), made at {-2}
  operand 1: b float32 (1, 2), made at {-2}
  at: {-1}
  hint: dims are aligned from the right; one of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis), or give the dim as 1)");
}

TEST(CallMistakes, ConvolutionOfOtherChannels) {
  const Variable images = ftensor4("images"), filters = ftensor4("filters");
  const Function f = function({images, filters}, conv2d(images, filters));
  expect_mistake<ShapeError>([&] { f(floats({2, 3, 8, 8}), floats({4, 1, 5, 5})); }, R"(
conv2d: channels differ: 3 and 1
  operand 0: images float32 (2, 3, 8, 8), made at {-2}
  operand 1: filters float32 (4, 1, 5, 5), made at {-2}
  at: {-1}
  hint: axis 1 of the input and axis 1 of the filters)");
}

TEST(CallMistakes, ReshapeToAnotherCount) {
  const Variable x = fmatrix("x"), n = lscalar("n");
  const Function f = function({x, n}, reshape(x, {n, 28, 28}));
  expect_mistake<ShapeError>([&] { f(floats({20, 784}), 21); }, R"(
reshape: the counts of elements differ: 15680 and 16464
  operand 0: x float32 (20, 784), made at {-2}
  operand 1: n int64 (), made at {-2}
  at: {-1}
  hint: a reshape keeps the number of elements; one dim may be -1)");
}

TEST(CallMistakes, ReshapeThatCannotCompleteADim) {
  const Variable x = fvector("x");
  const Function f = function({x}, reshape(x, {-1, 7}));
  expect_mistake<ShapeError>([&] { f(floats({20})); }, R"(
reshape: the dims beside the -1 do not divide the count of elements: 20 and 14
  operand 0: x float32 (20,), made at {-2}
  at: {-1})");
}

TEST(CallMistakes, ConcatenationOfOtherWidths) {
  const Variable x = fmatrix("x"), y = fmatrix("y");
  const Function f = function({x, y}, concatenate({x, y}, 0));
  expect_mistake<ShapeError>([&] { f(floats({2, 3}), floats({2, 4})); }, R"(
concatenate: lengths differ beside the axis that is joined: 3 and 4
  operand 0: x float32 (2, 3), made at {-2}
  operand 1: y float32 (2, 4), made at {-2}
  at: {-1})");
}

TEST(CallMistakes, AStatedShapeThatIsNotSo) {
  const Variable x = fmatrix("x");
  const Function f = function({x}, specify_shape(x, {{}, 10}));
  expect_mistake<ShapeError>([&] { f(floats({4, 12})); }, R"(
specify_shape: an axis has another length than was specified: 12 and 10
  operand 0: x float32 (4, 12), made at {-2}
  at: {-1}
  hint: specify_shape and broadcastable promise a length for every call)");
}

TEST(CallMistakes, AStatedNameThatIsNotSo) {
  const Variable x = fvector("x"), y = tensor(kFloat, {"n"}, "y");
  const Function f = function({x, y}, specify_shape(x, {"n"}) * y);
  expect_mistake<ShapeError>([&] { f(floats({3}), floats({4})); }, R"(
mul: operands could not be broadcast: dims differ: 3 and 4
  operand 0: specify_shape.0 float32 (3,), made at {-1}
  operand 1: y float32 (4,), made at {-2}
  at: {-1}
  hint: dims are aligned from the right; one of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis), or give the dim as 1)");
}

TEST(CallMistakes, AStatedNameAlone) {
  const Variable x = fvector("x"), y = fvector("y");
  const Function f = function({x, y}, {specify_shape(x, {"n"}), specify_shape(y, {"n"})});
  expect_mistake<ShapeError>([&] { f(floats({3}), floats({4})); }, R"(
specify_shape: dim n has two lengths: 4 and 3
  operand 0: y float32 (4,), made at {-2}
  at: {-1}
  hint: a name stands for one length within one function)");
}

TEST(CallMistakes, MaximumOfNothing) {
  const Variable x = fvector("x");
  const Function f = function({x}, max(x));
  expect_mistake<ShapeError>([&] { f(floats({0})); }, R"(
max: zero-size reduction has no identity
  operand 0: x float32 (0,), made at {-2}
  at: {-1}
  hint: max, min, argmax and argmin need at least one element)");
}

TEST(CallMistakes, LabelsForAnotherNumberOfRows) {
  const Variable logits = fmatrix("logits"), y = lvector("y");
  const Function f = function({logits, y}, mean(crossentropy_softmax_sparse(logits, y)));
  expect_mistake<ShapeError>([&] { f(floats({4, 10}), integers({3})); }, R"(
crossentropy_softmax_sparse: numbers of rows and labels differ: 4 and 3
  operand 0: logits float32 (4, 10), made at {-2}
  operand 1: y int64 (3,), made at {-2}
  at: {-1}
  hint: there is one label per row of the logits)");
}

TEST(CallMistakes, ANegativeLength) {
  const Variable n = lscalar("n");
  const Function f = function({n}, zeros({n}));
  expect_mistake<ShapeError>([&] { f(-3); }, R"(
broadcast_to: the length of axis 0 is negative: -3
  operand 0: constant 0 float32 (), made at {-1}
  operand 1: n int64 (), made at {-2}
  at: {-1}
  hint: lengths come from integers that must be 0 or more at every call)");
}

TEST(CallMistakes, MoreMemoryThanThereIs) {
  const Variable n = lscalar("n");
  const Function f = function({n}, ones({n, n}));
  expect_mistake<OutOfMemoryError>([&] { f(int64_t{1} << 24); }, R"(
function: cannot allocate 1125899906842624 bytes on cpu
  for: output 0, broadcast_to.0 float32 (16777216, 16777216), made at {-1}
  compiled at: {-1})");
}

// --- Indices and values -------------------------------------------------------------------------

TEST(CallMistakes, AnIndexOutOfRange) {
  const Variable x = fvector("x"), i = lscalar("i");
  const Function f = function({x, i}, x[i]);
  expect_mistake<ShapeError>([&] { f(floats({3}), 3); }, R"(
subtensor: index 3 is out of range for axis 0; the nearest valid one is 2
  operand 0: x float32 (3,), made at {-2}
  operand 1: i int64 (), made at {-2}
  at: {-1}
  hint: valid indices run from -length to length - 1)");
}

TEST(CallMistakes, IndicesOutOfRange) {
  const Variable x = fmatrix("x"), rows = lvector("rows");
  const Function f = function({x, rows}, x[rows]);
  expect_mistake<ExecutionError>([&] { f(floats({3, 2}), Tensor::of<int64_t>({0, 7})); }, R"(
advanced_subtensor: index 7 is out of range for axis 0 of length 3
  operand 0: x float32 (3, 2), made at {-2}
  operand 1: rows int64 (2,), made at {-2}
  at: {-1}
  hint: valid indices run from -length to length - 1)");
}

TEST(CallMistakes, ALabelOutOfRange) {
  const Variable logits = fmatrix("logits"), y = lvector("y");
  const Function f = function({logits, y}, mean(crossentropy_softmax_sparse(logits, y)));
  expect_mistake<ExecutionError>([&] { f(floats({1, 10}), Tensor::of<int64_t>({10})); }, R"(
crossentropy_softmax_sparse: row 0 has the label 10, but there are 10 classes
  operand 0: logits float32 (1, 10), made at {-2}
  operand 1: y int64 (1,), made at {-2}
  at: {-1}
  hint: labels run from 0 to the number of classes less 1)");
}

TEST(CallMistakes, RandomIntegersBelowTheirLowerBound) {
  RandomStreams streams(1234);
  const Variable high = lscalar("high");
  const Function f = function({high}, streams.integers({5}, 3, high));
  expect_mistake<ExecutionError>([&] { f(3); }, R"(
random_integers: low must be below high, but 3 >= 3
  operand 0: random_state_0 uint32 (6,), made at {-1} (integers)
  operand 1: constant 3 int64 (), made at {-1} (integers)
  operand 2: high int64 (), made at {-2}
  at: {-1} (integers))");
}

TEST(CallMistakes, AnIndexOutOfRangeInALoop) {
  const Variable x = fvector("x"), indices = lvector("indices");
  const Function f = function({x, indices}, map([&](const Variables& e) { return x[e[0]]; }, {indices}));
  expect_mistake<ShapeError>([&] { f(floats({3}), Tensor::of<int64_t>({2, 3})); }, R"(
subtensor: index 3 is out of range for axis 0; the nearest valid one is 2, at element 1 of map
  operand 0: x float32 (?,), made at {-2}
  operand 1: indices[i] int64 (), made at {-1}
  at: {-1}
  hint: valid indices run from -length to length - 1)");
}

TEST(CallMistakes, NotANumberUnderNanGuard) {
  const Variable x = fvector("x");
  const Function f = function({x}, sum(log(x - 1.0)), {.mode = kNanGuardMode});
  expect_mistake<NonFiniteError>([&] { f(Tensor::of<float>({2, 0})); }, R"(
log: element 1 of the result, float32 (2,), is nan
  operand 0: add.0 float32 (2,), made at {-1}
  at: {-1})");
}

TEST(CallMistakes, OneResultOfSeveral) {
  const Variable x = fvector("x");
  const Function f = function({x}, {x * 2.0, x * 3.0});
  expect_mistake<ExecutionError>([&] { Tensor y = f(floats({2})); }, R"(
a function with 2 outputs was used as if it had one
  compiled at: {-1}
  hint: use results[i])");
}

}  // namespace
}  // namespace bitale
