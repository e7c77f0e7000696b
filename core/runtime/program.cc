#include "core/runtime/program.h"

#include "absl/strings/str_cat.h"
#include "core/runtime/frame_layout.h"

namespace bitale {
namespace {

// "@null:0", and nothing for the host.
std::string on(Device device) { return device.is_cpu() ? "" : absl::StrCat("@", device.str()); }

std::string describe(const Program& program, const Place& place) {
  const char* names[] = {"input", "shared", "constant", "arena", "output", "none"};
  std::string text = names[static_cast<int>(place.region)];
  switch (place.region) {
    case Region::kInput:
      absl::StrAppend(&text, place.index);
      break;
    case Region::kShared: {
      const SharedSlot& slot = program.shared[place.index];
      absl::StrAppend(&text, slot.variable, on(slot.device));
      if (!slot.layout.is_strided()) absl::StrAppend(&text, ":", std::string(slot.layout.name()));
      break;
    }
    case Region::kConstant:
      absl::StrAppend(&text, place.index, on(program.constants[place.index].device()));
      break;
    case Region::kArena:
      absl::StrAppend(&text, on(program.device_of(place.index)));
      break;
    case Region::kOutput:
      absl::StrAppend(&text, place.index, on(program.outputs[place.index].device));
      break;
    case Region::kNone:
      return text;
  }
  if (place.offset != 0 || place.region == Region::kArena)
    absl::StrAppend(&text, "+", place.offset);
  if (place.moving >= 0) absl::StrAppend(&text, "+", place.scale, "*r", place.moving);
  return text;
}

}  // namespace

std::string Instruction::op_name() const { return label.substr(0, label.find('{')); }

KernelCost Instruction::cost() const {
  KernelCost operands;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].region == Region::kNone) continue;  // only its dims are asked for
    auto bytes = static_cast<double>(size_of(input_dtypes[i]));
    for (size_t axis = 0; axis < input_shapes[i].size(); ++axis) {
      // What is broadcast is read once.
      if (input_strides[i][axis] != 0) bytes *= static_cast<double>(input_shapes[i][axis]);
    }
    operands.bytes_read += bytes;
  }
  for (size_t o = 0; o < outputs.size(); ++o) {
    operands.bytes_written += static_cast<double>(element_count(output_shapes[o])) *
                              static_cast<double>(size_of(output_dtypes[o]));
  }
  return kernel->cost(operands);
}

std::string Instruction::describe_inputs() const {
  constexpr size_t kMost = 12;
  std::string text;
  for (size_t i = 0; i < inputs.size() && i < kMost; ++i) {
    const bool named = i < input_names.size();
    absl::StrAppend(&text, "  operand ", i, ": ", named ? input_names[i].name + " " : "",
                    std::string(name_of(input_dtypes[i])), " ", to_string(input_shapes[i]),
                    named ? ", made at " + input_names[i].site : "", "\n");
  }
  if (inputs.size() > kMost) {
    absl::StrAppend(&text, "  ... and ", inputs.size() - kMost, " more operands\n");
  }
  return text;
}

size_t Program::workspace_bytes() const {
  return round_up(arena_bytes) + round_up(register_count() * sizeof(int64_t)) +
         round_up((limits.inputs + limits.outputs) * sizeof(void*)) +
         round_up(limits.integers * sizeof(int64_t)) + kMemoryAlignment;
}

std::string Program::dump() const {
  std::string text = absl::StrCat("program: ", instructions.size(), " kernels, arena ", arena_bytes,
                                  " bytes, ", steps.size(), " integer steps\n");
  for (const DeviceArena& arena : device_arenas) {
    absl::StrAppend(&text, "on ", arena.device.str(), ": arena ", arena.bytes, " bytes, ",
                    arena.integer_count, " integers\n");
  }
  for (size_t i = 0; i < instructions.size(); ++i) {
    const Instruction& instruction = instructions[i];
    absl::StrAppend(&text, i, ": ");
    for (size_t o = 0; o < instruction.outputs.size(); ++o) {
      absl::StrAppend(&text, o ? ", " : "", describe(*this, instruction.outputs[o]), " ",
                      std::string(name_of(instruction.output_dtypes[o])),
                      to_string(instruction.output_shapes[o]));
    }
    absl::StrAppend(&text, " = ", instruction.label, " [", instruction.kernel_name,
                    on(device_of(instruction.arena)), "] (");
    for (size_t k = 0; k < instruction.inputs.size(); ++k) {
      absl::StrAppend(&text, k ? ", " : "", describe(*this, instruction.inputs[k]));
    }
    absl::StrAppend(&text, ")\n");
  }
  return text;
}

}  // namespace bitale
