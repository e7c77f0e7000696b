// Kernels that the compiler itself puts into programs.

#ifndef BITALE_CORE_RUNTIME_COPY_KERNEL_H_
#define BITALE_CORE_RUNTIME_COPY_KERNEL_H_

#include "core/base/dim.h"
#include "core/base/dtype.h"
#include "core/runtime/kernel.h"

namespace bitale {

// Copies a strided block (input 0) into a row-major one (output 0) of the same dtype.
KernelPtr make_copy_kernel(DType dtype, const Dims& shape, const Dims& input_strides);

// Writes the run-time integers, cast to `dtype`, into output 0.
KernelPtr make_integers_kernel(DType dtype, int64_t count);

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_COPY_KERNEL_H_
