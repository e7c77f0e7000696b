#include "core/runtime/device_backend.h"

#include <array>

#include "core/base/error.h"

namespace bitale {
namespace {

constexpr size_t kKinds = 3;

std::array<DeviceBackend*, kKinds>& registry() {
  static std::array<DeviceBackend*, kKinds> backends = {};
  return backends;
}

class UploadKernel final : public DeviceKernel {
 public:
  explicit UploadKernel(size_t bytes) : bytes_(bytes) {}
  void launch(const KernelFrame& frame, DeviceStream& stream) const override {
    if (bytes_ > 0) stream.copy_from_host(frame.outputs[0], frame.inputs[0], bytes_);
  }

 private:
  size_t bytes_;
};

class DownloadKernel final : public DeviceKernel {
 public:
  explicit DownloadKernel(size_t bytes) : bytes_(bytes) {}
  void launch(const KernelFrame& frame, DeviceStream& stream) const override {
    if (bytes_ > 0) stream.copy_to_host(frame.outputs[0], frame.inputs[0], bytes_);
  }

 private:
  size_t bytes_;
};

}  // namespace

void DeviceKernel::run(const KernelFrame&) const {
  throw ExecutionError("a device kernel was run on the host");
}

void register_device_backend(DeviceKind kind, DeviceBackend* backend) {
  registry()[static_cast<size_t>(kind)] = backend;
  register_device_memory(kind, backend == nullptr ? nullptr : &backend->memory());
}

DeviceBackend& device_backend(DeviceKind kind) {
  DeviceBackend* backend = registry()[static_cast<size_t>(kind)];
  if (backend == nullptr) {
    throw DeviceError("no backend for device " + Device{kind, 0}.str() + " is linked in");
  }
  return *backend;
}

DeviceKernelPtr make_upload_kernel(size_t bytes) { return std::make_shared<UploadKernel>(bytes); }
DeviceKernelPtr make_download_kernel(size_t bytes) {
  return std::make_shared<DownloadKernel>(bytes);
}

}  // namespace bitale
