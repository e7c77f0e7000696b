#if defined(__x86_64__)

#include <algorithm>
#include <cstdint>

#include "hwy/base.h"

HWY_PUSH_ATTRIBUTES("avx2,fma")

#include "ops/elementwise/pack_avx2_cpu.h"
// After the pack, which they are used with.
#include "ops/elementwise/activation_functors.h"
#include "ops/elementwise/transcendental_functors.h"

namespace bitale {

using namespace scalar;  // NOLINT: the functors' names

template <typename F, typename T>
void packed_tile(int64_t count, void* out, const void* const* in) {
  constexpr int64_t kSize = Pack<T>::kSize;
  const T* a = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  T rest[kSize] = {};
  for (int64_t i = 0; i < count; i += kSize) {
    const bool whole = i + kSize <= count;
    if (!whole) std::copy(a + i, a + count, rest);
    F()(Pack<T>::load(whole ? a + i : rest)).store(whole ? y + i : rest);
    if (!whole) std::copy_n(rest, count - i, y + i);
  }
}

template <typename F>
struct ForBothFloats {
  static constexpr auto* kFloat32 = packed_tile<F, float>;
  static constexpr auto* kFloat64 = packed_tile<F, double>;
};
template struct ForBothFloats<Exp>;
template struct ForBothFloats<Expm1>;
template struct ForBothFloats<Log>;
template struct ForBothFloats<Log1p>;
template struct ForBothFloats<Sigmoid>;
template struct ForBothFloats<Softplus>;
template struct ForBothFloats<Tanh>;

}  // namespace bitale

HWY_POP_ATTRIBUTES

#endif  // defined(__x86_64__)
