// Stops a program at the first kernel that makes NaN or infinity, in bodies of loops too.

#ifndef BITALE_CORE_COMPILE_NAN_GUARD_H_
#define BITALE_CORE_COMPILE_NAN_GUARD_H_

#include "core/runtime/program.h"

namespace bitale {

class NanGuard final : public InstructionObserver {
 public:
  // Throws NonFiniteError naming op, element, value and the user's line.
  void after(const Instruction& instruction, const KernelFrame& frame) override;
  InstructionObserver* inside() override { return this; }
};

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_NAN_GUARD_H_
