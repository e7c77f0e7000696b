// Convolutions with windows of three by three by Winograd's minimal filtering, and what their
// kernels share. After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015).
//
// Outputs are made in tiles of two by two from tiles of four by four of the image. Filters and
// image tiles are transformed, multiplied element by element, summed over channels, and the sums
// transformed back: 16 multiplications for 4 outputs, where direct sums take 36. The sums over
// channels are 16 matrix products, one for each element of a transformed tile. The gradient for the
// filters takes tiles of the image and of the output gradient in the same way, and sums over tiles.
//
// Rounding: of sums of n products of normally distributed float32 numbers, errors have a root mean
// square of 1.4 (16 channels) to 5.2 (512) eps sqrt(n), measured; direct sums have 0.8 to 3.1.
//
// An infinity or NaN spreads over its tile within a transform, and sums of large numbers may
// overflow there. Results that are not finite are therefore computed a second time, directly, so
// that those and only those are not which direct sums make so. Where all are, as after a training
// that diverged, a call takes about ten times as long as with direct sums.

#ifndef BITALE_OPS_CONV_CONV2D_WINOGRAD_CPU_H_
#define BITALE_OPS_CONV_CONV2D_WINOGRAD_CPU_H_

#include <cstdint>
#include <span>

#include "ops/conv/conv2d_cpu.h"
#include "ops/conv/conv2d_winograd_tiles_cpu.h"

namespace bitale::conv2d_cpu {

// Elements of a transformed tile: so many matrix products take the place of one convolution.
inline constexpr int64_t kWinogradProducts = 16;

// Null, or why these lengths are not convolved so: another window, or too little work for the
// transforms to pay.
const char* supports_winograd(const KernelCall& call, const Lengths& lengths);

// Some planes of each image, between borders of zeros.
template <typename T>
struct SourcePlanes {
  const T* data;  // the first plane of the first image
  int64_t planes;
  int64_t image_stride;
  int64_t height, width;
  int64_t top, left;  // rows and columns of zeros before the first; negative to skip some
};

template <typename T>
struct TargetPlanes {
  T* data;
  int64_t planes;
  int64_t image_stride;
  int64_t height, width;
};

// Vector code chosen at run time, as in ops/cpu/gemm_tile.h, for matrices of a row for each plane
// and a column for each tile. Within a run, tiles stand in an order of their own, which outputs()
// undoes.
template <typename T>
struct WinogradTransforms {
  // Copies the rows of a plane of each image to where they are staged, all but the zeros around.
  void (*stage)(const SourcePlanes<T>& from, int64_t plane, std::span<const StagedRows> rows,
                int64_t stride, T* to) = nullptr;
  // Element e of the transformed tiles of staged runs of one plane: row to + e * product_stride.
  // Less than a vector behind the row's last tile is overwritten.
  void (*inputs)(const T* staged, int64_t stride, std::span<const TileRun> runs, T* to,
                 int64_t product_stride) = nullptr;
  // From sums laid out likewise, in rows of `row_stride`, to outputs. Returns whether all are
  // finite.
  bool (*outputs)(const T* from, int64_t product_stride, int64_t row_stride,
                  std::span<const TileRun> runs, const TargetPlanes<T>& to) = nullptr;
};

// T is float or double.
template <typename T>
const WinogradTransforms<T>& winograd_transforms();

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_WINOGRAD_CPU_H_
