// Mistakes about functions, II: defaults, copies, borrowed outputs, givens of one another, eval.

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "nn/hidden_layer.h"
#include "nn/logistic_regression.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

constexpr DType kFloat = DType::kFloat32;

Tensor floats(const Dims& shape) { return Tensor::ones(kFloat, shape); }

// --- Default values and names -------------------------------------------------------------------

TEST(DefaultMistakes, AnotherDtype) {
  const Variable x = fvector("x");
  const Variable rate = fscalar("rate");
  const In in(rate, {.default_value = Tensor(int64_t{1} << 40)});
  expect_mistake<TypeError>([&] { function({x, in}, x * rate); }, R"(
function: the default of rate has dtype int64, the input is float32
  input made at: {-2}
  hint: value.cast(dtype), or .allow_input_downcast = true)");
}

TEST(DefaultMistakes, AnotherRank) {
  const Variable x = fvector("x"), rate = fscalar("rate");
  const In in(rate, {.default_value = floats({3})});
  expect_mistake<ShapeError>([&] { function({x, in}, x * rate); }, R"(
function: the default of rate has shape (3,), the input is float32 ()
  input made at: {-2})");
}

TEST(NameMistakes, ANameOfTwoInputs) {
  const Variable a = fvector("x"), b = fvector("x");
  const Function f = function({a, b}, a * b);
  expect_mistake<TypeError>([&] { f(Arg("x", floats({2})), floats({2})); }, R"(
function: inputs 0 and 1 are both named x; give them by position
  compiled at: {-1})");
}

TEST(NameMistakes, ANameAfterItsPosition) {
  const Variable x = fvector("x"), y = fvector("y");
  const Function f = function({x, y}, x * y);
  expect_mistake<TypeError>([&] { f(floats({2}), Arg("x", floats({2}))); }, R"(
function: x is given twice in one call
  compiled at: {-1})");
}

TEST(ArgumentKindMistakes, AFloatForAnInteger) {
  const Variable x = lscalar("x");
  const Function f = function({x}, x * 2);
  expect_mistake<TypeError>([&] { f(Tensor::of<float>({1})); }, R"(
function: argument 0 (x) has dtype float32, the input is int64
  input made at: {-2}
  hint: value.cast(dtype) drops fractions)");
}

TEST(ArgumentKindMistakes, ANumberTooLargeForItsInput) {
  const Variable x = bscalar("x");
  const Function f = function({x}, x * 2);
  expect_mistake<TypeError>([&] { f(300); }, R"(
function: argument 0 (x) is the number 300, which int8 cannot hold
  input made at: {-2})");
}

TEST(ArgumentKindMistakes, ANumberForAMatrix) {
  const Variable x = fmatrix("x");
  const Function f = function({x}, x * 2.0);
  expect_mistake<ShapeError>([&] { f(1.0f); }, R"(
function: argument 0 (x) has shape (), the input is float32 (?, ?)
  input made at: {-2})");
}

TEST(ArgumentKindMistakes, AResultThatIsNotThere) {
  const Variable x = fscalar("x");
  const Function f = function({x}, {x * 2.0, x * 3.0});
  const Results results = f(1.0f);
  expect_mistake<ExecutionError>([&] { results[2]; }, R"(
result 2 of a function with 2 outputs
  compiled at: {-2})");
}

TEST(ArgumentKindMistakes, AFunctionThatWasNeverCompiled) {
  const Function f;
  expect_plain_mistake<ExecutionError>([&] { f(1.0f); }, R"(
call of a default-constructed Function)");
}

// --- Copies, outputs and givens -----------------------------------------------------------------

TEST(CopyMistakes, ForAnInput) {
  const Variable w = shared(floats({3}), "w"), x = fvector("x");
  const Function f = function({}, sum(w));
  expect_mistake<TypeError>([&] { f.copy({{w, x}}); }, R"(
copy: w float32 (3,) cannot be swapped for x float32 (?,): both must be shared variables of one type
  made at: {-2} and {-2}
  at: {0})");
}

TEST(CopyMistakes, WithoutAVariable) {
  const Variable w = shared(floats({3}), "w");
  const Function f = function({}, sum(w));
  expect_mistake<TypeError>([&] { f.copy({{w, Variable()}}); }, R"(
copy: a pair of `swap` has no variable
  at: {0})");
}

TEST(OutputMistakes, AnOutputThatWasNeverMade) {
  const Variable x = fvector("x");
  expect_mistake<CompileError>([&] { function({x}, {x, Variable()}); }, R"(
function: output 1 is no variable
  at: {0})");
}

TEST(GivensCycles, OfOneAnother) {
  const Variable x = fvector("x"), y = fvector("y");
  const Givens swap = {{x, y * 2.0}, {y, x * 3.0}};
  expect_mistake<CompileError>([&] { function({}, x, {.givens = swap}); }, R"(
function: the graph needs y float32 (?,), which is not among the inputs
  made at: {-2}
  needed by: mul{broadcast=(0, 1)}, made at {-1}
  at: {0}
  hint: add it to the inputs, or replace it through .givens)");
}

TEST(GivensCycles, OfItself) {
  const Variable x = fvector("x");
  expect_mistake<CompileError>([&] { function({}, x * 2.0, {.givens = {{x, x + 1.0}}}); }, R"(
function: the graph needs x float32 (?,), which is not among the inputs
  made at: {-1}
  needed by: add{broadcast=(0, 1)}, made at {0}
  at: {0}
  hint: add it to the inputs, or replace it through .givens)");
}

TEST(GivensKinds, WithoutAVariable) {
  const Variable x = fvector("x");
  expect_mistake<CompileError>([&] { function({x}, x, {.givens = {{x, Variable()}}}); }, R"(
function: a pair of .givens has no variable
  at: {0})");
}

TEST(GivensKinds, NamesThatClash) {
  const Variable x = tensor(kFloat, {"batch"}, "x"), y = tensor(kFloat, {"time"}, "y");
  expect_mistake<TypeError>([&] { function({y}, x * 2.0, {.givens = {{x, y}}}); }, R"(
function: what is given for x has another type: float32 (time,) for float32 (batch,)
  variable: x, made at {-1}
  given: y, made at {-1}
  at: {0}
  hint: cast() and reshape() change types)");
}

// --- eval ---------------------------------------------------------------------------------------

TEST(EvalMistakes, AnInputWithoutAValue) {
  const Variable x = fvector("x");
  expect_mistake<CompileError>([&] { eval(x * 2.0); }, R"(
function: the graph needs x float32 (?,), which is not among the inputs
  made at: {-1}
  needed by: mul{broadcast=(0, 1)}, made at {0}
  at: {0}
  hint: add it to the inputs, or replace it through .givens)");
}

TEST(EvalMistakes, AVariableThatWasNeverMade) {
  expect_mistake<CompileError>([&] { eval(Variable()); }, R"(
function: output 0 is no variable
  at: {0})");
}

TEST(EvalMistakes, AValueOfAnotherDtype) {
  const Variable x = fvector("x"), y = x * 2.0;
  expect_mistake<TypeError>([&] { eval(y, {{x, Tensor::of<double>({1})}}); }, R"(
function: argument 0 (x) has dtype float64, the input is float32
  input made at: {-1}
  hint: value.cast(dtype), or .allow_input_downcast = true)");
}

TEST(EvalMistakes, AValueForWhatIsComputed) {
  const Variable x = fvector("x"), y = x * 2.0, z = y + 1.0;
  expect_mistake<CompileError>([&] { eval(z, {{y, floats({2})}}); }, R"(
function: input 0 (mul.0) is computed by the graph, so it cannot be an input
  made at: {-1}
  at: {0}
  hint: replace it by an input through .givens)");
}

// --- Shared variables ---------------------------------------------------------------------------

TEST(SharedValueMistakes, WithoutAValue) {
  expect_mistake<TypeError>([&] { shared(Tensor(), "w"); }, R"(
shared: the Tensor has no value
  at: {0})");
}

TEST(SharedValueMistakes, SetToNothing) {
  const Variable w = shared(floats({3}), "w");
  expect_mistake<TypeError>([&] { set_value(w, Tensor()); }, R"(
set_value: the Tensor for w has no value
  made at: {-1})");
}

TEST(SharedValueMistakes, OfAVariableThatWasNeverMade) {
  expect_plain_mistake<TypeError>([&] { get_value(Variable()); }, R"(
get_value: no variable is given (a default-constructed Variable))");
}

TEST(SharedValueMistakes, ANameOfTwoLengths) {
  const SharedOptions free = {.dims = SymbolicDims{"n"}};
  const Variable a = shared(floats({3}), "a", free);
  const Variable b = shared(floats({3}), "b", free);
  const Function f = function({}, a * b);
  set_value(b, floats({4}));
  expect_mistake<ShapeError>([&] { f(); }, R"(
dim n is 3 in a (axis 0) but 4 in b (axis 0)
  a made at: {-4}
  b made at: {-3})");
}

// --- Names through layers -----------------------------------------------------------------------

TEST(LayersTogether, LabelsOfAnotherBatchAtACall) {
  const Variable x = fmatrix("x"), y = lvector("y");
  const LogisticRegression classifier(x, {.n_in = 4, .n_out = 3});
  const Variable cost = classifier.negative_log_likelihood(y);
  const Function f = function({x, y}, cost);
  expect_mistake<ShapeError>([&] { f(floats({5, 4}), Tensor::zeros(DType::kInt64, {6})); }, R"(
crossentropy_softmax_sparse: numbers of rows and labels differ: 5 and 6
  operand 0: add.0 float32 (5, 3), made at {-3} (LogisticRegression)
  operand 1: y int64 (6,), made at {-4}
  at: {-2} (LogisticRegression)
  hint: there is one label per row of the logits)");
}

TEST(LayersTogether, ALabelThatIsNoClass) {
  const Variable x = fmatrix("x"), y = lvector("y");
  const LogisticRegression classifier(x, {.n_in = 4, .n_out = 3});
  const Variable cost = classifier.negative_log_likelihood(y);
  const Function f = function({x, y}, cost);
  expect_mistake<ExecutionError>([&] { f(floats({1, 4}), Tensor::of<int64_t>({3})); }, R"(
crossentropy_softmax_sparse: row 0 has the label 3, but there are 3 classes
  operand 0: add.0 float32 (1, 3), made at {-3} (LogisticRegression)
  operand 1: y int64 (1,), made at {-4}
  at: {-2} (LogisticRegression)
  hint: labels run from 0 to the number of classes less 1)");
}

TEST(LayersTogether, AnImageOfAnotherWidthAtACall) {
  RandomState rng(1);
  const Variable x = fmatrix("x");
  const HiddenLayer hidden(rng, x, {.n_in = 4, .n_out = 3});
  const Function f = function({x}, hidden.output());
  expect_mistake<ShapeError>([&] { f(floats({2, 5})); }, R"(
dot: inner dims differ: 5 and 4
  operand 0: x float32 (2, 5), made at {-3}
  operand 1: W float32 (4, 3), made at {-2} (HiddenLayer)
  at: {-2} (HiddenLayer))");
}

}  // namespace
}  // namespace bitale
