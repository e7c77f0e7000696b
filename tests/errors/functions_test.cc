// Mistakes about functions: their inputs, outputs, updates and givens.

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "ops/elementwise/elementwise.h"
#include "ops/linalg/dot.h"
#include "ops/reduction/reduction.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

TEST(FunctionMistakes, AnInputThatNothingUses) {
  const Variable x = fvector("x"), y = fvector("y");
  expect_mistake<CompileError>([&] { function({x, y}, x * 2.0); }, R"(
function: input y float32 (?,) is not used by any output or update
  made at: {-1}
  at: {0}
  hint: leave it out, or set .on_unused_input = OnUnusedInput::kIgnore)");
}

TEST(FunctionMistakes, AnInputThatIsMissing) {
  const Variable x = fvector("x"), y = fvector("y");
  expect_mistake<CompileError>([&] { function({x}, x * y); }, R"(
function: the graph needs y float32 (?,), which is not among the inputs
  made at: {-1}
  needed by: mul, made at {0}
  at: {0}
  hint: add it to the inputs, or replace it through .givens)");
}

TEST(FunctionMistakes, ARuleThatIsExcludedByAWrongName) {
  const Variable x = fvector("x");
  const Mode mode = kFastRun.excluding("elementwise_fussion");
  expect_mistake<CompileError>([&] { function({x}, x * 2.0, {.mode = mode}); }, R"(
function: the mode excludes "elementwise_fussion", and no rule has this name
  at: {0})");
}

TEST(FunctionMistakes, AnInputTwice) {
  const Variable x = fvector("x");
  expect_mistake<CompileError>([&] { function({x, x}, x * 2.0); }, R"(
function: x is listed twice among the inputs
  made at: {-1}
  at: {0})");
}

TEST(FunctionMistakes, AnExpressionAsAnInput) {
  const Variable x = fvector("x"), y = x * 2.0;
  expect_mistake<CompileError>([&] { function({y}, y + 1.0); }, R"(
function: input 0 (mul.0) is computed by the graph, so it cannot be an input
  made at: {-1}
  at: {0}
  hint: replace it by an input through .givens)");
}

TEST(FunctionMistakes, ASharedVariableAsAnInput) {
  const Variable x = fmatrix("x");
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {3, 2}), "W");
  expect_mistake<CompileError>([&] { function({x, w}, dot(x, w)); }, R"(
function: input 1 (W) is a shared variable, not an input
  made at: {-1}
  at: {0}
  hint: shared variables need not be listed; givens can replace one)");
}

TEST(FunctionMistakes, AnOutputThatWasNeverMade) {
  const Variable x = fvector("x");
  expect_mistake<CompileError>([&] { function({x}, {x * 2.0, Variable()}); }, R"(
function: output 1 is no variable
  at: {0})");
}

TEST(FunctionMistakes, AnInputThatWasNeverMade) {
  const Variable x = fvector("x");
  expect_mistake<CompileError>([&] { function({x, Variable()}, x * 2.0); }, R"(
function: input 1 is no variable
  at: {0})");
}

TEST(FunctionMistakes, EvaluationWithoutAnInput) {
  const Variable x = fvector("x"), y = fvector("y");
  expect_mistake<CompileError>([&] { eval(x + y, {{x, Tensor::of<float>({1})}}); }, R"(
function: the graph needs y float32 (?,), which is not among the inputs
  made at: {-1}
  needed by: add, made at {0}
  at: {0}
  hint: add it to the inputs, or replace it through .givens)");
}

// --- Updates ------------------------------------------------------------------------------------

TEST(UpdateMistakes, OfWhatIsNotShared) {
  const Variable x = fvector("x");
  expect_mistake<CompileError>([&] { function({x}, x, {.updates = {{x, x * 2.0}}}); }, R"(
function: x cannot be updated: it is not a shared variable
  made at: {-1}
  at: {0})");
}

TEST(UpdateMistakes, Twice) {
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {3}), "W");
  const Updates updates = {{w, w + 1.0}, {w, w * 2.0}};
  expect_mistake<CompileError>([&] { function({}, sum(w), {.updates = updates}); }, R"(
function: W is updated twice
  made at: {-2}
  at: {0})");
}

TEST(UpdateMistakes, OfAWiderDtype) {
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {3}), "W");
  const Variable rate = dscalar("rate");
  const Updates updates = {{w, w - rate * 2.0}};
  expect_mistake<TypeError>([&] { function({rate}, sum(w), {.updates = updates}); }, R"(
function: the update of W has another type: float64 (3,) for float32 (3,)
  shared variable: W, made at {-3}
  new value: sub.0, made at {-1}
  first float64: cast{dtype=float64}, made at {-1}
  at: {0})");
}

TEST(UpdateMistakes, OfAnotherRank) {
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {3}), "W");
  expect_mistake<TypeError>([&] { function({}, sum(w), {.updates = {{w, sum(w)}}}); }, R"(
function: the update of W has another type: float32 () for float32 (3,)
  shared variable: W, made at {-1}
  new value: sum.0, made at {0}
  at: {0})");
}

TEST(UpdateMistakes, WithoutAValue) {
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {3}), "W");
  expect_mistake<CompileError>([&] { function({}, w, {.updates = {{w, Variable()}}}); }, R"(
function: a pair of .updates has no variable
  at: {0})");
}

TEST(UpdateMistakes, OfAnotherShapeAtACall) {
  const Variable w = shared(Tensor::of<float>({1, 2, 3}), "W"), x = fvector("x");
  const Function f = function({x}, sum(w), {.updates = {{w, x * 1.0}}});
  expect_mistake<ShapeError>([&] { f(Tensor::of<float>({1, 2})); }, R"(
function: the update of W has shape (2,), its type is float32 (3,)
  shared variable: made at {-2}
  new value: made at {-2}
  compiled at: {-1})");
  EXPECT_EQ(get_value(w).to_vector<float>(), (std::vector<float>{1, 2, 3}));
}

// --- Givens -------------------------------------------------------------------------------------

TEST(GivensMistakes, OfAnotherDtype) {
  const Variable x = fmatrix("x"), y = dmatrix("y");
  expect_mistake<TypeError>([&] { function({y}, x * 2.0, {.givens = {{x, y}}}); }, R"(
function: what is given for x has another type: float64 (?, ?) for float32 (?, ?)
  variable: x, made at {-1}
  given: y, made at {-1}
  at: {0}
  hint: cast() and reshape() change types)");
}

TEST(GivensMistakes, OfAnotherRank) {
  const Variable x = fmatrix("x"), y = fvector("y");
  expect_mistake<TypeError>([&] { function({y}, x * 2.0, {.givens = {{x, y}}}); }, R"(
function: what is given for x has another type: float32 (?,) for float32 (?, ?)
  variable: x, made at {-1}
  given: y, made at {-1}
  at: {0}
  hint: cast() and reshape() change types)");
}

TEST(GivensMistakes, Twice) {
  const Variable x = fvector("x"), y = fvector("y");
  const Givens givens = {{x, y}, {x, y * 2.0}};
  expect_mistake<CompileError>([&] { function({y}, x * 2.0, {.givens = givens}); }, R"(
function: x is given twice
  made at: {-2}
  at: {0})");
}

TEST(GivensMistakes, ForAnInput) {
  const Variable x = fvector("x"), y = fvector("y");
  expect_mistake<CompileError>([&] { function({x, y}, x * 2.0, {.givens = {{x, y}}}); }, R"(
function: input x float32 (?,) is not used by any output or update
  made at: {-1}
  at: {0}
  hint: .givens replaces it everywhere, so leave it out)");
}

// --- Shared variables ---------------------------------------------------------------------------

TEST(SharedMistakes, AValueOfAnotherDtype) {
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {3, 2}), "W");
  expect_mistake<TypeError>([&] { set_value(w, Tensor::zeros(DType::kFloat64, {3, 2})); }, R"(
set_value: W holds float32, the value is float64
  made at: {-1}
  hint: value.cast(dtype) converts it)");
}

TEST(SharedMistakes, AValueOfAnotherShape) {
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {3, 2}), "W");
  expect_mistake<ShapeError>([&] { set_value(w, Tensor::zeros(DType::kFloat32, {2, 3})); }, R"(
shared variable W of type float32 (3, 2) cannot hold a value of shape (2, 3)
  at: {-1})");
}

TEST(SharedMistakes, TheValueOfWhatIsNotShared) {
  const Variable x = fmatrix("x");
  expect_mistake<TypeError>([&] { get_value(x); }, R"(
get_value: x is not a shared variable
  made at: {-1})");
}

TEST(SharedMistakes, ACopyThatSwapsOtherTypes) {
  const Variable w = shared(Tensor::zeros(DType::kFloat32, {3, 2}), "W");
  const Variable v = shared(Tensor::zeros(DType::kFloat32, {4}), "v");
  const Function f = function({}, sum(w));
  expect_mistake<TypeError>([&] { f.copy({{w, v}}); }, R"(
copy: W float32 (3, 2) cannot be swapped for v float32 (4,): both must be shared variables of one type
  made at: {-3} and {-2}
  at: {0})");
}

}  // namespace
}  // namespace bitale
