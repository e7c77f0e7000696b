// The functions that are computed by packs, in packs of the instruction set that is being compiled:
// for packed_tiles_<instruction set>_cpu.cc only, behind pack_<instruction set>_cpu.h.

#ifndef BITALE_OPS_ELEMENTWISE_RUN_PACKS_CPU_H_
#define BITALE_OPS_ELEMENTWISE_RUN_PACKS_CPU_H_

#include <cstdint>

#include "ops/elementwise/activation_functors.h"
#include "ops/elementwise/pack_cpu.h"
#include "ops/elementwise/transcendental_functors.h"

namespace bitale {

// packed_tiles_cpu.h tells.
template <typename F, typename T, int kVectorBytes>
int64_t run_packs(int64_t count, const T* a, T* y) {
  using Pack = scalar::Pack<T, kVectorBytes>;
  int64_t i = 0;
  for (; i + Pack::kSize <= count; i += Pack::kSize) F()(Pack::load(a + i)).store(y + i);
  return i;
}

template <typename F, int kVectorBytes>
struct ForBothFloats {
  decltype(&run_packs<F, float, kVectorBytes>) float32 = &run_packs<F, float, kVectorBytes>;
  decltype(&run_packs<F, double, kVectorBytes>) float64 = &run_packs<F, double, kVectorBytes>;
};

// An explicit instantiation of it makes them all.
template <int kVectorBytes>
struct AllPacks {
  static constexpr ForBothFloats<scalar::Exp, kVectorBytes> kExp = {};
  static constexpr ForBothFloats<scalar::Expm1, kVectorBytes> kExpm1 = {};
  static constexpr ForBothFloats<scalar::Log, kVectorBytes> kLog = {};
  static constexpr ForBothFloats<scalar::Log1p, kVectorBytes> kLog1p = {};
  static constexpr ForBothFloats<scalar::Sigmoid, kVectorBytes> kSigmoid = {};
  static constexpr ForBothFloats<scalar::Softplus, kVectorBytes> kSoftplus = {};
  static constexpr ForBothFloats<scalar::Tanh, kVectorBytes> kTanh = {};
};

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_RUN_PACKS_CPU_H_
