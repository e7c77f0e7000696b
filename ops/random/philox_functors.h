// Philox4x32-10, and numbers made of its words: the same bits on every platform and device.
//
// Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Block i of a state is a
// pure function of its key and its counter plus i, so blocks can be computed in any order. Compile
// without contraction of products and sums: where a fused step is meant, it is written out.

#ifndef BITALE_OPS_RANDOM_PHILOX_FUNCTORS_H_
#define BITALE_OPS_RANDOM_PHILOX_FUNCTORS_H_

#include <cstdint>

namespace bitale::philox {

// Key (2 words) and counter (4 words, the first the lowest), as a shared state holds them.
inline constexpr int kStateWords = 6;

struct State {
  uint32_t key[2];
  uint32_t counter[4];
};

struct Block {
  uint32_t word[4];
};

[[gnu::always_inline]] inline uint32_t high_word(uint64_t product) {
  return static_cast<uint32_t>(product >> 32);
}

// The ten rounds for counters side by side, word by word.
template <int64_t kCounters>
[[gnu::always_inline]] inline void encrypt_words(const State& keys, uint32_t (&c)[4][kCounters]) {
  uint32_t key0 = keys.key[0];
  uint32_t key1 = keys.key[1];
  for (int round = 0; round < 10; ++round) {
    for (int64_t i = 0; i < kCounters; ++i) {
      const uint64_t product0 = uint64_t{0xD2511F53u} * c[0][i];
      const uint64_t product1 = uint64_t{0xCD9E8D57u} * c[2][i];
      c[0][i] = high_word(product1) ^ c[1][i] ^ key0;
      c[1][i] = static_cast<uint32_t>(product1);
      c[2][i] = high_word(product0) ^ c[3][i] ^ key1;
      c[3][i] = static_cast<uint32_t>(product0);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

// The block of one counter.
[[gnu::always_inline]] inline Block encrypt(const State& state) {
  uint32_t c[4][1] = {
      {state.counter[0]}, {state.counter[1]}, {state.counter[2]}, {state.counter[3]}};
  encrypt_words(state, c);
  return {{c[0][0], c[1][0], c[2][0], c[3][0]}};
}

// The state `blocks` further on.
[[gnu::always_inline]] inline State advanced(State state, uint64_t blocks) {
  const uint64_t low = state.counter[0] | (uint64_t{state.counter[1]} << 32);
  const uint64_t high = state.counter[2] | (uint64_t{state.counter[3]} << 32);
  const uint64_t new_low = low + blocks;
  const uint64_t new_high = high + (new_low < low ? 1 : 0);
  state.counter[0] = static_cast<uint32_t>(new_low);
  state.counter[1] = static_cast<uint32_t>(new_low >> 32);
  state.counter[2] = static_cast<uint32_t>(new_high);
  state.counter[3] = static_cast<uint32_t>(new_high >> 32);
  return state;
}

// Two words as one integer, the first the lower.
[[gnu::always_inline]] inline uint64_t join(uint32_t low, uint32_t high) {
  return low | (uint64_t{high} << 32);
}

// --- Uniform in [0, 1)
// -----------------------------------------------------------------------------

// The word's upper 24 bits, divided by 2^24.
[[gnu::always_inline]] inline float uniform_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 0x1p-24f;
}

// The upper 53 bits, divided by 2^53.
[[gnu::always_inline]] inline double uniform_double(uint64_t bits) {
  return static_cast<double>(static_cast<int64_t>(bits >> 11)) * 0x1p-53;
}

// An integer in [0, range): the upper 64 bits of bits * range. `range` 0 stands for 2^64.
[[gnu::always_inline]] inline uint64_t below(uint64_t bits, uint64_t range) {
  if (range == 0) return bits;
  const uint64_t a = bits >> 32, b = bits & 0xffffffffu;
  const uint64_t c = range >> 32, d = range & 0xffffffffu;
  const uint64_t middle = a * d + ((b * d) >> 32);
  return a * c + (middle >> 32) + (((middle & 0xffffffffu) + b * c) >> 32);
}

// --- Normal
// ----------------------------------------------------------------------------------------

[[gnu::always_inline]] inline float fma(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
[[gnu::always_inline]] inline double fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
[[gnu::always_inline]] inline float sqrt(float x) { return __builtin_sqrtf(x); }
[[gnu::always_inline]] inline double sqrt(double x) { return __builtin_sqrt(x); }

template <typename To, typename From>
[[gnu::always_inline]] inline To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(to));
  return to;
}

// Natural logarithm of a normal number in (0, 1]; error about 1 ulp at most. The method and
// coefficients are those of FreeBSD's e_log.c: log(x) = k log(2) + log(1 + f), the latter by an odd
// series in s = f / (2 + f).
[[gnu::always_inline]] inline double log_of_unit(double x) {
  // Takes x into [sqrt(1/2), sqrt(2)).
  const uint64_t bits = bits_as<uint64_t>(x) - 0x3fe6a09e667f3bcdu;
  const double k = static_cast<double>(static_cast<int64_t>(bits) >> 52);
  const double m = bits_as<double>((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double r = 1.479819860511658591e-01;
  r = fma(r, z, 1.531383769920937332e-01);
  r = fma(r, z, 1.818357216161805012e-01);
  r = fma(r, z, 2.222219843214978396e-01);
  r = fma(r, z, 2.857142874366239149e-01);
  r = fma(r, z, 3.999999999940941908e-01);
  r = fma(r, z, 6.666666666666735130e-01) * z;
  const double half_square = 0.5 * f * f;
  const double low = fma(s, half_square + r, k * 1.90821492927058770002e-10);
  return fma(k, 6.93147180369123816490e-01, -((half_square - low) - f));
}

[[gnu::always_inline]] inline float log_of_unit(float x) {
  const uint32_t bits = bits_as<uint32_t>(x) - 0x3f3504f3u;
  const float k = static_cast<float>(static_cast<int32_t>(bits) >> 23);
  const float m = bits_as<float>((bits & 0x007fffffu) + 0x3f3504f3u);
  const float f = m - 1.0f;
  const float s = f / (2.0f + f);
  const float z = s * s;
  float r = 0xf89e26.0p-26f;
  r = fma(r, z, 0x91e9ee.0p-25f);
  r = fma(r, z, 0xccce13.0p-25f);
  r = fma(r, z, 0xaaaaaa.0p-24f) * z;
  const float half_square = 0.5f * f * f;
  const float low = fma(s, half_square + r, k * 9.0580006145e-06f);
  return fma(k, 6.9313812256e-01f, -((half_square - low) - f));
}

// Sine and cosine of `turn` full turns, |turn| <= 1/8, by series whose coefficients are those of
// FreeBSD's k_sin.c and k_cos.c, or of Cephes for float32.
[[gnu::always_inline]] inline void sincos_small(double turn, double& sine, double& cosine) {
  const double x = turn * 6.283185307179586;
  const double z = x * x;
  double s = 1.58969099521155010221e-10;
  s = fma(s, z, -2.50507602534068634195e-08);
  s = fma(s, z, 2.75573137070700676789e-06);
  s = fma(s, z, -1.98412698298579493134e-04);
  s = fma(s, z, 8.33333333332248946124e-03);
  s = fma(s, z, -1.66666666666666324348e-01);
  sine = fma(x * z, s, x);
  double c = -1.13596475577881948265e-11;
  c = fma(c, z, 2.08757232129817482790e-09);
  c = fma(c, z, -2.75573143513906633035e-07);
  c = fma(c, z, 2.48015872894767294178e-05);
  c = fma(c, z, -1.38888888888741095749e-03);
  c = fma(c, z, 4.16666666666666019037e-02);
  cosine = fma(z * z, c, fma(-0.5, z, 1.0));
}

[[gnu::always_inline]] inline void sincos_small(float turn, float& sine, float& cosine) {
  const float x = turn * 6.2831853f;
  const float z = x * x;
  float s = -1.9515295891e-4f;
  s = fma(s, z, 8.3321608736e-3f);
  s = fma(s, z, -1.6666654611e-1f);
  sine = fma(x * z, s, x);
  float c = 2.443315711809948e-5f;
  c = fma(c, z, -1.388731625493765e-3f);
  c = fma(c, z, 4.166664568298827e-2f);
  cosine = fma(z * z, c, fma(-0.5f, z, 1.0f));
}

// Box and Muller: a radius from one random integer, an angle from another.
template <typename T>
[[gnu::always_inline]] inline void polar_to_normals(T radius, T sine, T cosine, int quadrant,
                                                    T& first, T& second) {
  const T c = (quadrant & 1) ? -sine : cosine;
  const T s = (quadrant & 1) ? cosine : sine;
  const T signed_radius = (quadrant & 2) ? -radius : radius;
  first = signed_radius * c;
  second = signed_radius * s;
}

[[gnu::always_inline]] inline void normal_pair(uint32_t radius_word, uint32_t angle_word,
                                               float& first, float& second) {
  // In (0, 1]: the largest words round to 1.
  const float u = fma(static_cast<float>(radius_word), 0x1p-32f, 0x1p-33f);
  const uint32_t quadrant = (angle_word + 0x20000000u) >> 30;
  const float turn = static_cast<float>(static_cast<int32_t>(angle_word - (quadrant << 30)));
  float sine, cosine;
  sincos_small(turn * 0x1p-32f, sine, cosine);
  polar_to_normals(sqrt(-2.0f * log_of_unit(u)), sine, cosine, static_cast<int>(quadrant), first,
                   second);
}

[[gnu::always_inline]] inline void normal_pair(uint64_t radius_bits, uint64_t angle_bits,
                                               double& first, double& second) {
  const double u = fma(static_cast<double>(radius_bits), 0x1p-64, 0x1p-65);
  const uint64_t quadrant = (angle_bits + 0x2000000000000000u) >> 62;
  const double turn = static_cast<double>(static_cast<int64_t>(angle_bits - (quadrant << 62)));
  double sine, cosine;
  sincos_small(turn * 0x1p-64, sine, cosine);
  polar_to_normals(sqrt(-2.0 * log_of_unit(u)), sine, cosine, static_cast<int>(quadrant), first,
                   second);
}

}  // namespace bitale::philox

#endif  // BITALE_OPS_RANDOM_PHILOX_FUNCTORS_H_
