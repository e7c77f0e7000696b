#include <cmath>
#include <numbers>
#include <vector>

#include "gtest/gtest.h"
#include "ops/random/philox_functors.h"

namespace bitale::philox {
namespace {

std::vector<uint32_t> words(const Block& block) {
  return {block.word[0], block.word[1], block.word[2], block.word[3]};
}

// The vectors of Random123's kat_vectors.
TEST(Philox, EqualsTheKnownAnswers) {
  EXPECT_EQ(words(encrypt({{0, 0}, {0, 0, 0, 0}})),
            (std::vector<uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(words(encrypt({{kOnes, kOnes}, {kOnes, kOnes, kOnes, kOnes}})),
            (std::vector<uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      words(encrypt({{0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}})),
      (std::vector<uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, TheCounterCarriesThroughAllWords) {
  const State end = {{7, 8}, {0xffffffff, 0xffffffff, 0xffffffff, 5}};
  const State next = advanced(end, 1);
  EXPECT_EQ(words({{next.counter[0], next.counter[1], next.counter[2], next.counter[3]}}),
            (std::vector<uint32_t>{0, 0, 0, 6}));
  EXPECT_EQ(next.key[0], 7u);
  EXPECT_EQ(next.key[1], 8u);
  const State far = advanced(State{{0, 0}, {1, 2, 3, 4}}, 0x500000003u);
  EXPECT_EQ(words({{far.counter[0], far.counter[1], far.counter[2], far.counter[3]}}),
            (std::vector<uint32_t>{4, 7, 3, 4}));
}

TEST(Philox, UniformsTakeTheUpperBits) {
  EXPECT_EQ(uniform_float(0), 0.0f);
  EXPECT_EQ(uniform_float(0xffffffff), 1.0f - 0x1p-24f);
  EXPECT_EQ(uniform_float(0x800000ff), 0.5f);
  EXPECT_EQ(uniform_double(0), 0.0);
  EXPECT_EQ(uniform_double(~uint64_t{0}), 1.0 - 0x1p-53);
  EXPECT_EQ(uniform_double(join(0, 0x40000000)), 0.25);
}

TEST(Philox, IntegersBelowARangeAreTheUpperHalfOfTheProduct) {
  for (int i = 0; i < 2000; ++i) {
    const Block block = encrypt({{1, 2}, {static_cast<uint32_t>(i), 0, 0, 0}});
    const uint64_t bits = join(block.word[0], block.word[1]);
    const uint64_t range = join(block.word[2], block.word[3]) >> (i % 64);
    if (range == 0) continue;
    const auto product = static_cast<unsigned __int128>(bits) * range;
    ASSERT_EQ(below(bits, range), static_cast<uint64_t>(product >> 64)) << bits << " " << range;
  }
  EXPECT_EQ(below(12345, 0), 12345u);
}

template <typename T>
double ulps(T value, long double exact) {
  const T nearest = static_cast<T>(exact);
  const T next = std::nextafter(nearest, std::numeric_limits<T>::infinity());
  return static_cast<double>(std::abs(value - exact) / (next - nearest));
}

TEST(Philox, LogarithmIsWithinAboutOneUlp) {
  double worst32 = 0, worst64 = 0;
  for (uint32_t i = 0; i < 100000; ++i) {
    const Block block = encrypt({{3, 4}, {i, 0, 0, 0}});
    // Also close to 1 and close to 0.
    const double scale = std::ldexp(1.0, -static_cast<int>(i % 60));
    double x = (uniform_double(join(block.word[0], block.word[1])) + 0x1p-53) * scale;
    if (i % 3 == 0) x = 1.0 - x;
    if (!(x > 0 && x <= 1)) continue;
    worst64 = std::max(worst64, ulps(log_of_unit(x), std::log(static_cast<long double>(x))));
    const float y = static_cast<float>(x);
    worst32 = std::max(worst32, ulps(log_of_unit(y), std::log(static_cast<long double>(y))));
  }
  EXPECT_LT(worst64, 1.05);
  EXPECT_LT(worst32, 1.05);
  EXPECT_EQ(log_of_unit(1.0), 0.0);
  EXPECT_EQ(log_of_unit(1.0f), 0.0f);
}

TEST(Philox, SineAndCosineAreAccurateOverAnEighthTurn) {
  for (int i = -1000; i <= 1000; ++i) {
    const double turn = i / 8000.0;
    const long double angle = 2 * std::numbers::pi_v<long double> * turn;
    double sine, cosine;
    sincos_small(turn, sine, cosine);
    ASSERT_NEAR(sine, std::sin(angle), 2.5e-16) << turn;
    ASSERT_NEAR(cosine, std::cos(angle), 2.5e-16) << turn;
    const float short_turn = static_cast<float>(turn);
    const double short_angle = 2 * std::numbers::pi * short_turn;
    float short_sine, short_cosine;
    sincos_small(short_turn, short_sine, short_cosine);
    ASSERT_NEAR(short_sine, std::sin(short_angle), 1.2e-7) << turn;
    ASSERT_NEAR(short_cosine, std::cos(short_angle), 1.2e-7) << turn;
  }
}

TEST(Philox, NormalsAreBoxAndMullersAtAllAngles) {
  for (uint32_t i = 0; i < 20000; ++i) {
    const Block block = encrypt({{5, 6}, {i, 0, 0, 0}});
    float a, b;
    normal_pair(block.word[0], block.word[1], a, b);
    const double radius = std::sqrt(-2 * std::log((block.word[0] + 0.5) * 0x1p-32));
    const double angle = 2 * std::numbers::pi * block.word[1] * 0x1p-32;
    ASSERT_NEAR(a, radius * std::cos(angle), 3e-6) << i;
    ASSERT_NEAR(b, radius * std::sin(angle), 3e-6) << i;
    double c, d;
    const uint64_t radius_bits = join(block.word[0], block.word[1]);
    const uint64_t angle_bits = join(block.word[2], block.word[3]);
    normal_pair(radius_bits, angle_bits, c, d);
    const long double wide_radius =
        std::sqrt(-2 * std::log((static_cast<long double>(radius_bits) + 0.5L) * 0x1p-64L));
    const long double wide_angle =
        2 * std::numbers::pi_v<long double> * static_cast<long double>(angle_bits) * 0x1p-64L;
    ASSERT_NEAR(c, wide_radius * std::cos(wide_angle), 1e-13) << i;
    ASSERT_NEAR(d, wide_radius * std::sin(wide_angle), 1e-13) << i;
  }
}

TEST(Philox, NormalsOfExtremeWordsAreFinite) {
  for (const uint32_t radius : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    for (const uint32_t angle : {0u, 0x1fffffffu, 0x20000000u, 0xe0000000u, 0xffffffffu}) {
      float a, b;
      normal_pair(radius, angle, a, b);
      EXPECT_TRUE(std::isfinite(a) && std::isfinite(b)) << radius << " " << angle;
      double c, d;
      normal_pair(join(radius, radius), join(angle, angle), c, d);
      EXPECT_TRUE(std::isfinite(c) && std::isfinite(d)) << radius << " " << angle;
      EXPECT_LT(std::abs(c), 9.6);
    }
  }
}

// FNV-1a over 4096 pairs: any platform must come to the same.
template <typename Pair>
uint64_t hash_pairs(Pair&& pair) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint32_t i = 0; i < 4096; ++i) {
    for (const auto number : pair(encrypt({{11, 13}, {i, 0, 0, 0}}))) {
      unsigned char bytes[sizeof(number)];
      __builtin_memcpy(bytes, &number, sizeof(number));
      for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
    }
  }
  return hash;
}

TEST(Philox, NormalsHaveTheSameBitsEverywhere) {
  EXPECT_EQ(hash_pairs([](const Block& block) {
              std::vector<float> z(2);
              normal_pair(block.word[0], block.word[1], z[0], z[1]);
              return z;
            }),
            7448570929037591439u);
  EXPECT_EQ(hash_pairs([](const Block& block) {
              std::vector<double> z(2);
              normal_pair(join(block.word[0], block.word[1]), join(block.word[2], block.word[3]),
                          z[0], z[1]);
              return z;
            }),
            4051439856970672921u);
}

}  // namespace
}  // namespace bitale::philox
