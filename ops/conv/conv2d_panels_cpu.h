// conv2d as one matrix product per group: filters (filters, depth) times columns (depth, batch ·
// positions). A panel of columns is multiplied in the image where its halves or its quarters each
// lie in one row of windows; else it is gathered into cache, multiplied and forgotten. It may span
// images, so small outputs fill the vectors too.

#ifndef BITALE_OPS_CONV_CONV2D_PANELS_CPU_H_
#define BITALE_OPS_CONV_CONV2D_PANELS_CPU_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {

// Filters as PanelProduct reads them, for a call whose input 1 they are; strided for other inputs.
Layout packed_filters(const KernelCall& call, size_t input);

// T is float or double.
template <typename T>
class PanelProduct {
 public:
  // `is_packed`: filters come as packed_filters() arranges them.
  PanelProduct(const Lengths& lengths, bool is_packed);

  // What all panels of a call share, in the kernel's workspace.
  struct Prepared {
    const T* image = nullptr;  // dealt
    const T* filters = nullptr;
  };
  // Room for prepare(); with a null base only counted.
  struct Parts {
    T* ordered = nullptr;
    T* packed = nullptr;
    T* dealt = nullptr;
  };
  Parts take_parts(cpu::WorkspaceLayout& layout) const;
  Prepared prepare(const T* image, const T* filters, const Parts& parts) const;

  // Columns of a panel.
  int64_t width() const { return tile_.columns; }
  // Elements that a gathered panel takes, in whole cache lines.
  int64_t gathered_elements() const;
  // Multiplications that a panel takes.
  double panel_work() const;

  // Columns [begin, begin + count) of a group's product, count <= width(): row f to
  // to + f * to_stride. `runs`, found by find_runs(), are what the columns consist of.
  void multiply(const Prepared& prepared, int64_t group, int64_t count, const Run* runs,
                int64_t run_count, T* gathered, T* to, int64_t to_stride) const;

 private:
  void pack_filters(const T* filters, const Parts& parts) const;
  // Where each of `parts` equal parts of a panel begins; false if one of them is not in one run.
  bool find_parts(int64_t parts, const T* first_window, int64_t count, const Run* runs,
                  int64_t run_count, const T** begins) const;
  // Rows [k, k + depth) of a panel.
  void gather(const T* first_window, int64_t k, int64_t depth, int64_t count, const Run* runs,
              int64_t run_count, T* gathered) const;

  Lengths l_;
  bool is_packed_;
  std::vector<int64_t> offsets_;
  const cpu::GemmTile<T>& tile_;
  bool reads_in_place_;
};

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_PANELS_CPU_H_
