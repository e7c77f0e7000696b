// A block of memory on one device, shared by the tensors that view it.

#ifndef BITALE_CORE_TENSOR_STORAGE_H_
#define BITALE_CORE_TENSOR_STORAGE_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "core/tensor/device.h"

namespace bitale {

class Storage {
 public:
  // Uninitialised memory of its own. Throws OutOfMemoryError.
  static std::shared_ptr<Storage> allocate(Device device, size_t bytes);
  // Memory of somebody else, who must keep it alive; `release` runs when the last tensor is gone.
  static std::shared_ptr<Storage> borrow(Device device, void* data, size_t bytes,
                                         std::function<void()> release = {});

  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage();

  Device device() const { return device_; }
  std::byte* data() const { return static_cast<std::byte*>(data_); }
  size_t bytes() const { return bytes_; }

 private:
  Storage(Device device, void* data, size_t bytes, bool owned, std::function<void()> release);

  Device device_;
  void* data_;
  size_t bytes_;
  bool owned_;
  std::function<void()> release_;
};

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_STORAGE_H_
