// Which elementwise functions are steps of chains in registers (ops/cpu/row_chain.h).

#ifndef BITALE_OPS_ELEMENTWISE_CHAIN_STEPS_CPU_H_
#define BITALE_OPS_ELEMENTWISE_CHAIN_STEPS_CPU_H_

#include <optional>
#include <span>

#include "ops/cpu/row_chain.h"
#include "ops/elementwise/elementwise_op.h"

namespace bitale {

// The step that computes `op`, to the same bits, on operands of these dtypes where a chain has come
// to its first one; nothing where there is none.
std::optional<cpu::row_chain::StepKind> chain_step(const ElementwiseOp& op,
                                                   std::span<const DType> operands, DType out);

// The same, or the function's own step where chains may run on packs.
std::optional<cpu::row_chain::StepKind> pack_chain_step(const ElementwiseOp& op,
                                                        std::span<const DType> operands, DType out);

// The same function where the chain has come to its second operand.
cpu::row_chain::StepKind turned_step(cpu::row_chain::StepKind kind);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_CHAIN_STEPS_CPU_H_
