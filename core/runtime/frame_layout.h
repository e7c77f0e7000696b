// How the host's workspace of a call is laid out: arena, registers, addresses and integers of one
// frame, each at a multiple of kMemoryAlignment.

#ifndef BITALE_CORE_RUNTIME_FRAME_LAYOUT_H_
#define BITALE_CORE_RUNTIME_FRAME_LAYOUT_H_

#include <cstddef>

#include "core/runtime/program.h"
#include "core/tensor/device_memory.h"

namespace bitale {

constexpr size_t round_up(size_t bytes) {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_FRAME_LAYOUT_H_
