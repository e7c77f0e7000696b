#include "core/compile/take_over_buffers.h"

#include <algorithm>

namespace bitale {
namespace {

// Whether nothing but operand `k` stands in the way of output `o` in the memory of `host`: every
// other operand that lies there must allow it too.
bool is_alone(const ProgramBuilder& builder, const std::vector<Buffer>& buffers,
              const Instruction& instruction, size_t o, size_t k, int32_t host) {
  for (size_t other = 0; other < instruction.inputs.size(); ++other) {
    const Place& place = instruction.inputs[other];
    if (other == k || place.region != Region::kArena || builder.root_of(place.index) != host) {
      continue;
    }
    if (place.offset != 0 || place.moving >= 0 || !instruction.kernel->may_overwrite(o, other)) {
      return false;
    }
  }
  for (size_t other = 0; other < instruction.outputs.size(); ++other) {
    const Place& place = instruction.outputs[other];
    if (other != o && place.region == Region::kArena && buffers[place.index].host == host) {
      return false;
    }
  }
  return true;
}

}  // namespace

void take_over_buffers(ProgramBuilder& builder) {
  std::vector<Buffer>& buffers = builder.buffers();
  for (int32_t i = 0; i < builder.now(); ++i) {
    const Instruction& instruction = builder.program().instructions[i];
    for (size_t o = 0; o < instruction.outputs.size(); ++o) {
      if (instruction.outputs[o].region != Region::kArena) continue;
      Buffer& out = buffers[instruction.outputs[o].index];
      if (out.claimed || out.begin != i || out.bytes == 0 || out.host >= 0) continue;
      for (size_t k = 0; k < instruction.inputs.size(); ++k) {
        const Place& place = instruction.inputs[k];
        if (place.region != Region::kArena || place.offset != 0 || place.moving >= 0) continue;
        const int32_t host = builder.root_of(place.index);
        Buffer& in = buffers[host];
        if (in.claimed || in.bytes != out.bytes || in.end != i || in.arena != out.arena ||
            !instruction.kernel->may_overwrite(o, k) ||
            !is_alone(builder, buffers, instruction, o, k, host)) {
          continue;
        }
        out.host = host;
        in.end = std::max(in.end, out.end);
        break;
      }
    }
  }
}

}  // namespace bitale
