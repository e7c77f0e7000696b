// Convolutions as matrix products the other way round than in conv2d_panels_cpu.h: windows
// (positions, depth) times filters (depth, columns). An element of a window is multiplied with
// vectors of filters, so windows are read where they lie, however far apart and however few beside
// each other; what the product gives, (positions, columns), is turned at the end.

#ifndef BITALE_OPS_CONV_CONV2D_POSITIONS_CPU_H_
#define BITALE_OPS_CONV_CONV2D_POSITIONS_CPU_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "ops/cpu/gemm_tile.h"

namespace bitale::conv2d_cpu {

// T is float or double.
template <typename T>
class PositionProduct {
 public:
  // Of windows whose element k lies offsets[k] behind where they begin.
  explicit PositionProduct(std::vector<int64_t> offsets);

  int64_t depth() const { return std::ssize(offsets_); }
  // Columns of a panel of filters, (depth, width()).
  int64_t width() const { return tile_.columns; }

  // The first `columns` columns for the windows that begin at `begins`: (begins.size(), width()),
  // of which further columns are not written.
  void multiply(std::span<const T* const> begins, const T* panel, int64_t columns, T* to) const;

 private:
  std::vector<int64_t> offsets_;
  const cpu::GemmTile<T>& tile_;
};

// Elements of a vector of a call's floats; and of all vectors that `columns` columns take up.
int64_t lanes_of(const KernelCall& call);
int64_t filled_up(const KernelCall& call, int64_t columns);

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_POSITIONS_CPU_H_
