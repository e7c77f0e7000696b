// Which device a tensor lies on.

#ifndef BITALE_CORE_TENSOR_DEVICE_H_
#define BITALE_CORE_TENSOR_DEVICE_H_

#include <cstdint>
#include <string>

namespace bitale {

enum class DeviceKind : uint8_t {
  kCpu,
  kCuda,
  // Plans and records like CUDA without a device: for tests of placement, plans and capture order.
  kNull,
};

struct Device {
  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;

  friend bool operator==(const Device&, const Device&) = default;
  bool is_cpu() const { return kind == DeviceKind::kCpu; }
  // "cpu", "cuda:0", "null:0".
  std::string str() const;
};

inline constexpr Device kCpu{};

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_DEVICE_H_
