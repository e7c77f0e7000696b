// Convolutions summed where images lie, for groups of few channels or few filters: there the sums
// over a window are so short that gathering windows into panels costs more than they do.
//
// Vector lanes are neighbouring positions of a row.

#ifndef BITALE_OPS_CONV_CONV2D_DIRECT_CPU_H_
#define BITALE_OPS_CONV_CONV2D_DIRECT_CPU_H_

#include <cstdint>

#include "ops/conv/conv2d_cpu.h"

namespace bitale::conv2d_cpu {

// Vector code chosen at run time, as in ops/cpu/gemm_tile.h.
template <typename T>
struct DirectSums {
  // Elements of a vector.
  int64_t lanes = 0;
  // to[r * to_stride + i] = sum_t weights[t * rows + r] * from[offsets[t] + i] for i < length,
  // r < rows <= kMostDirectRows. Less than a vector more is read, and overwritten behind each row.
  void (*weighted)(int64_t rows, int64_t taps, const int64_t* offsets, const T* weights,
                   const T* from, int64_t length, T* to, int64_t to_stride) = nullptr;
  // sums[r * sums_stride + t] += sum_y sum_i grads[r * grads_stride + y * length + i] *
  //                                          from[offsets[t] + y * line_stride + i]
  // for y < lines, i < length.
  void (*correlate)(int64_t rows, const T* grads, int64_t grads_stride, int64_t taps,
                    const int64_t* offsets, const T* from, int64_t line_stride, int64_t lines,
                    int64_t length, T* sums, int64_t sums_stride) = nullptr;
};

inline constexpr int64_t kMostDirectRows = 6;

// T is float or double.
template <typename T>
const DirectSums<T>& direct_sums();

// Null, or why other kernels are better for these lengths, or all that can.
const char* why_not_direct(const Lengths& lengths);

// One group of a convolution, as a convolution of its own.
Lengths of_group(Lengths lengths);

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_DIRECT_CPU_H_
