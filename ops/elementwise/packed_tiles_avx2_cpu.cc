#if defined(__x86_64__)

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
int64_t run_packs(int64_t count, const T* a, T* y) {
  constexpr int64_t kSize = Pack<T>::kSize;
  int64_t i = 0;
  for (; i + kSize <= count; i += kSize) F()(Pack<T>::load(a + i)).store(y + i);
  return i;
}

template <typename F>
struct ForBothFloats {
  static constexpr auto* kFloat32 = run_packs<F, float>;
  static constexpr auto* kFloat64 = run_packs<F, double>;
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
