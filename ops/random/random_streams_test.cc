#include "ops/random/random_streams.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "autograd/grad.h"
#include "core/base/error.h"
#include "core/compile/function.h"
#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "gtest/gtest.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/operators.h"
#include "ops/random/philox_functors.h"
#include "ops/random/random_draw.h"
#include "ops/reduction/reduction.h"

namespace bitale {
namespace {

Tensor drawn(const Variable& sample) { return function({}, sample)().only(); }

// Mean and variance within five standard errors.
void expect_moments(const std::vector<double>& x, double mean, double variance, double kurtosis) {
  const double n = static_cast<double>(x.size());
  double sum = 0, square = 0;
  for (const double value : x) sum += value;
  for (const double value : x) square += (value - mean) * (value - mean);
  EXPECT_NEAR(sum / n, mean, 5 * std::sqrt(variance / n));
  EXPECT_NEAR(square / n, variance, 5 * variance * std::sqrt((kurtosis - 1) / n));
}

class Floats : public testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(DTypes, Floats, testing::Values(DType::kFloat32, DType::kFloat64),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST_P(Floats, UniformsAreTheWordsOfTheStream) {
  RandomStreams streams(42);
  const Tensor sample = drawn(streams.uniform({3, 7}, 0.0, 1.0, GetParam()));
  ASSERT_EQ(sample.dtype(), GetParam());
  ASSERT_EQ(sample.shape(), (Dims{3, 7}));
  const auto words = initial_random_state(42, 0).to_vector<uint32_t>();
  philox::State state = {{words[0], words[1]}, {0, 0, 0, 0}};
  std::vector<uint32_t> stream;
  for (int block = 0; block < 11; ++block) {
    const philox::Block b = philox::encrypt(philox::advanced(state, block));
    stream.insert(stream.end(), b.word, b.word + 4);
  }
  const std::vector<double> values = sample.to_vector<double>();
  for (size_t i = 0; i < 21; ++i) {
    const double expected =
        GetParam() == DType::kFloat32
            ? static_cast<double>(stream[i] >> 8) / (1 << 24)
            : std::ldexp(static_cast<double>(philox::join(stream[2 * i], stream[2 * i + 1]) >> 11),
                         -53);
    ASSERT_EQ(values[i], expected) << i;
  }
}

TEST_P(Floats, SamplesHaveTheirMoments) {
  RandomStreams streams(7);
  const Dims dims = {100, 1000};
  const auto uniform = drawn(streams.uniform(dims, -1.0, 3.0, GetParam())).to_vector<double>();
  expect_moments(uniform, 1, 16.0 / 12, 1.8);
  EXPECT_GE(*std::min_element(uniform.begin(), uniform.end()), -1);
  EXPECT_LE(*std::max_element(uniform.begin(), uniform.end()), 3);
  expect_moments(drawn(streams.normal(dims, 2.0, 0.5, GetParam())).to_vector<double>(), 2, 0.25, 3);
}

TEST_P(Floats, EmptyScalarAndOddSizesWork) {
  RandomStreams streams(1);
  for (const Dims& dims : {Dims{0}, Dims{}, Dims{1}, Dims{3}, Dims{5}, Dims{2, 0, 3}}) {
    EXPECT_EQ(drawn(streams.uniform(dims, 0.0, 1.0, GetParam())).shape(), dims);
    EXPECT_EQ(drawn(streams.normal(dims, 0.0, 1.0, GetParam())).shape(), dims);
  }
}

TEST_P(Floats, GradientsReachTheParameters) {
  RandomStreams streams(5);
  const Variable mean = tensor(GetParam(), {}, "mean"), spread = tensor(GetParam(), {}, "spread");
  const Variable z = streams.normal({4, 5}, mean, spread, GetParam());
  const Variables g = grad(sum(z), {mean, spread});
  const auto f = function({mean, spread}, {Out(z), Out(g[0]), Out(g[1])});
  const auto results = GetParam() == DType::kFloat32 ? f(3.0f, 2.0f) : f(3.0, 2.0);
  EXPECT_EQ(results[1].item<double>(), 20);
  double expected = 0;
  for (const double value : results[0].to_vector<double>()) expected += (value - 3) / 2;
  EXPECT_NEAR(results[2].item<double>(), expected, 1e-4);
}

TEST(RandomStreams, EachCallDrawsAnewAndASeedRepeats) {
  RandomStreams streams(3), same(3), other(4);
  const auto f = function({}, streams.uniform({50}));
  const Tensor first = f().only().copy(), second = f().only().copy();
  EXPECT_FALSE(same_bits(first, second));
  const auto g = function({}, same.uniform({50}));
  EXPECT_TRUE(same_bits(g().only(), first));
  EXPECT_TRUE(same_bits(g().only(), second));
  EXPECT_FALSE(same_bits(drawn(other.uniform({50})), first));
  streams.reseed(3);
  EXPECT_TRUE(same_bits(f().only(), first));
}

TEST(RandomStreams, ConsecutiveCallsContinueOneSequence) {
  RandomStreams streams(3), same(3);
  const auto f = function({}, streams.normal({8}));
  const auto whole = drawn(same.normal({16})).to_vector<float>();
  auto parts = f().only().to_vector<float>();
  const auto rest = f().only().to_vector<float>();
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(parts, whole);
}

TEST(RandomStreams, TwoDrawsDifferAndOneDrawIsTheSameForAllUses) {
  RandomStreams streams(9);
  const Variable a = streams.uniform({100}), b = streams.uniform({100});
  const auto results = function({}, {Out(a), Out(b), Out(a - a)})();
  EXPECT_FALSE(same_bits(results[0], results[1]));
  EXPECT_EQ(results[2].to_vector<float>(), std::vector<float>(100, 0.0f));
}

TEST(RandomStreams, NoDefaultUpdatesLeavesTheStateAlone) {
  RandomStreams streams(9);
  const auto f = function({}, streams.uniform({10}), {.no_default_updates = true});
  const Tensor first = f().only().copy();
  EXPECT_TRUE(same_bits(f().only(), first));
  EXPECT_TRUE(same_bits(get_value(streams.states()[0]), initial_random_state(9, 0)));
}

TEST(RandomStreams, StatesContinueAfterACheckpoint) {
  RandomStreams streams(9), resumed(0);
  const auto f = function({}, streams.uniform({10}));
  const auto g = function({}, resumed.uniform({10}));
  f();
  set_value(resumed.states()[0], get_value(streams.states()[0]));
  EXPECT_TRUE(same_bits(f().only(), g().only()));
}

TEST(RandomStreams, DimsMayBeSymbolic) {
  RandomStreams streams(2);
  const Variable n = lscalar("n");
  const auto f = function({n}, {Out(streams.uniform({n, 3})), Out(streams.permutation(n))});
  for (const int64_t length : {4, 0, 7}) {
    const auto results = f(length);
    EXPECT_EQ(results[0].shape(), (Dims{length, 3}));
    EXPECT_EQ(results[1].shape(), (Dims{length}));
  }
}

TEST(RandomStreams, BernoulliIsOneWithItsProbability) {
  RandomStreams streams(6);
  for (const double p : {0.0, 0.1, 0.5, 1.0}) {
    const Tensor sample = drawn(streams.bernoulli({20000}, p, DType::kInt8));
    EXPECT_EQ(sample.dtype(), DType::kInt8);
    double ones = 0;
    for (const int value : sample.to_vector<int>()) ones += value;
    EXPECT_NEAR(ones / 20000, p, 5 * std::sqrt(p * (1 - p) / 20000));
  }
}

TEST(RandomStreams, IntegersCoverTheirRangeEvenly) {
  RandomStreams streams(8);
  std::vector<int> counts(7, 0);
  for (const int64_t value : drawn(streams.integers({70000}, -3, 4)).to_vector<int64_t>()) {
    ASSERT_TRUE(value >= -3 && value < 4) << value;
    ++counts[value + 3];
  }
  for (const int count : counts) EXPECT_NEAR(count, 10000, 5 * std::sqrt(10000 * 6.0 / 7));
  EXPECT_THROW(drawn(streams.integers({2}, 4, 4)), ExecutionError);
}

TEST(RandomStreams, PermutationsHoldEachNumberOnce) {
  RandomStreams streams(8);
  const auto f = function({}, streams.permutation(1000));
  const auto first = f().only().to_vector<int64_t>(), second = f().only().to_vector<int64_t>();
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 1000u);
  EXPECT_EQ(*std::min_element(first.begin(), first.end()), 0);
  EXPECT_EQ(*std::max_element(first.begin(), first.end()), 999);
  EXPECT_NE(first, second);
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
}

TEST(RandomStreams, BitsDoNotDependOnTheNumberOfThreads) {
  const int before = options().threads;
  std::vector<Tensor> samples;
  for (const int threads : {1, 4}) {
    options().threads = threads;
    RandomStreams streams(11);
    samples.push_back(drawn(streams.normal({300, 301})).copy());
  }
  options().threads = before;
  EXPECT_TRUE(same_bits(samples[0], samples[1]));
}

template <typename Build>
std::string first_line(Build&& build) {
  try {
    build();
  } catch (const GraphError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("random_streams_test.cc:"), std::string::npos) << text;
    return text.substr(0, text.find('\n'));
  }
  return "no error";
}

TEST(RandomStreams, ErrorsNameTheUsersLine) {
  RandomStreams streams(1);
  EXPECT_EQ(first_line([&] { streams.uniform({2}, 0.0, 1.0, DType::kInt32); }),
            "random_uniform: samples are float32 or float64, not int32");
  EXPECT_EQ(first_line([&] { streams.integers({2}, fscalar("low"), 3); }),
            "random_integers: bounds of random integers are int64 scalars, not float32 ()");
  EXPECT_EQ(
      first_line([&] { draw(Distribution::kUniform, ivector("state"), {2}, DType::kFloat32); }),
      "random_uniform: a random state is uint32 (6,), not int32 (?,)");
  EXPECT_NE(first_line([&] { streams.uniform({-2}); }), "no error");
}

TEST(RandomStreams, RefuseConstantParametersThatNoDistributionHas) {
  RandomStreams streams(1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(first_line([&] { streams.bernoulli({2}, 1.5); }),
            "bernoulli: p must lie between 0 and 1, but is 1.5");
  EXPECT_EQ(first_line([&] { streams.bernoulli({2}, -1); }),
            "bernoulli: p must lie between 0 and 1, but is -1");
  EXPECT_EQ(first_line([&] {
              streams.bernoulli({2}, Tensor::of<float>({0.5f, 2}));
            }),
            "bernoulli: p must lie between 0 and 1, but is 2");
  EXPECT_EQ(first_line([&] { streams.bernoulli({2}, nan); }),
            "bernoulli: p must lie between 0 and 1, but is nan");
  EXPECT_EQ(first_line([&] { streams.normal({2}, 0.0, -0.5); }),
            "normal: stddev must not be negative, but is -0.5");
  EXPECT_EQ(first_line([&] { streams.normal({2}, 0.0, 0.0); }), "no error");
  EXPECT_EQ(first_line([&] { streams.bernoulli({2}, fscalar("p")); }), "no error");
  // What was refused used up no stream.
  EXPECT_EQ(streams.states().size(), 2u);
}

}  // namespace
}  // namespace bitale
