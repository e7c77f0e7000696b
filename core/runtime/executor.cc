#include <type_traits>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/runtime/device_run.h"
#include "core/runtime/frame_layout.h"
#include "core/runtime/program.h"

namespace bitale {
namespace {

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

// The executor's half of a KernelFailure.
[[noreturn]] void fail(const Instruction& instruction, const KernelFailure& failure) {
  std::string text = absl::StrCat(instruction.op_name(), ": ", failure.what(), "\n",
                                  instruction.describe_inputs(), "  at: ", instruction.site);
  if (!failure.hint().empty()) absl::StrAppend(&text, "\n  hint: ", failure.hint());
  throw ExecutionError(text);
}

class Run {
 public:
  Run(const Program& program, const ProgramBindings& bindings)
      : program_(program), bindings_(bindings) {
    const FrameLimits& limits = program.limits;
    arena_ = static_cast<std::byte*>(bindings.workspace);
    std::byte* cursor = arena_ + round_up(program.arena_bytes);
    registers_ = reinterpret_cast<int64_t*>(cursor);
    cursor += round_up(program.register_count() * sizeof(int64_t));
    inputs_ = reinterpret_cast<void**>(cursor);
    outputs_ = inputs_ + limits.inputs;
    cursor += round_up((limits.inputs + limits.outputs) * sizeof(void*));
    integers_ = reinterpret_cast<int64_t*>(cursor);
  }

  void evaluate_registers() {
    size_t next = 0;
    for (const IntegerRead& read : program_.reads) {
      if (read.region == Region::kNone) {
        registers_[next++] = bindings_.externals[read.index];
        continue;
      }
      const void* base = read.region == Region::kInput ? bindings_.inputs[read.index]
                                                       : bindings_.shared[read.index];
      registers_[next++] = read_integer(base, read);
    }
    for (int64_t value : program_.integer_constants) registers_[next++] = value;
    for (const IntegerStep& step : program_.steps) {
      registers_[next++] = step.op(registers_[step.a], registers_[step.b], registers_[step.c]);
    }
  }

  void on_host(const Instruction& instruction, InstructionObserver* observer) {
    fill_addresses(instruction);
    for (size_t i = 0; i < instruction.integers.size(); ++i) {
      integers_[i] = registers_[instruction.integers[i]];
    }
    const KernelFrame frame{inputs_, outputs_, arena_ + instruction.workspace_offset, integers_,
                            observer == nullptr ? nullptr : observer->inside()};
    if (observer != nullptr) observer->before(instruction, frame);
    try {
      instruction.kernel->run(frame);
    } catch (const KernelFailure& failure) {
      fail(instruction, failure);
    }
    if (observer != nullptr) observer->after(instruction, frame);
  }

  void on_device(int32_t number) {
    const Instruction& instruction = program_.instructions[number];
    fill_addresses(instruction);
    DeviceRun& devices = *bindings_.devices;
    const KernelFrame frame{inputs_, outputs_,
                            devices.arena(instruction.arena) + instruction.workspace_offset,
                            devices.integers(instruction)};
    DeviceStream& stream = devices.stream(instruction.arena);
    stream.begin_instruction(number);
    static_cast<const DeviceKernel&>(*instruction.kernel).launch(frame, stream);
  }

  void host_and_devices(InstructionObserver* observer) {
    DeviceRun& devices = *bindings_.devices;
    devices.begin_call(registers_, bindings_.shared);
    for (size_t i = 0; i < program_.instructions.size();) {
      const Instruction& instruction = program_.instructions[i];
      const LaunchSegment* segment = devices.captures() ? devices.segment_at(i) : nullptr;
      if (segment != nullptr) {
        devices.run_segment(*segment, instruction.arena,
                            [this](int32_t number) { on_device(number); });
        i = static_cast<size_t>(segment->end);
        continue;
      }
      if (instruction.arena == 0) {
        devices.wait();
        on_host(instruction, observer);
      } else {
        on_device(static_cast<int32_t>(i));
      }
      ++i;
    }
    devices.wait();
  }

 private:
  void fill_addresses(const Instruction& instruction) {
    for (size_t i = 0; i < instruction.inputs.size(); ++i) {
      inputs_[i] = address(instruction.inputs[i]);
    }
    for (size_t i = 0; i < instruction.outputs.size(); ++i) {
      outputs_[i] = address(instruction.outputs[i]);
    }
  }

  void* address(const Place& place) const {
    std::byte* base = nullptr;
    switch (place.region) {
      case Region::kInput:
        base = static_cast<std::byte*>(bindings_.inputs[place.index]);
        break;
      case Region::kShared:
        base = static_cast<std::byte*>(bindings_.shared[place.index]);
        break;
      case Region::kConstant:
        base = static_cast<std::byte*>(program_.constants[place.index].raw_data());
        break;
      case Region::kArena:
        base = place.index == 0 ? arena_ : bindings_.devices->arena(place.index);
        break;
      case Region::kOutput:
        base = static_cast<std::byte*>(bindings_.outputs[place.index]);
        break;
      case Region::kNone:
        return nullptr;
    }
    if (base == nullptr) return nullptr;  // an operand without elements
    base += place.offset;
    if (place.moving >= 0) base += registers_[place.moving] * place.scale;
    return base;
  }

  const Program& program_;
  const ProgramBindings& bindings_;
  std::byte* arena_;
  int64_t* registers_;
  void** inputs_;
  void** outputs_;
  int64_t* integers_;
};

}  // namespace

void run_program(const Program& program, const ProgramBindings& bindings,
                 InstructionObserver* observer) {
  Run run(program, bindings);
  run.evaluate_registers();
  if (program.device_arenas.empty()) {
    for (const Instruction& instruction : program.instructions) run.on_host(instruction, observer);
    return;
  }
  try {
    run.host_and_devices(observer);
  } catch (const LaunchFailure& failure) {
    bindings.devices->drain();
    fail(program.instructions[failure.instruction()], failure.failure());
  } catch (...) {
    bindings.devices->drain();
    throw;
  }
}

}  // namespace bitale
