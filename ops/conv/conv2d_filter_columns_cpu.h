// Filters as columns of a matrix, for products by positions.

#ifndef BITALE_OPS_CONV_CONV2D_FILTER_COLUMNS_CPU_H_
#define BITALE_OPS_CONV_CONV2D_FILTER_COLUMNS_CPU_H_

#include <cstdint>

#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"

namespace bitale::conv2d_cpu {

// (group, panel, depth, column): panels of a tile's columns, of which a group's last one is filled
// up with zeros.
struct FilterColumns {
  int64_t groups, group_filters, channels, taps;
  bool flip;

  int64_t depth() const { return channels * taps; }
  template <typename T>
  int64_t group_panels() const {
    return cpu::panel_count(group_filters, cpu::gemm_tile<T>().columns);
  }
  template <typename T>
  int64_t panels() const {
    return groups * group_panels<T>();
  }
  template <typename T>
  int64_t panel_elements() const {
    return depth() * cpu::gemm_tile<T>().columns;
  }
  // Arranges one panel of all.
  template <typename T>
  void pack(int64_t panel, const T* filters, T* to) const;
};

FilterColumns filter_columns(const Lengths& lengths);
// All panels, for a call whose input 1 filters are; strided for other inputs.
Layout packed_filter_columns(const KernelCall& call, size_t input);

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_FILTER_COLUMNS_CPU_H_
