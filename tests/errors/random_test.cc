// Mistakes about random numbers: streams inside graphs, and numpy's generator.

#include <limits>

#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "core/tensor/random_state.h"
#include "ops/elementwise/elementwise.h"
#include "ops/random/random_streams.h"
#include "tests/errors/mistake.h"

namespace bitale {
namespace {

constexpr DType kFloat = DType::kFloat32;

class StreamMistakes : public testing::Test {
 protected:
  RandomStreams streams_{234};
};

TEST_F(StreamMistakes, ParametersThatDoNotBroadcast) {
  const Variable mean = tensor(kFloat, {3}, "mean");
  expect_mistake<ShapeError>([&] { streams_.normal({2, 4}, mean); }, R"(
add: operands could not be broadcast: (3,) and (2, 4)
  operand 0: mean float32 (3,), made at {-1}
  operand 1: random_normal.1 float32 (2, 4), made at {0} (normal)
  at: {0} (normal)
  hint: dims are aligned from the right; only a dim that is statically 1 is repeated)");
}

TEST_F(StreamMistakes, IntegersBetweenFloats) {
  const Variable high = fscalar("high");
  expect_mistake<TypeError>([&] { streams_.integers({3}, 0, high); }, R"(
random_integers: bounds of random integers are int64 scalars, not float32 ()
  operand 0: random_state_0 uint32 (6,), made at {0} (integers)
  operand 1: constant 0 int64 (), made at {0} (integers)
  operand 2: high float32 (), made at {-1}
  at: {0} (integers)
  hint: cast(x, DType::kInt64))");
}

TEST_F(StreamMistakes, IntegersBetweenVectors) {
  const Variable high = lvector("high");
  expect_mistake<TypeError>([&] { streams_.integers({3}, 0, high); }, R"(
random_integers: bounds of random integers are int64 scalars, not int64 (?,)
  operand 0: random_state_0 uint32 (6,), made at {0} (integers)
  operand 1: constant 0 int64 (), made at {0} (integers)
  operand 2: high int64 (?,), made at {-1}
  at: {0} (integers)
  hint: cast(x, DType::kInt64))");
}

TEST_F(StreamMistakes, AnIntegerLowerBoundAboveTheUpper) {
  const Function f = function({}, streams_.integers({3}, 5, 2));
  expect_mistake<ExecutionError>([&] { f(); }, R"(
random_integers: low must be below high, but 5 >= 2
  operand 0: random_state_0 uint32 (6,), made at {-1} (integers)
  operand 1: constant 5 int64 (), made at {-1} (integers)
  operand 2: constant 2 int64 (), made at {-1} (integers)
  at: {-1} (integers))");
}

TEST_F(StreamMistakes, AProbabilityThatIsNone) {
  const Variable p = fvector("p");
  const Function f = function({p}, streams_.bernoulli({3}, p));
  expect_mistake<ShapeError>([&] { f(Tensor::ones(kFloat, {2})); }, R"(
lt: operands could not be broadcast: dims differ: 3 and 2
  operand 0: random_uniform.1 float32 (3,), made at {-1} (bernoulli)
  operand 1: p float32 (2,), made at {-2}
  at: {-1} (bernoulli)
  hint: dims are aligned from the right; one of length 1 is repeated only if that is known when the graph is built: say broadcastable(x, axis), or give the dim as 1)");
}

TEST_F(StreamMistakes, AProbabilityAboveOne) {
  expect_mistake<GraphError>([&] { streams_.bernoulli({3}, 1.5); }, R"(
bernoulli: p must lie between 0 and 1, but is 1.5
  at: {0} (bernoulli))");
}

TEST_F(StreamMistakes, ANegativeStandardDeviation) {
  expect_mistake<GraphError>([&] { streams_.normal({3}, 0, -1); }, R"(
normal: stddev must not be negative, but is -1
  at: {0} (normal))");
}

TEST_F(StreamMistakes, APermutationOfAFloatNumber) {
  const Variable n = fscalar("n");
  expect_mistake<TypeError>([&] { streams_.permutation(n); }, R"(
random_permutation: a length must be an integer scalar, not float32 ()
  operand 0: random_state_0 uint32 (6,), made at {0} (permutation)
  operand 1: n float32 (), made at {-1}
  at: {0} (permutation))");
}

TEST_F(StreamMistakes, APermutationOfANegativeNumberAtACall) {
  const Variable n = lscalar("n");
  const Function f = function({n}, streams_.permutation(n));
  expect_mistake<ShapeError>([&] { f(-2); }, R"(
random_permutation: the length of axis 0 is negative: -2
  operand 0: random_state_0 uint32 (6,), made at {-1} (permutation)
  operand 1: n int64 (), made at {-2}
  at: {-1} (permutation)
  hint: lengths come from integers that must be 0 or more at every call)");
}

TEST_F(StreamMistakes, ANegativeLengthAtACall) {
  const Variable n = lscalar("n");
  const Function f = function({n}, streams_.uniform({n, 2}));
  expect_mistake<ShapeError>([&] { f(-2); }, R"(
random_uniform: the length of axis 0 is negative: -2
  operand 0: random_state_0 uint32 (6,), made at {-1} (uniform)
  operand 1: n int64 (), made at {-2}
  at: {-1} (uniform)
  hint: lengths come from integers that must be 0 or more at every call)");
}

TEST_F(StreamMistakes, ADtypeWithoutNormals) {
  expect_mistake<TypeError>([&] { streams_.normal({3}, 0, 1, DType::kInt32); }, R"(
random_normal: samples are float32 or float64, not int32
  operand 0: random_state_0 uint32 (6,), made at {0} (normal)
  at: {0} (normal)
  hint: draw float32 and cast the sample)");
}

TEST_F(StreamMistakes, AMeanThatWasNeverMade) {
  expect_mistake<TypeError>([&] { streams_.normal({3}, Variable()); }, R"(
add: operand 0 is no variable (a default-constructed Variable)
  at: {0} (normal))");
}

TEST(RandomStateMistakes, ANegativeScale) {
  RandomState rng(1);
  expect_plain_mistake<Error>([&] { rng.normal(0, -1, {3}); }, R"(
RandomState::normal: scale is negative: -1)");
}

TEST(RandomStateMistakes, AnInfiniteRange) {
  RandomState rng(1);
  expect_plain_mistake<Error>([&] { rng.uniform(0, std::numeric_limits<double>::infinity(), {3}); }, R"(
RandomState::uniform: the range from 0 to inf is not finite)");
}

TEST(RandomStateMistakes, IntegersFromAnEmptyRange) {
  RandomState rng(1);
  expect_plain_mistake<Error>([&] { rng.randint(3, 3, {2}); }, R"(
RandomState::randint: low must be below high, but 3 >= 3)");
}

TEST(RandomStateMistakes, MoreDifferentChoicesThanThereAre) {
  RandomState rng(1);
  expect_plain_mistake<Error>([&] { rng.choice(3, {5}, /*replace=*/false); }, R"(
RandomState::choice: cannot take 5 different numbers from 3)");
}

TEST(RandomStateMistakes, ProbabilitiesThatDoNotSumToOne) {
  RandomState rng(1);
  expect_plain_mistake<Error>([&] { rng.choice(Tensor::of<double>({0.5, 0.4}), {5}); }, R"(
RandomState::choice: probabilities sum to 0.9, not 1)");
}

TEST(RandomStateMistakes, APermutationOfANumber) {
  RandomState rng(1);
  expect_plain_mistake<ShapeError>([&] { rng.permutation(Tensor(3.0)); }, R"(
RandomState::permutation needs an array of at least one axis, not a number)");
}

TEST(RandomStateMistakes, APermutationOfANegativeNumber) {
  RandomState rng(1);
  expect_plain_mistake<ShapeError>([&] { rng.permutation(int64_t{-3}); }, R"(
a shape cannot have a negative length: (-3,))");
}

TEST(RandomStateMistakes, ANegativeLength) {
  RandomState rng(1);
  expect_plain_mistake<ShapeError>([&] { rng.rand({3, -1}); }, R"(
a shape cannot have a negative length: (3, -1))");
}

TEST(RandomStateMistakes, MoreNumbersThanMemoryHolds) {
  RandomState rng(1);
  expect_plain_mistake<OutOfMemoryError>([&] { rng.rand({int64_t{1} << 40, int64_t{1} << 40}); }, R"(
a tensor of shape (1099511627776, 1099511627776) is too large)");
}

}  // namespace
}  // namespace bitale
