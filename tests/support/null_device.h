// A device that is none: in the place of CUDA it shows what a program does to a device.
//
// Its addresses cannot be touched by the host (they are mapped without access, so that a stray read
// crashes the test); the device reaches the same bytes through a second mapping. Work is queued and
// done at synchronize(), by the CPU's kernels, so values can be compared; every launch and copy is
// logged. Install it with NullDevice::get() at the start of a test.

#ifndef BITALE_TESTS_SUPPORT_NULL_DEVICE_H_
#define BITALE_TESTS_SUPPORT_NULL_DEVICE_H_

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/runtime/device_backend.h"

namespace bitale {

inline constexpr Device kNullDevice{DeviceKind::kNull, 0};

// One thing that the device did, in the order in which it did them.
struct DeviceEvent {
  enum class Kind { kLaunch, kUpload, kDownload };
  Kind kind;
  std::string kernel = "";         // of a launch
  std::vector<void*> inputs = {};  // device addresses
  std::vector<void*> outputs = {};
  std::vector<size_t> output_bytes = {};
  size_t bytes = 0;  // of a copy
  bool replayed = false;

  // The same work, replayed or not.
  bool same_work(const DeviceEvent& other) const;
};

class NullDevice final : public DeviceBackend {
 public:
  // The only one, installed with a kernel for every op that has one on the CPU, and with an empty
  // log.
  static NullDevice& get();

  // Takes away the kernels of these ops, until the next get().
  void remove_kernels(const std::set<std::string>& ops);

  // All work of streams since get() or clear_log().
  std::vector<DeviceEvent> log() const;
  void clear_log();
  // Events of one kind in the log.
  size_t count(DeviceEvent::Kind kind) const;
  // Copies that are no program's work: shared variables on their way, constants, get_value().
  size_t memory_uploads() const;
  size_t memory_downloads() const;
  // Blocks allocated so far.
  size_t allocations() const;

  DeviceMemory& memory() override;
  std::unique_ptr<DeviceStream> make_stream(int index) override;
  DeviceKernelPtr make_copy(DType dtype, const Dims& shape, const Dims& input_strides,
                            bool moving) override;
  DeviceKernelPtr make_integers(DType dtype, int64_t count) override;

 private:
  class Memory;
  class Stream;
  friend class NullKernel;

  NullDevice();
  static NullDevice& instance();
  void install_kernels(const std::set<std::string>& without);
  void enter(DeviceEvent event);
  // The second address of what lies at a device address.
  void* host_address(const void* address);
  void queue(DeviceStream& stream, DeviceEvent event, std::function<void()> work);

  std::unique_ptr<Memory> memory_;
  mutable std::mutex mutex_;
  std::vector<DeviceEvent> log_;
};

}  // namespace bitale

#endif  // BITALE_TESTS_SUPPORT_NULL_DEVICE_H_
