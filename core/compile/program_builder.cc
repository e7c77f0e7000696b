#include "core/compile/program_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/compile/memory_plan.h"
#include "core/runtime/copy_kernel.h"
#include "core/runtime/device_backend.h"

namespace bitale {

void add_input(Instruction& instruction, const Place& place, const OperandLayout& layout) {
  instruction.inputs.push_back(place);
  instruction.input_dtypes.push_back(layout.dtype);
  instruction.input_shapes.push_back(layout.shape);
  instruction.input_strides.push_back(layout.strides);
}

void add_output(Instruction& instruction, const Location& location) {
  instruction.outputs.push_back(location.place);
  instruction.output_dtypes.push_back(location.layout.dtype);
  instruction.output_shapes.push_back(location.layout.shape);
}

uint32_t ProgramBuilder::arena_of(Device device) {
  if (device.is_cpu()) return 0;
  std::vector<DeviceArena>& arenas = program_->device_arenas;
  const auto at = std::find_if(arenas.begin(), arenas.end(),
                               [&](const DeviceArena& arena) { return arena.device == device; });
  if (at != arenas.end()) return static_cast<uint32_t>(at - arenas.begin()) + 1;
  arenas.push_back({device});
  return static_cast<uint32_t>(arenas.size());
}

Location ProgramBuilder::new_output(DType dtype, const Dims& shape, uint32_t arena) {
  const int64_t bytes = element_count(shape) * static_cast<int64_t>(size_of(dtype));
  Location location;
  location.place = {Region::kArena, static_cast<uint32_t>(buffers_.size()), 0, -1, 0};
  location.layout = {dtype, shape, contiguous_strides(shape)};
  location.arena = arena;
  buffers_.push_back({bytes, now(), now(), {}, -1, arena});
  return location;
}

Place ProgramBuilder::use(const Place& place) {
  if (place.region == Region::kArena) {
    Buffer& buffer = buffers_[place.index];
    buffer.end = std::max(buffer.end, now());
  }
  return place;
}

Instruction& ProgramBuilder::push(KernelPtr kernel, std::string label, std::string kernel_name,
                                  const Site& site, uint32_t arena) {
  if (arena != 0 && dynamic_cast<const DeviceKernel*>(kernel.get()) == nullptr) {
    throw CompileError(absl::StrCat(label, ": kernel ", kernel_name, " cannot run on ",
                                    device_of(arena).str(),
                                    ": it is no DeviceKernel\n  at: ", site.str()));
  }
  Instruction instruction;
  instruction.arena = arena;
  instruction.kernel = std::move(kernel);
  instruction.label = std::move(label);
  instruction.kernel_name = std::move(kernel_name);
  instruction.site = site.str();
  program_->instructions.push_back(std::move(instruction));
  return program_->instructions.back();
}

void ProgramBuilder::add_workspace(size_t bytes) {
  if (bytes > 0) workspaces_.emplace_back(now(), static_cast<int64_t>(bytes));
}

void ProgramBuilder::emit_copy(const Location& from, const Location& to, const char* label,
                               const Site& site) {
  Place source = use(from.place);
  const Place target = use(to.place);
  KernelPtr kernel;
  std::vector<int32_t> integers;
  if (from.arena == 0) {
    kernel = make_copy_kernel(from.layout.dtype, from.layout.shape, from.layout.strides);
  } else {
    const bool moving = source.moving >= 0;
    if (moving) integers.push_back(std::exchange(source.moving, -1));
    kernel = device_backend(device_of(from.arena).kind)
                 .make_copy(from.layout.dtype, from.layout.shape, from.layout.strides, moving);
  }
  Instruction& copy = push(std::move(kernel), label, "copy", site, from.arena);
  copy.integers = std::move(integers);
  add_input(copy, source, from.layout);
  add_output(copy, to);
  copy.outputs[0] = target;
}

Location ProgramBuilder::emit_integers(DType dtype, const Dims& shape, std::vector<int32_t> handles,
                                       std::string label, const Site& site, uint32_t arena) {
  const auto count = static_cast<int64_t>(handles.size());
  const KernelPtr kernel = arena == 0
                               ? make_integers_kernel(dtype, count)
                               : device_backend(device_of(arena).kind).make_integers(dtype, count);
  const Location location = new_output(dtype, shape, arena);
  Instruction& instruction = push(kernel, std::move(label), "integers", site, arena);
  instruction.integers = std::move(handles);
  add_output(instruction, location);
  return location;
}

Location ProgramBuilder::emit_transfer(const Location& from, uint32_t arena, const Site& site) {
  if (from.arena == arena) return from;
  if (from.arena != 0 && arena != 0) return emit_hop(emit_hop(from, 0, site), arena, site);
  return emit_hop(from, arena, site);
}

Location ProgramBuilder::emit_hop(const Location& from, uint32_t arena, const Site& site) {
  const Location source = contiguous(from, site);
  const Location target = new_output(source.layout.dtype, source.layout.shape, arena);
  const Place place = use(source.place);
  const size_t bytes = static_cast<size_t>(source.layout.size()) * size_of(source.layout.dtype);
  Instruction& instruction =
      arena == 0 ? push(make_download_kernel(bytes), "transfer", "download", site, from.arena)
                 : push(make_upload_kernel(bytes), "transfer", "upload", site, arena);
  add_input(instruction, place, source.layout);
  add_output(instruction, target);
  return target;
}

Location ProgramBuilder::contiguous(const Location& from, const Site& site) {
  const bool moves_on_device = from.arena != 0 && from.place.moving >= 0;
  if (from.layout.contiguous() && !moves_on_device) return from;
  const Location to = new_output(from.layout.dtype, from.layout.shape, from.arena);
  emit_copy(from, to, moves_on_device ? "slice" : "contiguous", site);
  return to;
}

void ProgramBuilder::emit_copy_to(const Place& target, const Location& from, const char* label,
                                  const Site& site) {
  const Location to = new_output(from.layout.dtype, from.layout.shape, from.arena);
  buffers_[to.place.index].claimed = target;
  emit_copy(from, to, label, site);
}

bool ProgramBuilder::owns_whole_buffer(const Location& location) const {
  if (location.place.region != Region::kArena || location.place.offset != 0 ||
      location.place.moving >= 0 || !location.layout.contiguous()) {
    return false;
  }
  const Buffer& buffer = buffers_[location.place.index];
  return !buffer.claimed &&
         buffer.bytes ==
             location.layout.size() * static_cast<int64_t>(size_of(location.layout.dtype));
}

void ProgramBuilder::deliver(const Location& from, const Place& target, const char* label,
                             const Site& site) {
  if (owns_whole_buffer(from)) {
    buffers_[from.place.index].claimed = target;
  } else {
    emit_copy_to(target, from, label, site);
  }
}

int32_t ProgramBuilder::root_of(uint32_t buffer) const {
  auto root = static_cast<int32_t>(buffer);
  while (buffers_[root].host >= 0) root = buffers_[root].host;
  return root;
}

void ProgramBuilder::plan(bool reuse_buffers) {
  std::vector<int64_t> offsets(buffers_.size());
  for (uint32_t arena = 0; arena <= program_->device_arenas.size(); ++arena) {
    plan_arena(arena, reuse_buffers, offsets);
  }
  list_buffers(offsets);
  for (Instruction& instruction : program_->instructions) {
    for (Place& place : instruction.inputs) settle(place, offsets);
    for (Place& place : instruction.outputs) settle(place, offsets);
  }
  measure_frames();
  if (program_->device_arenas.empty()) return;
  number_integers();
  find_segments();
}

void ProgramBuilder::plan_arena(uint32_t arena, bool reuse_buffers, std::vector<int64_t>& offsets) {
  std::vector<BufferLifetime> lifetimes;
  std::vector<size_t> planned;
  for (size_t b = 0; b < buffers_.size(); ++b) {
    const Buffer& buffer = buffers_[b];
    if (buffer.arena != arena) continue;
    if (buffer.claimed || buffer.host >= 0) continue;
    planned.push_back(b);
    lifetimes.push_back({buffer.bytes, buffer.begin, buffer.end});
  }
  for (const auto& [instruction, bytes] : workspaces_) {
    if (program_->instructions[instruction].arena != arena) continue;
    lifetimes.push_back({bytes, instruction, instruction});
  }
  const MemoryPlan memory = plan_memory(lifetimes, reuse_buffers);
  (arena == 0 ? program_->arena_bytes : program_->device_arenas[arena - 1].bytes) =
      static_cast<size_t>(memory.total_bytes);
  for (size_t i = 0; i < planned.size(); ++i) offsets[planned[i]] = memory.offsets[i];
  size_t next = planned.size();
  for (const auto& [number, bytes] : workspaces_) {
    Instruction& instruction = program_->instructions[number];
    if (instruction.arena == arena) instruction.workspace_offset = memory.offsets[next++];
  }
}

void ProgramBuilder::list_buffers(const std::vector<int64_t>& offsets) {
  std::vector<PlannedBuffer>& list = program_->buffers;
  for (uint32_t b = 0; b < buffers_.size(); ++b) {
    const Buffer& buffer = buffers_[b];
    PlannedBuffer planned{{Region::kArena, b, 0, -1, 0}, buffer.bytes, buffer.begin, buffer.end};
    settle(planned.place, offsets);
    if (buffer.host >= 0) planned.in_place_of = root_of(b);
    list.push_back(planned);
  }
  for (const Instruction& instruction : program_->instructions) {
    for (size_t o = 0; o < instruction.outputs.size(); ++o) {
      const Place& place = instruction.outputs[o];
      if (place.region == Region::kArena) list[place.index].output = static_cast<int32_t>(o);
    }
  }
  for (const auto& [number, bytes] : workspaces_) {
    const Instruction& instruction = program_->instructions[number];
    list.push_back({{Region::kArena, instruction.arena, instruction.workspace_offset, -1, 0},
                    bytes,
                    number,
                    number});
  }
}

void ProgramBuilder::measure_frames() {
  FrameLimits& limits = program_->limits;
  for (const Instruction& instruction : program_->instructions) {
    limits.inputs = std::max(limits.inputs, instruction.inputs.size());
    limits.outputs = std::max(limits.outputs, instruction.outputs.size());
    limits.integers = std::max(limits.integers, instruction.integers.size());
  }
}

void ProgramBuilder::number_integers() {
  for (Instruction& instruction : program_->instructions) {
    if (instruction.arena == 0) continue;
    size_t& count = program_->device_arenas[instruction.arena - 1].integer_count;
    instruction.integers_offset = static_cast<int64_t>(count);
    count += instruction.integers.size();
  }
}

void ProgramBuilder::find_segments() {
  const auto changes = [](const Place& place) {
    return place.region == Region::kInput || place.region == Region::kOutput;
  };
  const std::vector<Instruction>& instructions = program_->instructions;
  for (int32_t i = 0; i < now(); ++i) {
    const Instruction& instruction = instructions[i];
    if (instruction.arena == 0 ||
        std::any_of(instruction.inputs.begin(), instruction.inputs.end(), changes) ||
        std::any_of(instruction.outputs.begin(), instruction.outputs.end(), changes)) {
      continue;
    }
    std::vector<LaunchSegment>& segments = program_->segments;
    if (!segments.empty() && segments.back().end == i &&
        instructions[segments.back().begin].arena == instruction.arena) {
      segments.back().end = i + 1;
    } else {
      segments.push_back({i, i + 1});
    }
  }
}

void ProgramBuilder::settle(Place& place, const std::vector<int64_t>& offsets) const {
  if (place.region != Region::kArena) return;
  const int32_t root = root_of(place.index);
  const Buffer& buffer = buffers_[root];
  if (buffer.claimed) {
    place.region = buffer.claimed->region;
    place.index = buffer.claimed->index;
  } else {
    place.index = buffer.arena;
    place.offset += offsets[root];
  }
}

}  // namespace bitale
