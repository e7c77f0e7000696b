// Innermost loops of float32 and float64 reductions whose accumulators lie side by side, in vector
// code chosen at run time.

#ifndef BITALE_OPS_REDUCTION_COLUMN_FOLD_CPU_H_
#define BITALE_OPS_REDUCTION_COLUMN_FOLD_CPU_H_

#include <cstdint>

#include "ops/cpu/vector_fold.h"

namespace bitale::reduction {

// acc[j] = acc[j] op p[r * stride + j] for each of `rows` rows r in turn, j < width.
void fold_rows(cpu::VectorOp op, float* acc, const float* p, int64_t stride, int64_t rows,
               int64_t width);
void fold_rows(cpu::VectorOp op, double* acc, const double* p, int64_t stride, int64_t rows,
               int64_t width);

// out[r] = cpu::fold_vector(op, row r, length) with the same bits, for `count` rows that lie as
// columns: element c of row r is columns[c * stride + r].
void fold_turned_rows(cpu::VectorOp op, const float* columns, int64_t stride, int64_t count,
                      int64_t length, float* out);
void fold_turned_rows(cpu::VectorOp op, const double* columns, int64_t stride, int64_t count,
                      int64_t length, double* out);

// Where elements[j] beats best[j], which comes earlier, it becomes the best and places[j] is
// `place`. `op` is kMax or kMin; a NaN beats any number, and none beats it.
void take_best(cpu::VectorOp op, const float* elements, int64_t count, int32_t place, float* best,
               int32_t* places);
void take_best(cpu::VectorOp op, const double* elements, int64_t count, int64_t place, double* best,
               int64_t* places);

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_COLUMN_FOLD_CPU_H_
