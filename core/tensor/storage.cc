#include "core/tensor/storage.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/tensor/device_memory.h"

namespace bitale {
namespace {

// Blocks of this size and more ask for pages of this size: a walk across the rows of a large matrix
// touches more small pages than the core can translate at once, and a first touch of each costs a
// fault.
constexpr size_t kLargePage = size_t{2} << 20;

class CpuMemory final : public DeviceMemory {
 public:
  void* allocate(int, size_t bytes) override {
    const bool is_large = bytes >= 2 * kLargePage;
    const size_t alignment = is_large ? kLargePage : kMemoryAlignment;
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* data = rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded);
    if (data == nullptr) {
      throw OutOfMemoryError("cannot allocate " + std::to_string(bytes) + " bytes on cpu");
    }
#if defined(__linux__)
    // A hint: where it is refused, pages are small.
    if (is_large) madvise(data, rounded, MADV_HUGEPAGE);
#endif
    return data;
  }
  void deallocate(int, void* data) noexcept override { std::free(data); }
  void copy_from_host(int, void* to, const void* from, size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void copy_to_host(int, void* to, const void* from, size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void copy_within(int, void* to, const void* from, size_t bytes) override {
    std::memmove(to, from, bytes);
  }
};

constexpr size_t kKinds = 3;

std::array<DeviceMemory*, kKinds>& registry() {
  static CpuMemory cpu;
  static std::array<DeviceMemory*, kKinds> memories = {&cpu, nullptr, nullptr};
  return memories;
}

}  // namespace

std::string Device::str() const {
  switch (kind) {
    case DeviceKind::kCpu:
      return "cpu";
    case DeviceKind::kCuda:
      return "cuda:" + std::to_string(index);
    case DeviceKind::kNull:
      break;
  }
  return "null:" + std::to_string(index);
}

void register_device_memory(DeviceKind kind, DeviceMemory* memory) {
  registry()[static_cast<size_t>(kind)] = memory;
}

bool has_device_memory(DeviceKind kind) { return registry()[static_cast<size_t>(kind)] != nullptr; }

DeviceMemory& device_memory(DeviceKind kind) {
  DeviceMemory* memory = registry()[static_cast<size_t>(kind)];
  if (memory == nullptr) {
    throw DeviceError("no backend for device " + Device{kind, 0}.str() + " is linked in");
  }
  return *memory;
}

std::shared_ptr<Storage> Storage::allocate(Device device, size_t bytes) {
  void* data = bytes == 0 ? nullptr : device_memory(device.kind).allocate(device.index, bytes);
  return std::shared_ptr<Storage>(new Storage(device, data, bytes, true, {}));
}

std::shared_ptr<Storage> Storage::borrow(Device device, void* data, size_t bytes,
                                         std::function<void()> release) {
  return std::shared_ptr<Storage>(new Storage(device, data, bytes, false, std::move(release)));
}

Storage::Storage(Device device, void* data, size_t bytes, bool owned, std::function<void()> release)
    : device_(device), data_(data), bytes_(bytes), owned_(owned), release_(std::move(release)) {}

Storage::~Storage() {
  if (owned_ && data_ != nullptr) {
    device_memory(device_.kind).deallocate(device_.index, data_);
  }
  if (release_) release_();
}

}  // namespace bitale
