// The innermost loops of float32 and float64 reductions, in vector code chosen at run time.

#ifndef BITALE_OPS_REDUCTION_VECTOR_FOLD_CPU_H_
#define BITALE_OPS_REDUCTION_VECTOR_FOLD_CPU_H_

#include <cstdint>

namespace bitale::reduction {

enum class VectorOp : uint8_t { kSum, kProd, kMax, kMin };

// n >= 1 neighbouring elements folded into one; in max and min a NaN wins.
float fold_vector(VectorOp op, const float* p, int64_t n);
double fold_vector(VectorOp op, const double* p, int64_t n);

// acc[j] = acc[j] op p[r * stride + j] for each of `rows` rows r in turn, j < width.
void fold_rows(VectorOp op, float* acc, const float* p, int64_t stride, int64_t rows,
               int64_t width);
void fold_rows(VectorOp op, double* acc, const double* p, int64_t stride, int64_t rows,
               int64_t width);

}  // namespace bitale::reduction

#endif  // BITALE_OPS_REDUCTION_VECTOR_FOLD_CPU_H_
