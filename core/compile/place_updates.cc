#include "core/compile/place_updates.h"

#include <vector>

namespace bitale {
namespace {

bool is_identity(const PlacedUpdate& update) {
  const Place& place = update.value.place;
  return place.region == Region::kShared && place.index == update.slot && place.offset == 0 &&
         place.moving < 0 && update.value.layout.contiguous();
}

bool can_write_in_place(ProgramBuilder& builder, const PlacedUpdate& update) {
  if (!builder.owns_whole_buffer(update.value)) return false;
  const std::vector<Instruction>& instructions = builder.program().instructions;
  const int32_t writer = builder.buffers()[update.value.place.index].begin;
  const Instruction& writing = instructions[writer];
  size_t output = 0;
  while (!(writing.outputs[output].region == Region::kArena &&
           writing.outputs[output].index == update.value.place.index)) {
    ++output;
  }
  for (int32_t i = 0; i < builder.now(); ++i) {
    const Instruction& instruction = instructions[i];
    if (i >= writer && instruction.kernel->can_raise()) return false;
    for (size_t k = 0; k < instruction.inputs.size(); ++k) {
      const Place& place = instruction.inputs[k];
      if (place.region != Region::kShared || place.index != update.slot) continue;
      if (i > writer) return false;
      if (i == writer && !(instruction.kernel->may_overwrite(output, k) && place.offset == 0 &&
                           place.moving < 0)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

void place_updates(ProgramBuilder& builder, std::span<PlacedUpdate> updates, bool write_in_place) {
  for (const PlacedUpdate& update : updates) {
    if (!update.reshapes) continue;
    Program& program = builder.program();
    const auto index = static_cast<uint32_t>(program.outputs.size());
    program.outputs.push_back({update.value.layout.dtype, update.value.layout.shape,
                               builder.device_of(update.value.arena)});
    builder.deliver(update.value, {Region::kOutput, index, 0, -1, 0}, "update", update.site);
  }
  // First save new values that are views of shared variables: another update may overwrite those.
  for (PlacedUpdate& update : updates) {
    if (update.reshapes || update.value.place.region != Region::kShared || is_identity(update)) {
      continue;
    }
    const OperandLayout& layout = update.value.layout;
    const Location saved = builder.new_output(layout.dtype, layout.shape, update.value.arena);
    builder.emit_copy(update.value, saved, "save", update.site);
    update.value = saved;
  }
  std::vector<const PlacedUpdate*> copied;
  for (PlacedUpdate& update : updates) {
    if (update.reshapes || is_identity(update)) continue;
    builder.program().shared[update.slot].written = true;
    if (write_in_place && can_write_in_place(builder, update)) {
      builder.buffers()[update.value.place.index].claimed =
          Place{Region::kShared, update.slot, 0, -1, 0};
    } else {
      copied.push_back(&update);
    }
  }
  for (const PlacedUpdate* update : copied) {
    builder.emit_copy_to({Region::kShared, update->slot, 0, -1, 0}, update->value, "update",
                         update->site);
  }
}

}  // namespace bitale
