// How the host's workspace of a call is laid out: arena, registers, addresses and integers of one
// frame.

#ifndef BITALE_CORE_RUNTIME_FRAME_LAYOUT_H_
#define BITALE_CORE_RUNTIME_FRAME_LAYOUT_H_

#include <algorithm>
#include <cstddef>

#include "core/runtime/program.h"
#include "core/tensor/device_memory.h"

namespace bitale {

constexpr size_t round_up(size_t bytes) {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

// The most operands and integers of one instruction: room for their addresses and values.
struct FrameLimits {
  size_t inputs = 0;
  size_t outputs = 0;
  size_t integers = 0;
};

inline FrameLimits frame_limits(const Program& program) {
  FrameLimits limits;
  for (const Instruction& instruction : program.instructions) {
    limits.inputs = std::max(limits.inputs, instruction.inputs.size());
    limits.outputs = std::max(limits.outputs, instruction.outputs.size());
    limits.integers = std::max(limits.integers, instruction.integers.size());
  }
  return limits;
}

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_FRAME_LAYOUT_H_
