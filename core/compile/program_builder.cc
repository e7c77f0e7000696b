#include "core/compile/program_builder.h"

#include <algorithm>

#include "core/compile/memory_plan.h"
#include "core/runtime/copy_kernel.h"

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

Location ProgramBuilder::new_output(DType dtype, const Dims& shape) {
  const int64_t bytes = element_count(shape) * static_cast<int64_t>(size_of(dtype));
  Location location;
  location.place = {Region::kArena, static_cast<uint32_t>(buffers_.size()), 0, -1, 0};
  location.layout = {dtype, shape, contiguous_strides(shape)};
  buffers_.push_back({bytes, now(), now(), {}, -1});
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
                                  const Site& site) {
  Instruction instruction;
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
  const Place source = use(from.place);
  const Place target = use(to.place);
  Instruction& copy =
      push(make_copy_kernel(from.layout.dtype, from.layout.shape, from.layout.strides), label,
           "copy", site);
  add_input(copy, source, from.layout);
  add_output(copy, to);
  copy.outputs[0] = target;
}

Location ProgramBuilder::contiguous(const Location& from, const Site& site) {
  if (from.layout.contiguous()) return from;
  const Location to = new_output(from.layout.dtype, from.layout.shape);
  emit_copy(from, to, "contiguous", site);
  return to;
}

void ProgramBuilder::emit_copy_to(const Place& target, const Location& from, const char* label,
                                  const Site& site) {
  const Location to = new_output(from.layout.dtype, from.layout.shape);
  buffers_[to.place.index].claimed = target;
  emit_copy(from, to, label, site);
}

bool ProgramBuilder::owns_whole_buffer(const Location& location) const {
  if (location.place.region != Region::kArena || location.place.offset != 0 ||
      location.place.moving >= 0 || !location.layout.contiguous()) {
    return false;
  }
  const Buffer& buffer = buffers_[location.place.index];
  return !buffer.claimed && buffer.bytes == location.layout.size() *
                                                static_cast<int64_t>(size_of(location.layout.dtype));
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
  std::vector<BufferLifetime> lifetimes;
  std::vector<size_t> slot(buffers_.size());
  for (size_t b = 0; b < buffers_.size(); ++b) {
    const Buffer& buffer = buffers_[b];
    program_->buffer_bytes_without_reuse += static_cast<size_t>(buffer.bytes);
    if (buffer.claimed || buffer.host >= 0) continue;
    slot[b] = lifetimes.size();
    lifetimes.push_back({buffer.bytes, buffer.begin, buffer.end});
  }
  const size_t first_workspace = lifetimes.size();
  for (const auto& [instruction, bytes] : workspaces_) {
    lifetimes.push_back({bytes, instruction, instruction});
  }
  const MemoryPlan memory = plan_memory(lifetimes, reuse_buffers);
  program_->arena_bytes = static_cast<size_t>(memory.total_bytes);
  for (size_t w = 0; w < workspaces_.size(); ++w) {
    program_->instructions[workspaces_[w].first].workspace_offset =
        memory.offsets[first_workspace + w];
  }
  std::vector<int64_t> offsets(buffers_.size());
  for (size_t b = 0; b < buffers_.size(); ++b) {
    offsets[b] = memory.offsets.empty() ? 0 : memory.offsets[slot[b]];
  }
  for (Instruction& instruction : program_->instructions) {
    for (Place& place : instruction.inputs) settle(place, offsets);
    for (Place& place : instruction.outputs) settle(place, offsets);
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
    place.index = 0;
    place.offset += offsets[root];
  }
}

}  // namespace bitale
