// Scalar functions over tiles: short contiguous runs of elements. A *_tiles_cpu.cc per group makes
// them from functors and registers them, and with them the CPU kernels of their ops.

#ifndef BITALE_OPS_ELEMENTWISE_TILES_CPU_H_
#define BITALE_OPS_ELEMENTWISE_TILES_CPU_H_

#include <cstdint>
#include <string_view>

#include "core/base/dtype.h"
#include "core/compile/kernel_registry.h"

namespace bitale {

// out[i] = f(in[0][i], in[1][i], ...) for i < count. `out` may be one of the inputs.
using TileFunction = void (*)(int64_t count, void* out, const void* const* in);

inline constexpr int kDTypeCount = static_cast<int>(std::size(kAllDTypes));

// By the dtype computed in; null where there is none. The two-byte floats compute in float32 where
// they have no entry of their own.
struct TileTable {
  TileFunction functions[kDTypeCount] = {};

  TileFunction& operator[](DType dtype) { return functions[static_cast<int>(dtype)]; }
  TileFunction operator[](DType dtype) const { return functions[static_cast<int>(dtype)]; }
};

// Enters the tile functions of the op named `op`, and its kernel, before main.
class TileRegistrar {
 public:
  TileRegistrar(const char* op, TileTable (*make_table)());
  TileRegistrar(const TileRegistrar&) = delete;

  static const TileRegistrar* find(std::string_view op);
  TileTable table() const { return make_table_(); }

 private:
  const char* op_;
  TileTable (*make_table_)();
  const TileRegistrar* next_;
  KernelRegistrar kernel_;
};

// Tiles from one dtype to another.
TileFunction cast_tile(DType from, DType to);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_TILES_CPU_H_
