// How programs run on a kind of device other than the CPU: memory, a stream of launches, and whole
// lists of launches that are captured once and replayed.
//
// A backend is a folder of its own (cuda/) and registers one DeviceBackend; kernels for its devices
// derive from DeviceKernel and register as those of the CPU do. Nothing in core/ knows which
// backends exist.

#ifndef BITALE_CORE_RUNTIME_DEVICE_BACKEND_H_
#define BITALE_CORE_RUNTIME_DEVICE_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/dim.h"
#include "core/base/dtype.h"
#include "core/runtime/kernel.h"
#include "core/tensor/device.h"
#include "core/tensor/device_memory.h"

namespace bitale {

// Launches that a stream has captured, with the addresses they had then.
class LaunchList {
 public:
  virtual ~LaunchList() = default;
};

// What DeviceStream::synchronize throws where a kernel could not go on.
class LaunchFailure {
 public:
  LaunchFailure(int32_t instruction, KernelFailure failure)
      : instruction_(instruction), failure_(std::move(failure)) {}
  // As given to begin_instruction().
  int32_t instruction() const { return instruction_; }
  const KernelFailure& failure() const { return failure_; }

 private:
  int32_t instruction_;
  KernelFailure failure_;
};

// Work of one call in flight, done in the order in which it was handed over and, as seen from the
// host, at any time up to synchronize(). Host memory given to it stays as it is until then.
class DeviceStream {
 public:
  virtual ~DeviceStream() = default;

  // What follows belongs to this instruction of the program.
  virtual void begin_instruction(int32_t number) = 0;

  virtual void copy_from_host(void* to, const void* from, size_t bytes) = 0;
  virtual void copy_to_host(void* to, const void* from, size_t bytes) = 0;

  // Returns once all work is done. LaunchFailure if a kernel failed: whatever came after it then
  // wrote to no memory but the arenas'. DeviceError if the device did. Ready for more work
  // afterwards.
  virtual void synchronize() = 0;

  // From begin_capture() on work is kept in a list instead of being done.
  virtual void begin_capture() = 0;
  virtual std::unique_ptr<LaunchList> end_capture() = 0;
  // Does the work of a list that a stream of this device captured.
  virtual void replay(const LaunchList& list) = 0;
};

// A kernel whose operands, workspace and integers lie in a device's memory.
class DeviceKernel : public Kernel {
 public:
  // Never called: ExecutionError.
  void run(const KernelFrame& frame) const final;
  // Hands the work to `stream`, which is one of this kernel's backend. The frame is gone when
  // launch() returns, and its addresses may be captured: `frame.integers` points to device memory
  // that holds the values of the call when the work is done. Allocates nothing.
  virtual void launch(const KernelFrame& frame, DeviceStream& stream) const = 0;
};

using DeviceKernelPtr = std::shared_ptr<const DeviceKernel>;

class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;

  virtual DeviceMemory& memory() = 0;
  // DeviceError if there is no device of that number.
  virtual std::unique_ptr<DeviceStream> make_stream(int index) = 0;

  // The kernels that programs need whatever their ops are.
  //
  // Copies a strided block (input 0) into a row-major one (output 0). With `moving`, the block
  // starts integers[0] elements after the address of input 0.
  virtual DeviceKernelPtr make_copy(DType dtype, const Dims& shape, const Dims& input_strides,
                                    bool moving) = 0;
  // Writes the run-time integers, cast to `dtype`, into output 0.
  virtual DeviceKernelPtr make_integers(DType dtype, int64_t count) = 0;
};

// Registers `backend` (not owned, must outlive all use) and its memory for a kind of device; null
// takes it away. Not while functions compile or run.
void register_device_backend(DeviceKind kind, DeviceBackend* backend);

// DeviceError if no backend for that kind is linked in.
DeviceBackend& device_backend(DeviceKind kind);

// Copies a block of `bytes` from the host to the device, or back, on the stream.
DeviceKernelPtr make_upload_kernel(size_t bytes);
DeviceKernelPtr make_download_kernel(size_t bytes);

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_DEVICE_BACKEND_H_
