// What a call in flight has on devices: arenas, streams, run-time integers, captured launches.

#ifndef BITALE_CORE_RUNTIME_DEVICE_RUN_H_
#define BITALE_CORE_RUNTIME_DEVICE_RUN_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/runtime/device_backend.h"
#include "core/runtime/program.h"
#include "core/tensor/storage.h"

namespace bitale {

class DeviceRun {
 public:
  // `program` must outlive this. DeviceError, OutOfMemoryError.
  explicit DeviceRun(const Program& program);
  ~DeviceRun();

  // Starts a call: sends every device the values of its instructions' integers.
  void begin_call(const int64_t* registers, std::span<void* const> shared);

  // By arena number, from 1.
  std::byte* arena(uint32_t number) const { return devices_[number - 1].arena->data(); }
  // Where an instruction finds its integers on its device.
  const int64_t* integers(const Instruction& instruction) const;
  DeviceStream& stream(uint32_t number) {
    OnDevice& device = devices_[number - 1];
    device.busy = true;
    return *device.stream;
  }

  // The segment that starts with this instruction, or null.
  const LaunchSegment* segment_at(size_t instruction) const;
  // Whether this call's segments are to be captured or replayed: the first call with these
  // addresses of shared variables runs launch by launch, so that what runs once is not captured.
  bool captures() const { return warm_; }
  // Replays the segment, after `launch` has handed its instructions to the stream if it was not
  // captured yet.
  template <typename Launch>
  void run_segment(const LaunchSegment& segment, uint32_t arena, const Launch& launch) {
    std::unique_ptr<LaunchList>& list = captured_[&segment - program_.segments.data()];
    DeviceStream& on = stream(arena);
    if (list == nullptr) {
      on.begin_capture();
      try {
        for (int32_t i = segment.begin; i < segment.end; ++i) launch(i);
      } catch (...) {
        on.end_capture();
        throw;
      }
      list = on.end_capture();
    }
    on.replay(*list);
  }

  // Waits for all devices. LaunchFailure, DeviceError.
  void wait();
  // Waits, and keeps errors to itself: for a call that fails anyway.
  void drain() noexcept;

 private:
  struct OnDevice {
    std::shared_ptr<Storage> arena;
    std::unique_ptr<DeviceStream> stream;
    std::vector<int64_t> integers;  // the host's copy
    bool busy = false;
  };

  const Program& program_;
  std::vector<OnDevice> devices_;
  std::vector<int32_t> segment_of_;  // by instruction: the segment it starts, or -1
  std::vector<std::unique_ptr<LaunchList>> captured_;
  std::vector<void*> shared_;
  bool ran_ = false;
  bool warm_ = false;
};

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_DEVICE_RUN_H_
