// Products with a few columns, or a few rows: they read a large matrix once, so that arranging it
// for tiles would cost more than it saves.

#ifndef BITALE_OPS_CPU_GEMM_NARROW_H_
#define BITALE_OPS_CPU_GEMM_NARROW_H_

#include "ops/cpu/gemm.h"

namespace bitale::cpu {

// Whether narrow_gemm() is the faster way to this product, by its sizes and strides.
template <typename T>
bool is_narrow_gemm(int64_t m, int64_t n, int64_t k, MatrixView<T> a, MatrixView<T> b);

// Bytes of workspace, aligned to 64, that it takes, however the operands lie; 0 if no product of
// these sizes is narrow. One that is computed turned calls gemm() with what lies behind them.
template <typename T>
size_t narrow_workspace_bytes(int64_t m, int64_t n, int64_t k);

// What gemm() does, for products that are narrow.
template <typename T>
void narrow_gemm(int64_t m, int64_t n, int64_t k, T alpha, MatrixView<T> a, MatrixView<T> b, T beta,
                 T* c, int64_t c_stride, void* workspace, PartDone done);

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_GEMM_NARROW_H_
