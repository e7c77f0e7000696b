#include "ops/random/philox_fill_cpu.h"

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "hwy/targets.h"

namespace bitale::philox {
namespace {

// Blocks side by side.
constexpr int64_t kGroup = 16;
constexpr int64_t kGroupsPerTask = 128;

struct Blocks {
  uint32_t word[4][kGroup];
};

// What encrypt() does, for the blocks that follow each other from `first` on.
[[gnu::always_inline]] inline Blocks encrypt_group(const State& first) {
  Blocks c;
  for (int64_t i = 0; i < kGroup; ++i) {
    c.word[0][i] = first.counter[0] + static_cast<uint32_t>(i);
    for (int w = 1; w < 4; ++w) c.word[w][i] = first.counter[w];
  }
  if (first.counter[0] > 0xffffffffu - kGroup) {  // the sums above carry
    for (int64_t i = 0; i < kGroup; ++i) {
      const State state = advanced(first, static_cast<uint64_t>(i));
      for (int w = 0; w < 4; ++w) c.word[w][i] = state.counter[w];
    }
  }
  encrypt_words(first, c.word);
  return c;
}

// Each: what a block's elements are, and how one block's words make them.
struct UniformFloats {
  using T = float;
  static constexpr int kPerBlock = 4;
  [[gnu::always_inline]] inline void operator()(const uint32_t (&w)[4], float (&e)[4]) const {
    for (int j = 0; j < 4; ++j) e[j] = uniform_float(w[j]);
  }
};
struct UniformDoubles {
  using T = double;
  static constexpr int kPerBlock = 2;
  [[gnu::always_inline]] inline void operator()(const uint32_t (&w)[4], double (&e)[2]) const {
    e[0] = uniform_double(join(w[0], w[1]));
    e[1] = uniform_double(join(w[2], w[3]));
  }
};
struct NormalFloats {
  using T = float;
  static constexpr int kPerBlock = 4;
  [[gnu::always_inline]] inline void operator()(const uint32_t (&w)[4], float (&e)[4]) const {
    normal_pair(w[0], w[1], e[0], e[1]);
    normal_pair(w[2], w[3], e[2], e[3]);
  }
};
struct NormalDoubles {
  using T = double;
  static constexpr int kPerBlock = 2;
  [[gnu::always_inline]] inline void operator()(const uint32_t (&w)[4], double (&e)[2]) const {
    normal_pair(join(w[0], w[1]), join(w[2], w[3]), e[0], e[1]);
  }
};
struct Integers {
  using T = int64_t;
  static constexpr int kPerBlock = 2;
  uint64_t low, range;
  [[gnu::always_inline]] inline void operator()(const uint32_t (&w)[4], int64_t (&e)[2]) const {
    e[0] = static_cast<int64_t>(low + below(join(w[0], w[1]), range));
    e[1] = static_cast<int64_t>(low + below(join(w[2], w[3]), range));
  }
};

template <typename Make>
struct Filler {
  using T = typename Make::T;
  static constexpr int kPerBlock = Make::kPerBlock;

  const State& state;
  const Make& make;
  T* out;
  int64_t count;

  // Groups [begin, end) of blocks.
  [[gnu::always_inline]] inline void fill(int64_t begin, int64_t end) const {
    for (int64_t group = begin; group < end; ++group) {
      const int64_t block = group * kGroup;
      const Blocks c = encrypt_group(advanced(state, static_cast<uint64_t>(block)));
      T elements[kGroup * kPerBlock];
      for (int64_t i = 0; i < kGroup; ++i) {
        const uint32_t words[4] = {c.word[0][i], c.word[1][i], c.word[2][i], c.word[3][i]};
        T own[kPerBlock];
        make(words, own);
        for (int j = 0; j < kPerBlock; ++j) elements[i * kPerBlock + j] = own[j];
      }
      const int64_t first = block * kPerBlock;
      std::copy_n(elements, std::min(kGroup * kPerBlock, count - first), out + first);
    }
  }
  void portable(int64_t begin, int64_t end) const { fill(begin, end); }
#if defined(__x86_64__)
  __attribute__((target("avx2,fma"))) void avx2(int64_t begin, int64_t end) const {
    fill(begin, end);
  }
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512"))) void
  avx512(int64_t begin, int64_t end) const {
    fill(begin, end);
  }
#endif

  void best(int64_t begin, int64_t end) const {
#if defined(__x86_64__)
    static const int64_t targets = hwy::SupportedTargets();
    if ((targets & HWY_AVX3) != 0) return avx512(begin, end);
    if ((targets & HWY_AVX2) != 0) return avx2(begin, end);
#endif
    portable(begin, end);
  }
};

template <typename Make>
State fill(const State& state, const Make& make, typename Make::T* out, int64_t count) {
  const Filler<Make> filler{state, make, out, count};
  const int64_t blocks = (count + Make::kPerBlock - 1) / Make::kPerBlock;
  parallel_ranges((blocks + kGroup - 1) / kGroup, kGroupsPerTask,
                  [&](int64_t begin, int64_t end) { filler.best(begin, end); });
  return advanced(state, static_cast<uint64_t>(blocks));
}

}  // namespace

State fill_uniform(const State& state, float* out, int64_t count) {
  return fill(state, UniformFloats(), out, count);
}
State fill_uniform(const State& state, double* out, int64_t count) {
  return fill(state, UniformDoubles(), out, count);
}
State fill_normal(const State& state, float* out, int64_t count) {
  return fill(state, NormalFloats(), out, count);
}
State fill_normal(const State& state, double* out, int64_t count) {
  return fill(state, NormalDoubles(), out, count);
}
State fill_integers(const State& state, uint64_t low, uint64_t range, int64_t* out, int64_t count) {
  return fill(state, Integers{low, range}, out, count);
}

}  // namespace bitale::philox
