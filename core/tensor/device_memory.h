// How to get memory on a device and copy into, out of and within it. Each kind of device registers
// one implementation; the CPU's is built in.

#ifndef BITALE_CORE_TENSOR_DEVICE_MEMORY_H_
#define BITALE_CORE_TENSOR_DEVICE_MEMORY_H_

#include <cstddef>

#include "core/tensor/device.h"

namespace bitale {

// Every block starts on a multiple of this many bytes: a cache line, and the widest vector.
inline constexpr size_t kMemoryAlignment = 64;

class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  // `bytes` > 0. Throws OutOfMemoryError that names the bytes and the device.
  virtual void* allocate(int index, size_t bytes) = 0;
  virtual void deallocate(int index, void* data) noexcept = 0;
  virtual void copy_from_host(int index, void* to, const void* from, size_t bytes) = 0;
  // Returns once the bytes are there.
  virtual void copy_to_host(int index, void* to, const void* from, size_t bytes) = 0;
  virtual void copy_within(int index, void* to, const void* from, size_t bytes) = 0;
};

// Registers `memory` (not owned, must outlive all use) for a kind of device.
void register_device_memory(DeviceKind kind, DeviceMemory* memory);

// Throws DeviceError if no backend for that kind is linked in.
DeviceMemory& device_memory(DeviceKind kind);

// Whether a backend for that kind is linked in.
bool has_device_memory(DeviceKind kind);

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_DEVICE_MEMORY_H_
