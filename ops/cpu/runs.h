// Short runs of adjacent elements, moved or added between a buffer and many places of an image:
// what convolutions do between images and the matrices they multiply.
//
// Vector code chosen at run time, as in ops/cpu/gemm_tile.h.

#ifndef BITALE_OPS_CPU_RUNS_H_
#define BITALE_OPS_CPU_RUNS_H_

#include <cstdint>

namespace bitale::cpu {

template <typename T>
struct Runs {
  // to[k * to_stride + i] = from[offsets[k] + i] for k < count, i < length.
  void (*gather)(int64_t count, const int64_t* offsets, int64_t length, const T* from, T* to,
                 int64_t to_stride) = nullptr;
  // to[offsets[k] + i] += from[k * from_stride + i], k by k.
  void (*scatter_add)(int64_t count, const int64_t* offsets, int64_t length, const T* from,
                      int64_t from_stride, T* to) = nullptr;
  // to[i * to_stride + k] = from[offsets[k] + i]: runs become columns, upwards where to_stride is
  // negative.
  void (*gather_columns)(int64_t count, const int64_t* offsets, int64_t length, const T* from,
                         T* to, int64_t to_stride) = nullptr;
  // to[i % step * to_stride + i / step] = from[i] for i < count: a part for each remainder.
  void (*deal)(int64_t count, int64_t step, const T* from, T* to, int64_t to_stride) = nullptr;
  // to[i] = from[i % step * from_stride + i / step] for i < count.
  void (*collect)(int64_t count, int64_t step, const T* from, int64_t from_stride, T* to) = nullptr;
  // to[i] += from[i].
  void (*add)(int64_t count, const T* from, T* to) = nullptr;
};

// T is float or double.
template <typename T>
const Runs<T>& runs();

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_RUNS_H_
