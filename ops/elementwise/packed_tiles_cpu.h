// Tile functions on packs (pack_cpu.h), for functions of floats that take many steps. They
// give the bits of the tile functions that make_tiles_cpu.h makes of the same functors.

#ifndef BITALE_OPS_ELEMENTWISE_PACKED_TILES_CPU_H_
#define BITALE_OPS_ELEMENTWISE_PACKED_TILES_CPU_H_

#include "ops/elementwise/make_tiles_cpu.h"

namespace bitale {

// y[i] = F(a[i]) for as many of the first elements as fill whole packs; returns how many. For
// processors with AVX2 and FMA where vectors have 32 bytes, with AVX-512 where they have 64. Made
// in packed_tiles_<instruction set>_cpu.cc for each F that run_packs_cpu.h names.
template <typename F, typename T, int kVectorBytes>
int64_t run_packs(int64_t count, const T* a, T* y);

#if defined(__x86_64__)
// The tile function of F from T to T. What fills no pack is computed by smaller vectors, which take
// less time for tiny tiles.
template <typename F, typename T, int kVectorBytes>
__attribute__((target("avx2,fma"))) void packed_tile(int64_t count, void* out,
                                                     const void* const* in) {
  const T* a = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  const int64_t done = run_packs<F, T, kVectorBytes>(count, a, y);
  const void* const rest = a + done;
  if (done < count) tile_loop<F, false, T>(TypeList<T>(), count - done, y + done, &rest);
}
#endif

// The table of F, a function of one float.
template <typename F>
TileTable packed_tiles() {
  TileTable table;
#if defined(__x86_64__)
  table[DType::kFloat32] =
      Tile<F, float, float>::best(packed_tile<F, float, 32>, packed_tile<F, float, 64>);
  table[DType::kFloat64] =
      Tile<F, double, double>::best(packed_tile<F, double, 32>, packed_tile<F, double, 64>);
#else
  table = tiles<F, 1, FloatTypes>();
#endif
  return table;
}

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_PACKED_TILES_CPU_H_
