// Golden values come from numpy.random.RandomState of numpy 1.26.

#include "core/tensor/random_state.h"

#include <cmath>
#include <cstdint>

#include "core/base/error.h"
#include "gtest/gtest.h"

namespace bitale {
namespace {

struct Golden {
  uint32_t seed;
  std::vector<double> rand;
  uint64_t rand_hash;
  uint64_t uniform_hash;
  std::vector<double> normal;
  uint64_t normal_hash;
  std::vector<uint64_t> randint_hashes;
  std::vector<int64_t> permutation;
  uint64_t permutation_hash;
  uint64_t rows_hash;
  uint64_t shuffle_hash;
  std::vector<uint64_t> choice_hashes;
  uint64_t mixed_hash;
};

const std::vector<Golden>& goldens() {
  static const auto& table = *new std::vector<Golden>{
      {.seed = 0,
       .rand = {0x1.18fe1565f12a8p-1, 0x1.6e2d4cf608733p-1, 0x1.349d66b6e894bp-1},
       .rand_hash = 0x4f1fc25ca091f8f3u,
       .uniform_hash = 0x305c3656a1bb9847u,
       .normal = {0x1.c398ef3e5cfa5p+0, 0x1.99c2cfacc8953p-2, 0x1.f51d25222c9abp-1},
       .normal_hash = 0x794ddb079e9df18eu,
       .randint_hashes = {0x84e52db13843489u, 0x3ed7f590cfe41180u, 0xdc75bd72c5b10484u,
                          0x51db1a284479de71u},
       .permutation = {2, 8, 4, 9, 1, 6, 7, 3, 0, 5},
       .permutation_hash = 0xba2367a46d22aa5du,
       .rows_hash = 0x4d4795c7afc15d45u,
       .shuffle_hash = 0xb3d7b463a7439964u,
       .choice_hashes = {0x4470874c4326e4c4u, 0x18de1da4ef541432u, 0xe09db34a28085cc5u},
       .mixed_hash = 0xb2f84f414bf6feb5u},
      {.seed = 1,
       .rand = {0x1.ab07d0ffa3c06p-2, 0x1.70ce5f3baf051p-1, 0x1.dfb906661c000p-14},
       .rand_hash = 0x869b4aa24366887eu,
       .uniform_hash = 0x87684ec6eec732aau,
       .normal = {0x1.9fd5190657c50p+0, -0x1.393822fb7d9adp-1, -0x1.0e6c872548fd2p-1},
       .normal_hash = 0xb5a7ea58a90fb16u,
       .randint_hashes = {0x1d3ac9bfb859944au, 0x6e187c50c101aeb6u, 0xcb7ca6eb047d4b99u,
                          0xd887f37c2c22bbffu},
       .permutation = {2, 9, 6, 4, 0, 3, 1, 7, 8, 5},
       .permutation_hash = 0xbe0e4064e4851001u,
       .rows_hash = 0xd513c9f792614a25u,
       .shuffle_hash = 0x914e584adcc935c4u,
       .choice_hashes = {0xd4af861255a4d9edu, 0xc47f65d7772de347u, 0xa57a4b2d7459bfa6u},
       .mixed_hash = 0x4ff4d4a5940697c8u},
      {.seed = 23455,
       .rand = {0x1.ab7dac54a101fp-1, 0x1.d65778f804df0p-4, 0x1.5686d77910348p-1},
       .rand_hash = 0xba50e31d75f2d5a5u,
       .uniform_hash = 0xa35c78ce1b5793fbu,
       .normal = {-0x1.a16a003fee1afp-2, 0x1.02f6ac08880d9p+1, 0x1.803dbbefd9a34p+0},
       .normal_hash = 0x87b24e8f06cd5672u,
       .randint_hashes = {0xe312ebf2a2e7ca0eu, 0xac693751c7eaaf5du, 0xc45a0ac585aba4bbu,
                          0x792aeafd45e30c84u},
       .permutation = {0, 7, 6, 8, 2, 3, 9, 1, 4, 5},
       .permutation_hash = 0x6619adda8e209269u,
       .rows_hash = 0x1b84263fb3ee34a5u,
       .shuffle_hash = 0xd66585dec8c62b44u,
       .choice_hashes = {0x24c5f5f46eee049eu, 0xfd694187ee591fdu, 0x29db4301289a5265u},
       .mixed_hash = 0x915bf684de5040c0u},
      {.seed = 12345,
       .rand = {0x1.dbf6a3f8f84b7p-1, 0x1.43f7f410bb044p-2, 0x1.78aa6d0a2dad8p-3},
       .rand_hash = 0x2106e34a09b6ac90u,
       .uniform_hash = 0x3777fd72a4a6834au,
       .normal = {-0x1.a33dc4f5d203dp-3, 0x1.ea701f566080fp-2, -0x1.09f3df0ae3d0ep-1},
       .normal_hash = 0x3724e585e185d438u,
       .randint_hashes = {0x578a1f5be2162460u, 0x6a02e01067dacaadu, 0x27d7cef64b809b2du,
                          0x5fb2ca14ae94d76cu},
       .permutation = {0, 7, 3, 9, 6, 4, 1, 8, 5, 2},
       .permutation_hash = 0xa6ae43cba9cb4c31u,
       .rows_hash = 0xdcc16a058156485u,
       .shuffle_hash = 0x6d09b9d6d260b9a4u,
       .choice_hashes = {0x70df5919ddbc3f58u, 0xb90cfda3aff57b0u, 0xbf55c94bb32103c4u},
       .mixed_hash = 0xa6c3b675101bca52u},
  };
  return table;
}

// FNV-1a over the elements' bytes.
uint64_t hash_bytes(const Tensor& tensor, uint64_t hash = 0xcbf29ce484222325u) {
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw_data());
  for (size_t i = 0; i < tensor.bytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

class RandomStateGolden : public testing::TestWithParam<Golden> {
 protected:
  const Golden& golden() const { return GetParam(); }
  RandomState fresh() const { return RandomState(golden().seed); }
};

TEST_P(RandomStateGolden, UniformsEqualNumpysBits) {
  EXPECT_EQ(fresh().rand({3}).to_vector<double>(), golden().rand);
  EXPECT_EQ(hash_bytes(fresh().random_sample({2000})), golden().rand_hash);
  EXPECT_EQ(hash_bytes(fresh().uniform(-0.25, 0.75, {50, 40})), golden().uniform_hash);
}

TEST_P(RandomStateGolden, NormalsEqualNumpysBits) {
  EXPECT_EQ(fresh().standard_normal({3}).to_vector<double>(), golden().normal);
  EXPECT_EQ(fresh().randn({3}).to_vector<double>(), golden().normal);
  EXPECT_EQ(hash_bytes(fresh().normal(1.5, 2.0, {2001})), golden().normal_hash);
}

TEST_P(RandomStateGolden, IntegersEqualNumpysForNarrowAndWideRanges) {
  const std::vector<uint64_t> hashes = {
      hash_bytes(fresh().randint(0, 10, {1000})),
      hash_bytes(fresh().randint(-5, int64_t{1} << 40, {1000})),
      hash_bytes(fresh().randint(INT64_MIN, INT64_MAX, {100})),
      hash_bytes(fresh().randint(0, int64_t{1} << 32, {100})),
  };
  EXPECT_EQ(hashes, golden().randint_hashes);
}

TEST_P(RandomStateGolden, PermutationsEqualNumpys) {
  EXPECT_EQ(fresh().permutation(10).to_vector<int64_t>(), golden().permutation);
  EXPECT_EQ(hash_bytes(fresh().permutation(1000)), golden().permutation_hash);
  const Tensor rows = Tensor::arange(DType::kInt64, 60).reshape({20, 3});
  EXPECT_EQ(hash_bytes(fresh().permutation(rows)), golden().rows_hash);
  EXPECT_EQ(rows.at<int64_t>({1, 0}), 3) << "permutation must leave its argument alone";
  const Tensor shuffled = Tensor::arange(DType::kInt64, 50);
  fresh().shuffle(shuffled);
  EXPECT_EQ(hash_bytes(shuffled), golden().shuffle_hash);
}

TEST_P(RandomStateGolden, ChoicesEqualNumpys) {
  const std::vector<uint64_t> hashes = {
      hash_bytes(fresh().choice(100, {20, 5})),
      hash_bytes(fresh().choice(100, {50}, /*replace=*/false)),
      hash_bytes(fresh().choice(Tensor::of<double>({0.1, 0.2, 0.3, 0.4}), {300})),
  };
  EXPECT_EQ(hashes, golden().choice_hashes);
}

TEST_P(RandomStateGolden, TheSecondNormalWaitsForTheNextDraw) {
  RandomState state = fresh();
  uint64_t hash = hash_bytes(state.normal(0, 1, {3}));
  hash = hash_bytes(state.rand({2}), hash);
  EXPECT_EQ(hash_bytes(state.normal(0, 1, {2}), hash), golden().mixed_hash);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomStateGolden, testing::ValuesIn(goldens()),
                         [](const auto& info) { return std::to_string(info.param.seed); });

TEST(RandomState, CopiesContinueApart) {
  RandomState a(7);
  a.normal(0, 1, {5});
  RandomState b = a;
  EXPECT_TRUE(same_bits(a.normal(0, 1, {9}), b.normal(0, 1, {9})));
  a.rand({1});
  EXPECT_FALSE(same_bits(a.rand({4}), b.rand({4})));
}

TEST(RandomState, EmptyAndScalarShapesWork) {
  RandomState state(3);
  EXPECT_EQ(state.rand({0, 4}).shape(), (Dims{0, 4}));
  EXPECT_EQ(state.normal(0, 1, {}).rank(), 0);
  EXPECT_EQ(state.permutation(0).size(), 0);
  EXPECT_EQ(state.choice(0, {0}).size(), 0);
  EXPECT_EQ(state.randint(5, 6, {4}).to_vector<int64_t>(), (std::vector<int64_t>{5, 5, 5, 5}));
}

TEST(RandomState, RefusesWhatNumpyRefuses) {
  RandomState state(3);
  EXPECT_THROW(state.uniform(0, INFINITY, {1}), Error);
  EXPECT_THROW(state.normal(0, -1, {1}), Error);
  EXPECT_THROW(state.randint(4, 4, {1}), Error);
  EXPECT_THROW(state.choice(3, {4}, false), Error);
  EXPECT_THROW(state.choice(0, {1}), Error);
  EXPECT_THROW(state.choice(Tensor::of<double>({0.5, 0.6}), {1}), Error);
  EXPECT_THROW(state.choice(Tensor::of<double>({1.5, -0.5}), {1}), Error);
  EXPECT_THROW(state.shuffle(Tensor(1.0)), ShapeError);
  EXPECT_THROW(state.rand({-1}), ShapeError);
}

}  // namespace
}  // namespace bitale
