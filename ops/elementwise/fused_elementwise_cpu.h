// The kernel of a fused group of elementwise steps, for whoever runs such a group: as a node of its
// own, or as a member of a bundle.

#ifndef BITALE_OPS_ELEMENTWISE_FUSED_ELEMENTWISE_CPU_H_
#define BITALE_OPS_ELEMENTWISE_FUSED_ELEMENTWISE_CPU_H_

#include <memory>
#include <span>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "ops/elementwise/fused_elementwise_internal.h"
#include "ops/elementwise/tile_program_cpu.h"

namespace bitale {

// Null if every step has a tile function, where the inputs have these dtypes, else the reason why
// not.
const char* steps_refusal(std::span<const FusedStep> steps, std::vector<DType> input_dtypes);
const char* group_refusal(const FusedElementwiseOp& op, std::span<const OperandLayout> inputs);

// The kernel of the group for inputs of any strides and outputs of this shape, whole or, if asked
// for, in any ranges.
std::unique_ptr<const GroupKernel> make_group_kernel(const FusedElementwiseOp& op,
                                                     std::span<const OperandLayout> inputs,
                                                     const Dims& shape, bool any_ranges = false);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_FUSED_ELEMENTWISE_CPU_H_
