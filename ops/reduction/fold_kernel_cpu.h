// The kernel of reductions to one number for each output: it walks the operand, and leaves what is
// done to elements to a table of functions, one table for each kind of reduction and dtype.

#ifndef BITALE_OPS_REDUCTION_FOLD_KERNEL_CPU_H_
#define BITALE_OPS_REDUCTION_FOLD_KERNEL_CPU_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/runtime/kernel.h"
#include "ops/reduction/reduction_cpu.h"

namespace bitale::reduction {

// Rows of elements, `step` apart, and the rows `stride` apart. Each is followed by the others of
// its group: rows that start at the next elements.
struct RowsOfElements {
  const void* first = nullptr;
  int64_t stride = 0;
  int64_t count = 0;
  int64_t length = 0;
  int64_t step = 1;
  int64_t group = 1;
};

// What a reduction does to elements and to its accumulators, which are at most 8 bytes long.
struct FoldTable {
  size_t element_bytes = 0;
  size_t accumulator_bytes = 0;
  // acc[q * count + r] = row r of the q-th in each group, folded.
  void (*fold_rows)(const RowsOfElements& rows, void* acc) = nullptr;
  // acc[j] = acc[j] with p[r * stride + j * step] for each of `rows` rows r in turn, j < width.
  void (*take_rows)(void* acc, const void* p, int64_t stride, int64_t rows, int64_t step,
                    int64_t width) = nullptr;
  // *to = the accumulators folded; count >= 1.
  void (*fold_accumulators)(const void* acc, int64_t count, void* to) = nullptr;
  // to[j] = to[j] with from[j].
  void (*combine)(void* to, const void* from, int64_t count) = nullptr;
  // acc[j] = what changes nothing.
  void (*clear)(void* acc, int64_t count) = nullptr;
  // out[first + j * stride] = acc[j] as an element of the result.
  void (*store)(const void* acc, int64_t count, void* out, int64_t stride, int64_t first) = nullptr;
};

std::unique_ptr<const Kernel> make_fold_kernel(Geometry geometry, const FoldTable& table);

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_FOLD_KERNEL_CPU_H_
