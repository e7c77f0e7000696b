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
#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"

namespace bitale::conv2d_cpu {

// Some rows of one image, or all rows of some.
struct Band {
  int64_t image, images;
  int64_t row, rows;
};

// Images cut into bands that a thread takes: their positions are enough for a product, and few
// enough that what belongs to them stays in a core's cache. Lengths alone decide.
class Bands {
 public:
  // `phases`: of how many products the positions of a band are.
  Bands(int64_t batch, int64_t height, int64_t width, int64_t phases = 1);

  int64_t count() const { return blocks_ * bands_; }
  Band operator[](int64_t index) const;
  int64_t most_images() const { return images_; }
  int64_t most_rows() const { return rows_; }

 private:
  int64_t batch_, height_;
  int64_t rows_, bands_;     // of an image
  int64_t images_, blocks_;  // of the batch
};

// Copies rows of planes (height, width) to where there are zeros around them: rows of `to_width`
// elements, in which they begin at element `before`, and to_plane elements from plane to plane.
// What does not fit there is left out. T is float or double.
template <typename T>
class PaddedRows {
 public:
  PaddedRows(int64_t height, int64_t width, int64_t before, int64_t to_width, int64_t to_plane);

  // Rows [first, first + rows) of each plane; there are zeros before row 0 and after the last one.
  void copy(int64_t planes, const T* from, int64_t first, int64_t rows, T* to) const;

 private:
  int64_t height_, width_, before_, to_width_, to_plane_;
  std::vector<int64_t> rows_;  // where each begins
};

// Elements of a vector of a call's floats; and of all vectors that `columns` filters take up.
int64_t lanes_of(const KernelCall& call);
int64_t filled_up(const KernelCall& call, int64_t columns);

// A group's filters in the order in which the product reads them: (panel, depth, column), in panels
// of a tile's columns, of which the last one is filled up.
struct FilterColumns {
  int64_t groups, group_filters, channels, taps;
  bool flip;

  int64_t depth() const { return channels * taps; }
  // Panels of all groups, and elements of one.
  template <typename T>
  int64_t panels() const {
    return groups * cpu::panel_count(group_filters, cpu::gemm_tile<T>().columns);
  }
  template <typename T>
  int64_t panel_elements() const {
    return depth() * cpu::gemm_tile<T>().columns;
  }
  template <typename T>
  void pack(int64_t panel, const T* filters, T* to) const;
};
FilterColumns filter_columns(const Lengths& lengths);
// All of them, for a call whose input 1 they are; strided for other inputs.
Layout packed_filter_columns(const KernelCall& call, size_t input);

// T is float or double.
template <typename T>
class PositionProduct {
 public:
  // Of windows whose element k lies offsets[k] behind where they begin.
  PositionProduct(std::vector<int64_t> offsets, int64_t columns);

  int64_t depth() const { return std::ssize(offsets_); }
  // Filters come in panels as those of FilterColumns.
  int64_t width() const { return tile_.columns; }
  int64_t panels() const { return cpu::panel_count(columns_, tile_.columns); }
  int64_t panel_elements() const { return depth() * tile_.columns; }
  int64_t packed_elements() const { return panels() * panel_elements(); }

  // Of the windows that begin at `begins`, (begins.size(), columns).
  void multiply(std::span<const T* const> begins, const T* packed, T* to) const;

 private:
  std::vector<int64_t> offsets_;
  int64_t columns_;
  const cpu::GemmTile<T>& tile_;
};

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_POSITIONS_CPU_H_
