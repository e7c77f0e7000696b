// Numbers made by vectors of blocks are those made block by block.

#include <vector>

#include "gtest/gtest.h"
#include "ops/random/philox_fill_cpu.h"

namespace bitale::philox {
namespace {

constexpr uint32_t kOnes = 0xffffffff;

// Counters whose words carry at once, after a few blocks, and not for long.
const State kStates[] = {{{1, 2}, {0, 0, 0, 0}},
                         {{kOnes, 5}, {kOnes, kOnes, kOnes, 7}},
                         {{3, kOnes}, {kOnes - 5, kOnes, 9, 0}},
                         {{8, 9}, {kOnes - 16, 1, 2, 3}},
                         {{8, 9}, {kOnes - 700, 4, 5, 6}}};
// About those of blocks, of groups of blocks and of what a thread takes.
constexpr int64_t kCounts[] = {0, 1, 3, 4, 5, 31, 32, 33, 63, 64, 65, 130, 4096, 8191, 20000};

template <typename T, int kPerBlock, typename Fill, typename Make>
void expect_blocks(const Fill& fill, const Make& make) {
  for (const State& state : kStates) {
    for (const int64_t count : kCounts) {
      std::vector<T> expected;
      int64_t blocks = 0;
      for (; static_cast<int64_t>(expected.size()) < count; ++blocks) {
        T elements[kPerBlock];
        make(encrypt(advanced(state, static_cast<uint64_t>(blocks))).word, elements);
        expected.insert(expected.end(), elements, elements + kPerBlock);
      }
      expected.resize(static_cast<size_t>(count));
      std::vector<T> filled(static_cast<size_t>(count) + 1, T(77));
      const State next = fill(state, filled.data(), count);
      EXPECT_EQ(filled.back(), T(77)) << "written behind the end";
      filled.pop_back();
      EXPECT_EQ(filled, expected) << count;
      const State behind = advanced(state, static_cast<uint64_t>(blocks));
      for (int w = 0; w < 4; ++w) EXPECT_EQ(next.counter[w], behind.counter[w]);
      for (int w = 0; w < 2; ++w) EXPECT_EQ(next.key[w], state.key[w]);
    }
  }
}

TEST(PhiloxFill, Uniforms) {
  expect_blocks<float, 4>(
      [](const State& s, float* out, int64_t n) { return fill_uniform(s, out, n); },
      [](const uint32_t* w, float* e) {
        for (int j = 0; j < 4; ++j) e[j] = uniform_float(w[j]);
      });
  expect_blocks<double, 2>(
      [](const State& s, double* out, int64_t n) { return fill_uniform(s, out, n); },
      [](const uint32_t* w, double* e) {
        for (int j = 0; j < 2; ++j) e[j] = uniform_double(join(w[2 * j], w[2 * j + 1]));
      });
}

TEST(PhiloxFill, Normals) {
  expect_blocks<float, 4>(
      [](const State& s, float* out, int64_t n) { return fill_normal(s, out, n); },
      [](const uint32_t* w, float* e) {
        normal_pair(w[0], w[1], e[0], e[1]);
        normal_pair(w[2], w[3], e[2], e[3]);
      });
  expect_blocks<double, 2>(
      [](const State& s, double* out, int64_t n) { return fill_normal(s, out, n); },
      [](const uint32_t* w, double* e) {
        normal_pair(join(w[0], w[1]), join(w[2], w[3]), e[0], e[1]);
      });
}

TEST(PhiloxFill, Integers) {
  for (const uint64_t range : {uint64_t{0}, uint64_t{1}, uint64_t{10}, ~uint64_t{0}}) {
    expect_blocks<int64_t, 2>(
        [=](const State& s, int64_t* out, int64_t n) {
          return fill_integers(s, 100, range, out, n);
        },
        [=](const uint32_t* w, int64_t* e) {
          for (int j = 0; j < 2; ++j) {
            e[j] = static_cast<int64_t>(100 + below(join(w[2 * j], w[2 * j + 1]), range));
          }
        });
  }
}

}  // namespace
}  // namespace bitale::philox
