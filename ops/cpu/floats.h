// Kernels that are templates of their element type, for calls in float32 or in float64 throughout.
//
//   const KernelRegistrar average({.op = "average_pool",
//                                  .name = "average_pool_rows",
//                                  .supports = cpu::supports_floats,
//                                  .make = cpu::make_for_floats<AveragePoolRows>});

#ifndef BITALE_OPS_CPU_FLOATS_H_
#define BITALE_OPS_CPU_FLOATS_H_

#include <cstddef>
#include <memory>

#include "core/base/dtype.h"
#include "core/compile/kernel_registry.h"
#include "core/runtime/kernel.h"

namespace bitale::cpu {

// The reason of kernels that refuse all other dtypes.
inline constexpr const char* kOnlyFloats = "only float32 and float64";

inline bool is_float_or_double(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

// The dtype of a call's first floating input, which stands for all floats of the call: ops refuse
// mixed ones. That of input 0 where none is floating.
inline DType dtype_of_floats(const KernelCall& call) {
  for (const OperandLayout& input : call.inputs) {
    if (!is_discrete(input.dtype)) return input.dtype;
  }
  return call.inputs[0].dtype;
}

// KernelRegistration::supports of kernels that take any such call.
inline const char* supports_floats(const KernelCall& call) {
  return is_float_or_double(dtype_of_floats(call)) ? nullptr : kOnlyFloats;
}

// KernelRegistration::make of a template of kernels: KernelType<float> or KernelType<double>,
// constructed from the call and from whether each of the inputs `kPackable` arrives packed.
template <template <typename> class KernelType, size_t... kPackable>
std::unique_ptr<const Kernel> make_for_floats(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  if (dtype_of_floats(call) == DType::kFloat32) {
    return std::make_unique<KernelType<float>>(call, maker.is_packed(kPackable)...);
  }
  return std::make_unique<KernelType<double>>(call, maker.is_packed(kPackable)...);
}

}  // namespace bitale::cpu

#endif  // BITALE_OPS_CPU_FLOATS_H_
