// Tile functions on packs (pack_avx2_cpu.h), for functions of floats that take many steps. They
// give the bits of the tile functions that make_tiles_cpu.h makes of the same functors.

#ifndef BITALE_OPS_ELEMENTWISE_PACKED_TILES_CPU_H_
#define BITALE_OPS_ELEMENTWISE_PACKED_TILES_CPU_H_

#include "ops/elementwise/make_tiles_cpu.h"

namespace bitale {

// The tile function of F from T to T, for processors with AVX2 and FMA. Made in
// packed_tiles_avx2_cpu.cc for each F that is named there.
template <typename F, typename T>
void packed_tile(int64_t count, void* out, const void* const* in);

// The table of F, a function of one float.
template <typename F>
TileTable packed_tiles() {
  TileTable table;
#if defined(__x86_64__)
  table[DType::kFloat32] = Tile<F, float, float>::best(packed_tile<F, float>);
  table[DType::kFloat64] = Tile<F, double, double>::best(packed_tile<F, double>);
#else
  table = tiles<F, 1, FloatTypes>();
#endif
  return table;
}

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_PACKED_TILES_CPU_H_
