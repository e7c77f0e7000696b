// DebugMode's eyes on kernels: each call of one on the host, in bodies of loops too.

#ifndef BITALE_CORE_COMPILE_DEBUG_OBSERVER_H_
#define BITALE_CORE_COMPILE_DEBUG_OBSERVER_H_

#include <cstdint>
#include <vector>

#include "core/runtime/program.h"

namespace bitale {

// Fills outputs with ones in every bit, which is NaN for floats, before each kernel. Checks
// afterwards that no input changed, that all elements of the outputs were written, and that the
// instruction's oracles agree with them. For one run of a program in which no output lies in the
// memory of an input. Allocates.
class DebugObserver final : public InstructionObserver {
 public:
  void before(const Instruction& instruction, const KernelFrame& frame) override;
  // Throws ExecutionError naming kernel, op, operand or element, the oracle if one disagrees, and
  // the user's line.
  void after(const Instruction& instruction, const KernelFrame& frame) override;
  InstructionObserver* inside() override { return this; }

 private:
  void check_inputs(const Instruction& instruction, const KernelFrame& frame);

  // Of the inputs of the instructions that are running, an outer one's before those inside it.
  std::vector<uint64_t> hashes_;
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_DEBUG_OBSERVER_H_
