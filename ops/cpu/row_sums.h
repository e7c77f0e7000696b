// Sums of scaled rows that are picked from memory one by one, held in vector registers: what is
// left of a matrix product where most of one factor is zero.

#ifndef BITALE_OPS_CPU_ROW_SUMS_H_
#define BITALE_OPS_CPU_ROW_SUMS_H_

#include <cstdint>

namespace bitale::cpu {

// An upper bound of a vector's elements on any CPU: what may be read past the end of a row.
inline constexpr int64_t kMostLanes = 16;

// What is picked at once: `count` rows of `length` elements, both at least 1, `stride` elements
// apart, whose sums lie `sums_stride` apart.
struct RowBlock {
  int64_t length = 0;
  int64_t count = 1;
  int64_t stride = 0;
  int64_t sums_stride = 0;
};

template <typename T>
struct RowSums {
  // sums[r * sums_stride + j] += sum_i scales[i] * rows[offsets[i] + r * stride + j] for j <
  // length, r < block.count and i < count, the terms in an order that depends on `block` alone.
  // Rows and sums are followed by kMostLanes readable elements; those after a row of sums are left
  // as they are.
  void (*add)(int64_t count, const T* scales, const int32_t* offsets, const T* rows,
              const RowBlock& block, T* sums) = nullptr;
  // How many rows of `length` elements are summed in registers at once; 0 if less than one is.
  int64_t (*rows_at_once)(int64_t length) = nullptr;
};

// T is float or double.
template <typename T>
const RowSums<T>& row_sums();

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_ROW_SUMS_H_
