// Transforms of Winograd's minimal filtering (conv2d_winograd_cpu.h) whose lanes are planes: those
// of filters, and all of the gradient for the filters, whose products sum over tiles.
//
// Vector code chosen at run time, as in ops/cpu/gemm_tile.h. What is staged here lies plane by
// plane at each position: element p of position i is staged[i * width + p].

#ifndef BITALE_OPS_CONV_CONV2D_WINOGRAD_PLANES_CPU_H_
#define BITALE_OPS_CONV_CONV2D_WINOGRAD_PLANES_CPU_H_

#include <cstdint>
#include <span>

#include "ops/conv/conv2d_winograd_cpu.h"
#include "ops/conv/conv2d_winograd_tiles_cpu.h"

namespace bitale::conv2d_cpu {

template <typename T>
struct WinogradPlanes {
  // Stages some of the rows, all but the last `omitted` of each image, with zeros where the planes
  // have no elements. Whole vectors of planes are written, `width` planes at most.
  void (*stage)(const SourcePlanes<T>& from, std::span<const StagedRows> rows, int64_t omitted,
                int64_t stride, int64_t width, T* to) = nullptr;
  // Transformed windows of four by four of `width` planes, whole vectors of them: element e of tile
  // t at to[e * product_stride + t * width]. `stride` is the number of positions in a staged row.
  void (*windows)(const T* staged, int64_t stride, std::span<const TileRun> runs, int64_t width,
                  T* to, int64_t product_stride) = nullptr;
  // Transformed tiles of two by two of `rows` planes, of `width` staged ones: to[e * product_stride
  // + t * rows]. Up to a vector more is read and, behind the last tile, written.
  void (*gradients)(const T* staged, int64_t stride, std::span<const TileRun> runs, int64_t width,
                    int64_t rows, T* to, int64_t product_stride) = nullptr;
  // Transformed filters of nine taps, `rows` of them, filter_stride apart, for so many channels:
  // element e of filter r for channel c at to[e * product_stride + c * rows + r]. Less than a
  // vector behind the last is written.
  void (*filters)(const T* taps, int64_t filter_stride, int64_t rows, int64_t channel_stride,
                  int64_t channels, bool turned, T* to, int64_t product_stride) = nullptr;
  // `count` filters of nine taps, from the sum of `blocks` of 16 sums, the first elements of which
  // lie side by side. Whole vectors are read. Returns whether all taps are finite.
  bool (*taps)(const T* sums, int64_t product_stride, int64_t blocks, int64_t block_stride,
               int64_t count, bool turned, T* to) = nullptr;
};

// T is float or double.
template <typename T>
const WinogradPlanes<T>& winograd_planes();

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_WINOGRAD_PLANES_CPU_H_
