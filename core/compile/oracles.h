// What else computes the value of a kernel call, for DebugMode to compare with.

#ifndef BITALE_CORE_COMPILE_ORACLES_H_
#define BITALE_CORE_COMPILE_ORACLES_H_

#include <cstddef>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/compile/kernel_registry.h"
#include "core/graph/shape_analysis.h"
#include "core/runtime/program.h"

namespace bitale {

struct MadeKernel {
  KernelPtr kernel;
  size_t first_integer;  // where its own start among the instruction's integers
};
// Makes a registration's kernel for a call that it supports.
using MakeKernel = absl::FunctionRef<MadeKernel(const KernelRegistration&, const KernelCall&)>;

// The oracles of a call on the host for which `chosen` was chosen, those of these that there are:
//   - the reference kernel of highest rank, if below that of `chosen`, for contiguous inputs;
//   - the formula of a composite, a fused group's replaced subgraph among them, for contiguous
//     inputs, unless dims within it depend on values that a call alone knows; it says nothing where
//     it gives NaN or infinity, which some kernels are there to avoid;
//   - the kernel that would be chosen for inputs with gaps between their elements along every axis,
//     if it takes any strides: as a rule `chosen` itself, made once more.
// `known` holds what is known of the operands' values. Throws CompileError where a formula cannot
// be lowered.
std::vector<Oracle> find_oracles(const KernelCall& call, const KernelRegistration& chosen,
                                 const ShapeAnalysis& known, MakeKernel make);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_ORACLES_H_
