#include "core/runtime/program.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/tensor/device_memory.h"

namespace bitale {
namespace {

size_t round_up(size_t bytes) {
  return (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

int64_t read_integer(const void* base, const IntegerRead& read) {
  return visit_dtype(read.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      return static_cast<int64_t>(static_cast<const T*>(base)[read.element]);
    } else {
      return int64_t{0};
    }
  });
}

// The most operands and integers of one instruction: room for their addresses and values.
struct FrameLimits {
  size_t inputs = 0;
  size_t outputs = 0;
  size_t integers = 0;
};

FrameLimits frame_limits(const Program& program) {
  FrameLimits limits;
  for (const Instruction& instruction : program.instructions) {
    limits.inputs = std::max(limits.inputs, instruction.inputs.size());
    limits.outputs = std::max(limits.outputs, instruction.outputs.size());
    limits.integers = std::max(limits.integers, instruction.integers.size());
  }
  return limits;
}

std::string describe(const Place& place) {
  const char* names[] = {"input", "shared", "constant", "arena", "output", "none"};
  std::string text = names[static_cast<int>(place.region)];
  if (place.region == Region::kNone) return text;
  if (place.region != Region::kArena) absl::StrAppend(&text, place.index);
  if (place.offset != 0 || place.region == Region::kArena) absl::StrAppend(&text, "+", place.offset);
  if (place.moving >= 0) absl::StrAppend(&text, "+", place.scale, "*r", place.moving);
  return text;
}

// The executor's half of a KernelFailure.
[[noreturn]] void fail(const Instruction& instruction, const KernelFailure& failure) {
  std::string text = absl::StrCat(instruction.op_name(), ": ", failure.what(), "\n",
                                  instruction.describe_inputs(), "  at: ", instruction.site);
  if (!failure.hint().empty()) absl::StrAppend(&text, "\n  hint: ", failure.hint());
  throw ExecutionError(text);
}

}  // namespace

std::string Instruction::op_name() const { return label.substr(0, label.find('{')); }

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
  const FrameLimits limits = frame_limits(*this);
  return round_up(arena_bytes) + round_up(register_count() * sizeof(int64_t)) +
         round_up((limits.inputs + limits.outputs) * sizeof(void*)) +
         round_up(limits.integers * sizeof(int64_t)) + kMemoryAlignment;
}

std::string Program::dump() const {
  std::string text = absl::StrCat("program: ", instructions.size(), " kernels, arena ", arena_bytes,
                                  " bytes, ", steps.size(), " integer steps\n");
  for (size_t i = 0; i < instructions.size(); ++i) {
    const Instruction& instruction = instructions[i];
    absl::StrAppend(&text, i, ": ");
    for (size_t o = 0; o < instruction.outputs.size(); ++o) {
      absl::StrAppend(&text, o ? ", " : "", describe(instruction.outputs[o]), " ",
                      std::string(name_of(instruction.output_dtypes[o])),
                      to_string(instruction.output_shapes[o]));
    }
    absl::StrAppend(&text, " = ", instruction.label, " [", instruction.kernel_name, "] (");
    for (size_t k = 0; k < instruction.inputs.size(); ++k) {
      absl::StrAppend(&text, k ? ", " : "", describe(instruction.inputs[k]));
    }
    absl::StrAppend(&text, ")\n");
  }
  return text;
}

void run_program(const Program& program, const ProgramBindings& bindings,
                 InstructionObserver* observer) {
  const FrameLimits limits = frame_limits(program);
  std::byte* arena = static_cast<std::byte*>(bindings.workspace);
  std::byte* cursor = arena + round_up(program.arena_bytes);
  auto* registers = reinterpret_cast<int64_t*>(cursor);
  cursor += round_up(program.register_count() * sizeof(int64_t));
  auto** inputs = reinterpret_cast<void**>(cursor);
  void** outputs = inputs + limits.inputs;
  cursor += round_up((limits.inputs + limits.outputs) * sizeof(void*));
  auto* integers = reinterpret_cast<int64_t*>(cursor);

  size_t next = 0;
  for (const IntegerRead& read : program.reads) {
    if (read.region == Region::kNone) {
      registers[next++] = bindings.externals[read.index];
      continue;
    }
    const void* base =
        read.region == Region::kInput ? bindings.inputs[read.index] : bindings.shared[read.index];
    registers[next++] = read_integer(base, read);
  }
  for (int64_t value : program.integer_constants) registers[next++] = value;
  for (const IntegerStep& step : program.steps) {
    registers[next++] = step.op(registers[step.a], registers[step.b], registers[step.c]);
  }

  auto address = [&](const Place& place) -> void* {
    std::byte* base = nullptr;
    switch (place.region) {
      case Region::kInput: base = static_cast<std::byte*>(bindings.inputs[place.index]); break;
      case Region::kShared: base = static_cast<std::byte*>(bindings.shared[place.index]); break;
      case Region::kConstant:
        base = static_cast<std::byte*>(program.constants[place.index].raw_data());
        break;
      case Region::kArena: base = arena; break;
      case Region::kOutput: base = static_cast<std::byte*>(bindings.outputs[place.index]); break;
      case Region::kNone: return nullptr;
    }
    if (base == nullptr) return nullptr;  // an operand without elements
    base += place.offset;
    if (place.moving >= 0) base += registers[place.moving] * place.scale;
    return base;
  };

  for (const Instruction& instruction : program.instructions) {
    for (size_t i = 0; i < instruction.inputs.size(); ++i) {
      inputs[i] = address(instruction.inputs[i]);
    }
    for (size_t i = 0; i < instruction.outputs.size(); ++i) {
      outputs[i] = address(instruction.outputs[i]);
    }
    for (size_t i = 0; i < instruction.integers.size(); ++i) {
      integers[i] = registers[instruction.integers[i]];
    }
    const KernelFrame frame{inputs, outputs, arena + instruction.workspace_offset, integers};
    if (observer != nullptr) observer->before(instruction, frame);
    try {
      instruction.kernel->run(frame);
    } catch (const KernelFailure& failure) {
      fail(instruction, failure);
    }
    if (observer != nullptr) observer->after(instruction, frame);
  }
}

}  // namespace bitale
