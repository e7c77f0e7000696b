#include "core/compile/place_updates.h"

#include <algorithm>
#include <vector>

namespace bitale {
namespace {

bool is_identity(const PlacedUpdate& update) {
  const Place& place = update.value.place;
  return place.region == Region::kShared && place.index == update.slot && place.offset == 0 &&
         place.moving < 0 && update.value.layout.contiguous();
}

// Who reads shared variables, and what can raise: found in one pass over the instructions.
class Readers {
 public:
  explicit Readers(const ProgramBuilder& builder, const Program& program) : builder_(builder) {
    reads_.resize(program.shared.size());
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      const Instruction& instruction = program.instructions[i];
      if (instruction.kernel->can_raise()) last_that_can_raise_ = static_cast<int32_t>(i);
      for (size_t k = 0; k < instruction.inputs.size(); ++k) {
        const Place& place = instruction.inputs[k];
        if (place.region != Region::kShared) continue;
        reads_[place.index].push_back({static_cast<int32_t>(i), k});
      }
    }
  }

  // Whether the instruction that makes the new value may write it over the old one.
  bool allow(const Program& program, const PlacedUpdate& update) const {
    if (!builder_.owns_whole_buffer(update.value)) return false;
    const uint32_t buffer = update.value.place.index;
    const int32_t writer = builder_.buffers()[buffer].begin;
    if (last_that_can_raise_ >= writer) return false;
    const Instruction& writing = program.instructions[writer];
    size_t output = 0;
    while (!(writing.outputs[output].region == Region::kArena &&
             writing.outputs[output].index == buffer)) {
      ++output;
    }
    return std::ranges::all_of(reads_[update.slot], [&](const Read& read) {
      if (read.instruction != writer) return read.instruction < writer;
      const Place& place = writing.inputs[read.operand];
      return place.offset == 0 && place.moving < 0 &&
             writing.kernel->may_overwrite(output, read.operand);
    });
  }

 private:
  struct Read {
    int32_t instruction;
    size_t operand;
  };
  const ProgramBuilder& builder_;
  std::vector<std::vector<Read>> reads_;  // by slot
  int32_t last_that_can_raise_ = -1;
};

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
  const Readers readers(builder, builder.program());
  std::vector<const PlacedUpdate*> copied;
  for (PlacedUpdate& update : updates) {
    if (update.reshapes || is_identity(update)) continue;
    builder.program().shared[update.slot].written = true;
    if (write_in_place && readers.allow(builder.program(), update)) {
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
