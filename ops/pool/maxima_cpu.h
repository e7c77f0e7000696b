// The maxima of pooling windows and where they stand, a vector of windows at a time.
//
// Vector code chosen at run time, as in ops/cpu/gemm_tile.h.

#ifndef BITALE_OPS_POOL_MAXIMA_CPU_H_
#define BITALE_OPS_POOL_MAXIMA_CPU_H_

#include <cstdint>

#include "ops/pool/pool_cpu.h"

namespace bitale::pool_cpu {

// Rows [first, end) of a plane, one after the other: a plane need not be in memory as a whole. The
// same rows of further planes lie `stride` elements apart.
template <typename T>
struct PlaneRows {
  const T* data;
  int64_t first;
  int64_t end;
  int64_t planes = 1;
  int64_t stride = 0;
};

// Maxima and their positions in the plane, in row-major order, of the windows in rows [begin, end)
// of windows; either result may be null. Results of further planes lie as in a pooled image. The
// first of equal elements wins, and NaN over numbers. `rows` holds all rows that these windows
// cover. T is float or double.
template <typename T>
void find_maxima(const Lengths& l, const PlaneRows<T>& rows, int64_t begin, int64_t end, T* maxima,
                 int32_t* positions);
template <>
void find_maxima(const Lengths& l, const PlaneRows<float>& rows, int64_t begin, int64_t end,
                 float* maxima, int32_t* positions);
template <>
void find_maxima(const Lengths& l, const PlaneRows<double>& rows, int64_t begin, int64_t end,
                 double* maxima, int32_t* positions);

}  // namespace bitale::pool_cpu

#endif  // BITALE_OPS_POOL_MAXIMA_CPU_H_
