// The kernel of an elementwise group: its steps, tile by tile over the output.

#ifndef BITALE_OPS_ELEMENTWISE_TILE_KERNEL_CPU_H_
#define BITALE_OPS_ELEMENTWISE_TILE_KERNEL_CPU_H_

#include <memory>
#include <span>
#include <vector>

#include "ops/elementwise/tile_plan_cpu.h"
#include "ops/elementwise/tile_program_cpu.h"

namespace bitale {

// `dtypes`: of all values, inputs first and then the steps'. The rest as TileProgramBuilder has it.
std::unique_ptr<const GroupKernel> make_tile_kernel(std::span<const OperandLayout> inputs,
                                                    const Dims& shape, std::vector<DType> dtypes,
                                                    std::span<const TileStep> steps,
                                                    bool any_ranges);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_TILE_KERNEL_CPU_H_
