// The innermost loop of float32 and float64 reductions along rows, in vector code chosen at run
// time.

#ifndef BITALE_OPS_CPU_VECTOR_FOLD_H_
#define BITALE_OPS_CPU_VECTOR_FOLD_H_

#include <cstdint>

namespace bitale::cpu {

enum class VectorOp : uint8_t { kSum, kProd, kMax, kMin };

// n >= 1 neighbouring elements folded into one; in max and min a NaN wins.
float fold_vector(VectorOp op, const float* p, int64_t n);
double fold_vector(VectorOp op, const double* p, int64_t n);

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_VECTOR_FOLD_H_
