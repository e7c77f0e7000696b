#include "core/compile/program_memory.h"

#include <algorithm>
#include <utility>

namespace bitale {
namespace {

MemoryBuffer::Kind kind_of(const PlannedBuffer& buffer) {
  switch (buffer.place.region) {
    case Region::kOutput:
      return MemoryBuffer::Kind::kOutput;
    case Region::kShared:
      return MemoryBuffer::Kind::kShared;
    default:
      return buffer.output < 0 ? MemoryBuffer::Kind::kWorkspace : MemoryBuffer::Kind::kArena;
  }
}

MemoryBuffer describe(const Program& program, const PlannedBuffer& planned) {
  const Instruction& writer = program.instructions[planned.begin];
  MemoryBuffer buffer;
  buffer.kind = kind_of(planned);
  buffer.bytes = static_cast<size_t>(planned.bytes);
  buffer.offset = static_cast<size_t>(planned.place.offset);
  buffer.device = program.device_of(writer.arena);
  buffer.begin = planned.begin;
  buffer.end = planned.end;
  buffer.in_place_of = planned.in_place_of;
  buffer.op = writer.op_name();
  buffer.site = writer.site;
  if (planned.output >= 0) {
    buffer.dtype = writer.output_dtypes[planned.output];
    buffer.shape = writer.output_shapes[planned.output];
  } else {
    buffer.shape = {planned.bytes};
  }
  return buffer;
}

struct Peak {
  size_t bytes = 0;
  int32_t instruction = 0;
};

// The instruction at which most bytes of an arena are in use.
Peak peak_of(const Program& program, uint32_t arena) {
  std::vector<int64_t> change(program.instructions.size() + 1);
  for (const PlannedBuffer& buffer : program.buffers) {
    if (buffer.place.region != Region::kArena || buffer.place.index != arena ||
        buffer.in_place_of >= 0) {
      continue;
    }
    change[buffer.begin] += buffer.bytes;
    change[buffer.end + 1] -= buffer.bytes;
  }
  Peak peak;
  int64_t in_use = 0;
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    in_use += change[i];
    if (static_cast<size_t>(in_use) > peak.bytes) {
      peak = {static_cast<size_t>(in_use), static_cast<int32_t>(i)};
    }
  }
  return peak;
}

// One for each packed slot, told from the first instruction that reads it.
std::vector<PackedShared> packed_forms(const Program& program) {
  std::vector<PackedShared> forms;
  std::vector<bool> seen(program.shared.size(), false);
  for (const Instruction& instruction : program.instructions) {
    for (size_t i = 0; i < instruction.inputs.size(); ++i) {
      const Place& place = instruction.inputs[i];
      if (place.region != Region::kShared || seen[place.index]) continue;
      seen[place.index] = true;
      const Layout& layout = program.shared[place.index].layout;
      if (layout.is_strided()) continue;
      PackedShared form;
      form.variable = instruction.input_names[i].name;
      form.dtype = instruction.input_dtypes[i];
      form.shape = instruction.input_shapes[i];
      form.form = layout.name();
      form.bytes = size_of(form.dtype) * static_cast<size_t>(layout.packing->element_count(
                                             form.dtype, form.shape, layout.parameters));
      forms.push_back(std::move(form));
    }
  }
  return forms;
}

}  // namespace

MemoryReport memory_report(const Program& program) {
  MemoryReport report;
  report.workspace_bytes = program.workspace_bytes();
  report.arena_bytes = program.arena_bytes;
  const Peak host = peak_of(program, 0);
  report.lower_bound_bytes = host.bytes;
  report.peak_instruction = host.instruction;
  for (uint32_t arena = 1; arena <= program.device_arenas.size(); ++arena) {
    report.device_arena_bytes += program.device_arenas[arena - 1].bytes;
    report.lower_bound_bytes += peak_of(program, arena).bytes;
  }
  for (const ProgramOutput& output : program.outputs) report.output_bytes += output.bytes();
  report.peak_bytes = report.workspace_bytes + report.device_arena_bytes + report.output_bytes;
  for (const PlannedBuffer& buffer : program.buffers) {
    report.bytes_without_reuse += static_cast<size_t>(buffer.bytes);
    report.buffers.push_back(describe(program, buffer));
  }
  report.packed = packed_forms(program);
  for (const PackedShared& form : report.packed) report.packed_bytes += form.bytes;
  return report;
}

}  // namespace bitale
