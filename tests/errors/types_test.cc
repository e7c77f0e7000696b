// Mistakes about dtypes, values and variables that are found where the graph is built.

#include "core/base/error.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "ops/control/map.h"
#include "ops/creation/arange.h"
#include "ops/creation/fill.h"
#include "ops/elementwise/elementwise.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/subtensor.h"
#include "ops/linalg/dot.h"
#include "ops/random/random_streams.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/specify_shape.h"
#include "ops/softmax/crossentropy.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

// --- Variables ----------------------------------------------------------------------------------

TEST(TypeMistakes, AVariableThatWasNeverMade) {
  const Variable x = fmatrix("x"), w;
  expect_mistake<TypeError>([&] { dot(x, w); }, R"(
dot: operand 1 is no variable (a default-constructed Variable)
  at: {0})");
}

TEST(TypeMistakes, AnOperatorOnAVariableThatWasNeverMade) {
  const Variable x = fmatrix("x"), b;
  expect_mistake<TypeError>([&] { x + b; }, R"(
add: operand 1 is no variable (a default-constructed Variable)
  at: {0})");
}

TEST(TypeMistakes, ADimThatIsNegative) {
  expect_mistake<ShapeError>([&] { tensor(DType::kFloat32, {-3}, "x"); }, R"(
a dim cannot be negative: -3
  at: {0}
  hint: Dim::unknown() stands for a length that is not known yet)");
}

TEST(TypeMistakes, SharedDimsThatContradictTheValue) {
  const Tensor value = Tensor::zeros(DType::kFloat32, {2, 3});
  expect_mistake<ShapeError>([&] { shared(value, "W", {.dims = SymbolicDims{"n", 4}}); }, R"(
shared variable W of type float32 (n, 4) cannot hold a value of shape (2, 3)
  at: {0})");
}

TEST(TypeMistakes, SharedDimsOfAnotherRank) {
  const Tensor value = Tensor::zeros(DType::kFloat32, {2, 3});
  expect_mistake<ShapeError>([&] { shared(value, "W", {.dims = SymbolicDims{"n"}}); }, R"(
shared variable W of type float32 (n,) cannot hold a value of shape (2, 3)
  at: {0})");
}

// --- Dtypes -------------------------------------------------------------------------------------

TEST(TypeMistakes, BitwiseAndOfFloats) {
  const Variable x = fvector("x"), y = fvector("y");
  expect_mistake<TypeError>([&] { bitwise_and(x, y); }, R"(
bitwise_and: bit operations take integers or bool, not float32
  operand 0: x float32 (?,), made at {-1}
  operand 1: y float32 (?,), made at {-1}
  at: {0})");
}

TEST(TypeMistakes, ANumberThatTheDtypeCannotHold) {
  const Variable x = bvector("x");
  expect_mistake<TypeError>([&] { x + 300; }, R"(
add: the number 300 does not fit the int8 operand beside it
  at: {0}
  hint: cast the operand to a wider dtype first)");
}

TEST(TypeMistakes, ANumberThatAnUnsignedDtypeCannotHold) {
  const Variable x = tensor(DType::kUint8, {{}}, "x");
  expect_mistake<TypeError>([&] { x * -1; }, R"(
mul: the number -1 does not fit the uint8 operand beside it
  at: {0}
  hint: cast the operand to a wider dtype first)");
}

TEST(TypeMistakes, NegationOfABool) {
  const Variable x = tensor(DType::kBool, {{}}, "x");
  expect_mistake<TypeError>([&] { -x; }, R"(
neg: bool operands have no such arithmetic
  operand 0: x bool (?,), made at {-1}
  at: {0}
  hint: cast them to an integer dtype, or use the logical_ and bitwise_ functions)");
}

TEST(TypeMistakes, FloatLabels) {
  const Variable logits = fmatrix("logits"), y = fvector("y");
  expect_mistake<TypeError>([&] { crossentropy_softmax_sparse(logits, y); }, R"(
crossentropy_softmax_sparse: labels are float32, not integers
  operand 0: logits float32 (?, ?), made at {-1}
  operand 1: y float32 (?,), made at {-1}
  at: {0}
  hint: cast class numbers with cast(y, DType::kInt64))");
}

TEST(TypeMistakes, SoftmaxCrossentropyOfAVector) {
  const Variable logits = fvector("logits"), y = lvector("y");
  expect_mistake<ShapeError>([&] { crossentropy_softmax_sparse(logits, y); }, R"(
crossentropy_softmax_sparse: logits have rank 1, not 2
  operand 0: logits float32 (?,), made at {-1}
  operand 1: y int64 (?,), made at {-1}
  at: {0}
  hint: logits are a matrix of one row per example and one column per class)");
}

TEST(TypeMistakes, OneHotOfFloats) {
  const Variable y = fvector("y");
  expect_mistake<TypeError>([&] { one_hot(y, 10); }, R"(
one_hot: labels must be integers, not float32 (?,)
  operand 0: y float32 (?,), made at {-1}
  at: {0})");
}

// --- Indices ------------------------------------------------------------------------------------

TEST(IndexMistakes, AnIndexOutsideAFixedAxis) {
  const Variable x = tensor(DType::kFloat32, {3, 4}, "x");
  expect_mistake<ShapeError>([&] { x[3]; }, R"(
subtensor: index 3 is out of range for axis 0 of length 3
  operand 0: x float32 (3, 4), made at {-1}
  at: {0})");
}

TEST(IndexMistakes, ANegativeIndexOutsideAFixedAxis) {
  const Variable x = tensor(DType::kFloat32, {3, 4}, "x");
  expect_mistake<ShapeError>([&] { x[{0, -5}]; }, R"(
subtensor: index -5 is out of range for axis 1 of length 4
  operand 0: x float32 (3, 4), made at {-1}
  at: {0})");
}

TEST(IndexMistakes, MoreIndicesThanAxes) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { x[{0, 1, 2}]; }, R"(
subtensor: too many indices: 3 for rank 2
  operand 0: x float32 (?, ?), made at {-1}
  at: {0})");
}

TEST(IndexMistakes, TwoEllipses) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { x[{ellipsis, 0, ellipsis}]; }, R"(
subtensor: 2 ellipses, only one has a meaning
  operand 0: x float32 (?, ?), made at {-1}
  at: {0})");
}

TEST(IndexMistakes, ASliceWithStepZero) {
  const Variable x = fvector("x");
  expect_mistake<ShapeError>([&] { x[slice(0, 10, 0)]; }, R"(
subtensor: the slice of axis 0 has step 0
  operand 0: x float32 (?,), made at {-1}
  at: {0})");
}

TEST(IndexMistakes, AFloatAsAnIndex) {
  const Variable x = fvector("x"), i = fscalar("i");
  expect_mistake<TypeError>([&] { x[i]; }, R"(
subtensor: an index or a bound of a slice must be an integer scalar, not float32 ()
  operand 0: x float32 (?,), made at {-1}
  operand 1: i float32 (), made at {-1}
  at: {0}
  hint: cast(i, DType::kInt64) makes an integer of a number)");
}

TEST(IndexMistakes, AFloatAsABoundOfASlice) {
  const Variable x = fvector("x"), n = fscalar("n");
  expect_mistake<TypeError>([&] { x[slice(0, n)]; }, R"(
subtensor: an index or a bound of a slice must be an integer scalar, not float32 ()
  operand 0: x float32 (?,), made at {-1}
  operand 1: n float32 (), made at {-1}
  at: {0}
  hint: cast(i, DType::kInt64) makes an integer of a number)");
}

TEST(IndexMistakes, FloatsAsIndices) {
  const Variable x = fmatrix("x"), rows = fvector("rows");
  expect_mistake<TypeError>([&] { x[rows]; }, R"(
subtensor: an index must be an integer array, not float32 (?,)
  operand 0: x float32 (?, ?), made at {-1}
  operand 1: rows float32 (?,), made at {-1}
  at: {0}
  hint: cast(i, DType::kInt64) makes integers of numbers)");
}

TEST(IndexMistakes, IndexArraysThatDoNotBroadcast) {
  const Variable x = fmatrix("x");
  const Variable rows = tensor(DType::kInt64, {3}, "rows");
  const Variable columns = tensor(DType::kInt64, {4}, "columns");
  expect_mistake<ShapeError>([&] { x[{rows, columns}]; }, R"(
advanced_subtensor: the index arrays differ in their dims: (3,) and (4,)
  operand 0: x float32 (?, ?), made at {-3}
  operand 1: rows int64 (3,), made at {-2}
  operand 2: columns int64 (4,), made at {-1}
  at: {0})");
}

TEST(IndexMistakes, AnIndexOfAScalar) {
  const Variable x = fscalar("x");
  expect_mistake<ShapeError>([&] { x[0]; }, R"(
subtensor: too many indices: 1 for rank 0
  operand 0: x float32 (), made at {-1}
  at: {0})");
}

TEST(IndexMistakes, AValueThatDoesNotFitItsPlace) {
  const Variable x = tensor(DType::kFloat32, {5, 4}, "x"), v = tensor(DType::kFloat32, {3}, "v");
  expect_mistake<ShapeError>([&] { set_subtensor(x[slice(0, 2)], v); }, R"(
set_subtensor: the value has dims (3,), the part (2, 4)
  operand 0: subtensor.0 float32 (2, 4), made at {0}
  operand 1: v float32 (3,), made at {-1}
  at: {0})");
}

TEST(IndexMistakes, AValueOfAWiderDtype) {
  const Variable x = fvector("x"), v = dscalar("v");
  expect_mistake<TypeError>([&] { inc_subtensor(x[0], v); }, R"(
inc_subtensor: a value of dtype float64 would lose precision in a tensor of float32
  operand 0: subtensor.0 float32 (), made at {0}
  operand 1: v float64 (), made at {-1}
  at: {0}
  hint: cast one of them)");
}

TEST(IndexMistakes, AWriteToWhatIsNoPart) {
  const Variable x = fvector("x");
  expect_mistake<TypeError>([&] { set_subtensor(x + 1.0, 0.0); }, R"(
set_subtensor: cannot tell which tensor add.0 is a part of
  operand 0: add.0 float32 (?,), made at {0}
  at: {0}
  hint: say set_subtensor(x, {indices}, value))");
}

TEST(IndexMistakes, TakeAlongAnAxisThatIsNotThere) {
  const Variable x = fmatrix("x"), i = lvector("i");
  expect_mistake<ShapeError>([&] { take(x, i, 2); }, R"(
take: axis 2 is out of range for 2 axes
  at: {0}
  hint: axes run from -2 to 1)");
}

// --- Creation and random draws ------------------------------------------------------------------

TEST(CreationMistakes, ARangeWithStepZero) {
  expect_mistake<ShapeError>([&] { arange(0, 10, 0); }, R"(
arange: the step is 0
  operand 0: constant 0 int64 (), made at {0}
  operand 1: constant 10 int64 (), made at {0}
  operand 2: constant 0 int64 (), made at {0}
  at: {0})");
}

TEST(CreationMistakes, ZerosOfANegativeLength) {
  expect_mistake<ShapeError>([&] { zeros({3, -1}); }, R"(
zeros: the length of axis 1 is negative: -1
  at: {0})");
}

TEST(CreationMistakes, ZerosOfAFloatLength) {
  const Variable n = fscalar("n");
  expect_mistake<TypeError>([&] { zeros({n}); }, R"(
zeros: the length of axis 0 must be an integer scalar, not n float32 (), made at {-1}
  at: {0})");
}

TEST(CreationMistakes, AStreamOfANegativeLength) {
  RandomStreams streams(1234);
  expect_mistake<ShapeError>([&] { streams.uniform({-2}); }, R"(
random_uniform: the length of axis 0 is negative: -2
  operand 0: random_state_0 uint32 (6,), made at {0} (uniform)
  at: {0} (uniform))");
}

TEST(CreationMistakes, UniformIntegers) {
  RandomStreams streams(1234);
  expect_mistake<TypeError>([&] { streams.uniform({3}, 0, 10, DType::kInt64); }, R"(
random_uniform: samples are float32 or float64, not int64
  operand 0: random_state_0 uint32 (6,), made at {0} (uniform)
  at: {0} (uniform)
  hint: draw float32 and cast the sample)");
}

// --- Loops --------------------------------------------------------------------------------------

TEST(MapMistakes, NothingToGoThrough) {
  expect_mistake<ShapeError>([&] { map([](const Variables& e) { return e; }, {}); }, R"(
map: no sequence to go through
  at: {0})");
}

TEST(MapMistakes, AScalarToGoThrough) {
  const Variable x = fscalar("x");
  expect_mistake<ShapeError>([&] { map([](const Variables& e) { return e[0]; }, {x}); }, R"(
map: sequence 0 is a scalar
  operand 0: x float32 (), made at {-1}
  at: {0}
  hint: pass it among the non-sequences)");
}

TEST(MapMistakes, SequencesOfDifferentLengths) {
  const Variable x = tensor(DType::kFloat32, {3}, "x"), y = tensor(DType::kFloat32, {4}, "y");
  const auto add = [](const Variables& e) { return e[0] + e[1]; };
  expect_mistake<ShapeError>([&] { map(add, {x, y}); }, R"(
map: the sequences differ in length: 3 and 4
  operand 0: x float32 (3,), made at {-2}
  operand 1: y float32 (4,), made at {-2}
  at: {0})");
}

TEST(MapMistakes, AFunctionThatReturnsNothing) {
  const Variable x = fvector("x");
  expect_mistake<TypeError>([&] { map([](const Variables&) { return Variable(); }, {x}); }, R"(
map: the function returned an undefined Variable
  at: {0})");
}

// --- Stated shapes ------------------------------------------------------------------------------

TEST(StatedShapes, ThatContradictWhatIsKnown) {
  const Variable x = tensor(DType::kFloat32, {3, 4}, "x");
  expect_mistake<ShapeError>([&] { specify_shape(x, {3, 5}); }, R"(
specify_shape: axis 1 has length 4, which cannot be 5
  operand 0: x float32 (3, 4), made at {-1}
  at: {0})");
}

TEST(StatedShapes, OfAnotherRank) {
  const Variable x = fmatrix("x");
  expect_mistake<ShapeError>([&] { specify_shape(x, {3}); }, R"(
specify_shape: 1 dims for rank 2: (3,)
  operand 0: x float32 (?, ?), made at {-1}
  at: {0})");
}

}  // namespace
}  // namespace bitale
