#include "core/runtime/device_run.h"

#include <algorithm>

#include "core/runtime/frame_layout.h"

namespace bitale {

DeviceRun::DeviceRun(const Program& program)
    : program_(program),
      segment_of_(program.instructions.size(), -1),
      captured_(program.segments.size()) {
  for (const DeviceArena& arena : program.device_arenas) {
    OnDevice device;
    const size_t bytes = round_up(arena.bytes) + arena.integer_count * sizeof(int64_t);
    device.arena = Storage::allocate(arena.device, bytes);
    device.stream = device_backend(arena.device.kind).make_stream(arena.device.index);
    device.integers.resize(arena.integer_count);
    devices_.push_back(std::move(device));
  }
  for (size_t s = 0; s < program.segments.size(); ++s) {
    segment_of_[program.segments[s].begin] = static_cast<int32_t>(s);
  }
}

DeviceRun::~DeviceRun() { drain(); }

void DeviceRun::begin_call(const int64_t* registers, std::span<void* const> shared) {
  warm_ = ran_ && std::equal(shared.begin(), shared.end(), shared_.begin(), shared_.end());
  ran_ = true;
  if (!warm_) {
    shared_.assign(shared.begin(), shared.end());
    for (std::unique_ptr<LaunchList>& list : captured_) list.reset();
  }
  for (const Instruction& instruction : program_.instructions) {
    if (instruction.arena == 0) continue;
    int64_t* values = devices_[instruction.arena - 1].integers.data() + instruction.integers_offset;
    for (int32_t source : instruction.integers) *values++ = registers[source];
  }
  for (size_t d = 0; d < devices_.size(); ++d) {
    OnDevice& device = devices_[d];
    if (device.integers.empty()) continue;
    device.busy = true;
    device.stream->begin_instruction(-1);
    device.stream->copy_from_host(device.arena->data() + round_up(program_.device_arenas[d].bytes),
                                  device.integers.data(), device.integers.size() * sizeof(int64_t));
  }
}

const int64_t* DeviceRun::integers(const Instruction& instruction) const {
  const size_t d = instruction.arena - 1;
  if (program_.device_arenas[d].integer_count == 0) return nullptr;
  const std::byte* first = devices_[d].arena->data() + round_up(program_.device_arenas[d].bytes);
  return reinterpret_cast<const int64_t*>(first) + instruction.integers_offset;
}

const LaunchSegment* DeviceRun::segment_at(size_t instruction) const {
  const int32_t segment = segment_of_[instruction];
  return segment < 0 ? nullptr : &program_.segments[segment];
}

void DeviceRun::wait() {
  for (OnDevice& device : devices_) {
    if (!device.busy) continue;
    device.busy = false;
    device.stream->synchronize();
  }
}

void DeviceRun::drain() noexcept {
  for (OnDevice& device : devices_) {
    if (!device.busy) continue;
    device.busy = false;
    try {
      device.stream->synchronize();
    } catch (...) {
      // The call has an error of its own to report.
    }
  }
}

}  // namespace bitale
