#include "tests/support/null_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/compile/kernel_registry.h"
#include "core/compile/late_kernels.h"
#include "core/compile/lower_inner.h"
#include "core/runtime/copy_kernel.h"

namespace bitale {
namespace {

void* map_bytes(int file, size_t bytes, int access) {
  void* address = mmap(nullptr, bytes, access, MAP_SHARED, file, 0);
  if (address == MAP_FAILED) throw OutOfMemoryError("the null device is out of memory");
  return address;
}

}  // namespace

class NullDevice::Memory final : public DeviceMemory {
 public:
  void* allocate(int, size_t bytes) override {
    const int file = memfd_create("bitale-null-device", 0);
    if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) {
      throw OutOfMemoryError("the null device is out of memory");
    }
    Block block{bytes, static_cast<std::byte*>(map_bytes(file, bytes, PROT_READ | PROT_WRITE))};
    void* address = map_bytes(file, bytes, PROT_NONE);
    close(file);
    // What nobody wrote is NaN.
    std::memset(block.alias, 0xFF, bytes);
    std::lock_guard<std::mutex> lock(mutex_);
    blocks_[static_cast<std::byte*>(address)] = block;
    ++allocations;
    return address;
  }
  void deallocate(int, void* data) noexcept override {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto at = blocks_.find(static_cast<std::byte*>(data));
    munmap(at->second.alias, at->second.bytes);
    munmap(data, at->second.bytes);
    blocks_.erase(at);
  }
  void copy_from_host(int, void* to, const void* from, size_t bytes) override {
    std::memcpy(alias(to), from, bytes);
    ++uploads;
  }
  void copy_to_host(int, void* to, const void* from, size_t bytes) override {
    std::memcpy(to, alias(from), bytes);
    ++downloads;
  }
  void copy_within(int, void* to, const void* from, size_t bytes) override {
    std::memmove(alias(to), alias(from), bytes);
  }

  // Where the host finds a device address; null stays null.
  void* alias(const void* address) {
    if (address == nullptr) return nullptr;
    const auto* wanted = static_cast<const std::byte*>(address);
    std::lock_guard<std::mutex> lock(mutex_);
    auto after = blocks_.upper_bound(const_cast<std::byte*>(wanted));
    if (after != blocks_.begin()) {
      const auto& [first, block] = *std::prev(after);
      // One past the end is the address of an operand without elements.
      if (wanted <= first + block.bytes) return block.alias + (wanted - first);
    }
    throw DeviceError("the null device was given an address of the host");
  }

  std::atomic<size_t> uploads{0};
  std::atomic<size_t> downloads{0};
  std::atomic<size_t> allocations{0};

 private:
  struct Block {
    size_t bytes;
    std::byte* alias;
  };
  std::mutex mutex_;
  std::map<std::byte*, Block> blocks_;
};

class NullDevice::Stream final : public DeviceStream {
 public:
  struct Work {
    int32_t instruction;
    DeviceEvent event;
    std::function<void()> run;
  };

  explicit Stream(NullDevice& device) : device_(device) {}

  void begin_instruction(int32_t number) override { instruction_ = number; }
  void copy_from_host(void* to, const void* from, size_t bytes) override {
    add({DeviceEvent::Kind::kUpload, "", {}, {to}, {bytes}, bytes},
        [this, to, from, bytes] { std::memcpy(device_.memory_->alias(to), from, bytes); });
  }
  void copy_to_host(void* to, const void* from, size_t bytes) override {
    DeviceEvent event{DeviceEvent::Kind::kDownload, "", {from_const(from)}, {}, {}, bytes};
    add(std::move(event),
        [this, to, from, bytes] { std::memcpy(to, device_.memory_->alias(from), bytes); });
  }
  void add(DeviceEvent event, std::function<void()> run) {
    auto work = std::make_shared<const Work>(Work{instruction_, std::move(event), std::move(run)});
    (capturing_ ? captured_ : queue_).push_back({std::move(work), false});
  }

  void synchronize() override {
    std::vector<Item> queue = std::exchange(queue_, {});
    for (const Item& item : queue) {
      DeviceEvent event = item.work->event;
      event.replayed = item.replayed;
      try {
        item.work->run();
      } catch (const KernelFailure& failure) {
        throw LaunchFailure(item.work->instruction, failure);
      }
      device_.enter(std::move(event));
    }
  }

  void begin_capture() override { capturing_ = true; }
  std::unique_ptr<LaunchList> end_capture() override {
    capturing_ = false;
    auto list = std::make_unique<List>();
    list->items = std::exchange(captured_, {});
    return list;
  }
  void replay(const LaunchList& list) override {
    for (const Item& item : static_cast<const List&>(list).items) {
      queue_.push_back({item.work, true});
    }
  }

 private:
  struct Item {
    std::shared_ptr<const Work> work;
    bool replayed;
  };
  struct List final : LaunchList {
    std::vector<Item> items;
  };
  static void* from_const(const void* address) { return const_cast<void*>(address); }

  NullDevice& device_;
  int32_t instruction_ = -1;
  bool capturing_ = false;
  std::vector<Item> queue_;
  std::vector<Item> captured_;
};

// Queues a kernel of the CPU with the operands' second addresses.
class NullKernel final : public DeviceKernel {
 public:
  NullKernel(std::string name, KernelPtr kernel, size_t inputs, std::vector<size_t> output_bytes)
      : name_(std::move(name)),
        kernel_(std::move(kernel)),
        inputs_(inputs),
        output_bytes_(std::move(output_bytes)) {}

  void launch(const KernelFrame& frame, DeviceStream& stream) const override {
    auto& device = NullDevice::instance();
    std::vector<void*> inputs(frame.inputs, frame.inputs + inputs_);
    std::vector<void*> outputs(frame.outputs, frame.outputs + output_bytes_.size());
    DeviceEvent event{DeviceEvent::Kind::kLaunch, name_, inputs, outputs, output_bytes_};
    device.queue(
        stream, std::move(event),
        [this, &device, inputs, outputs, workspace = frame.workspace, integers = frame.integers] {
          std::vector<void*> in;
          std::vector<void*> out;
          for (void* address : inputs) in.push_back(device.host_address(address));
          for (void* address : outputs) out.push_back(device.host_address(address));
          kernel_->run({in.data(), out.data(), device.host_address(workspace),
                        static_cast<const int64_t*>(device.host_address(integers))});
        });
  }
  size_t workspace_bytes() const override { return kernel_->workspace_bytes(); }
  bool can_raise() const override { return kernel_->can_raise(); }
  bool may_overwrite(size_t output, size_t input) const override {
    return kernel_->may_overwrite(output, input);
  }

 private:
  std::string name_;
  KernelPtr kernel_;
  size_t inputs_;
  std::vector<size_t> output_bytes_;
};

namespace {

// Asks for a CPU kernel what a kernel of the null device is asked to be.
class HostMaker final : public KernelMaker {
 public:
  explicit HostMaker(KernelMaker& maker) : maker_(maker) {}
  const KernelCall& call() const override { return maker_.call(); }
  size_t runtime_integer(size_t input, size_t element) override {
    return maker_.runtime_integer(input, element);
  }
  bool is_packed(size_t) const override { return false; }
  std::shared_ptr<const Program> lower_inner(std::span<const Dims> inner_input_dims) override {
    return bitale::lower_inner(maker_.call().op, inner_input_dims);
  }

 private:
  KernelMaker& maker_;
};

const char* supports(const KernelCall& call) {
  return choose_kernel(call, DeviceKind::kCpu) != nullptr ? nullptr : "the CPU has none either";
}

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  HostMaker host(maker);
  std::vector<size_t> output_bytes;
  for (const OperandLayout& output : call.outputs) {
    output_bytes.push_back(static_cast<size_t>(output.size()) * size_of(output.dtype));
  }
  return std::make_unique<NullKernel>(std::string(call.op.name()),
                                      choose_kernel(call, DeviceKind::kCpu)->make(host),
                                      call.inputs.size(), std::move(output_bytes));
}

// A copy from integers[0] elements after the operand's address on.
class MovingCopy final : public Kernel {
 public:
  MovingCopy(KernelPtr copy, DType dtype) : copy_(std::move(copy)), width_(size_of(dtype)) {}
  void run(const KernelFrame& frame) const override {
    void* from =
        static_cast<std::byte*>(frame.inputs[0]) + frame.integers[0] * static_cast<int64_t>(width_);
    copy_->run({&from, frame.outputs, nullptr, nullptr});
  }

 private:
  KernelPtr copy_;
  size_t width_;
};

}  // namespace

bool DeviceEvent::same_work(const DeviceEvent& other) const {
  return kind == other.kind && kernel == other.kernel && inputs == other.inputs &&
         outputs == other.outputs && bytes == other.bytes;
}

NullDevice::NullDevice() : memory_(std::make_unique<Memory>()) {}

// Never destroyed: tensors of tests may outlive everything else.
NullDevice& NullDevice::instance() {
  static NullDevice& device = *new NullDevice;
  return device;
}

NullDevice& NullDevice::get() {
  NullDevice& device = instance();
  register_device_backend(DeviceKind::kNull, &device);
  device.install_kernels({});
  device.clear_log();
  return device;
}

void NullDevice::install_kernels(const std::set<std::string>& without) {
  std::vector<KernelRegistration> kernels;
  std::set<std::string> seen = without;
  for (const KernelRegistration* kernel : all_kernels()) {
    if (kernel->device != DeviceKind::kCpu || !seen.insert(kernel->op).second) continue;
    kernels.push_back({.op = kernel->op,
                       .device = DeviceKind::kNull,
                       .name = "recorded",
                       .supports = supports,
                       .make = make});
  }
  set_late_kernels(DeviceKind::kNull, kernels);
}

void NullDevice::remove_kernels(const std::set<std::string>& ops) { install_kernels(ops); }

std::vector<DeviceEvent> NullDevice::log() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return log_;
}
void NullDevice::clear_log() {
  std::lock_guard<std::mutex> lock(mutex_);
  log_.clear();
}
void NullDevice::enter(DeviceEvent event) {
  std::lock_guard<std::mutex> lock(mutex_);
  log_.push_back(std::move(event));
}
size_t NullDevice::count(DeviceEvent::Kind kind) const {
  size_t count = 0;
  for (const DeviceEvent& event : log()) count += event.kind == kind;
  return count;
}

size_t NullDevice::memory_uploads() const { return memory_->uploads; }
size_t NullDevice::memory_downloads() const { return memory_->downloads; }
size_t NullDevice::allocations() const { return memory_->allocations; }

void* NullDevice::host_address(const void* address) { return memory_->alias(address); }
void NullDevice::queue(DeviceStream& stream, DeviceEvent event, std::function<void()> work) {
  static_cast<Stream&>(stream).add(std::move(event), std::move(work));
}

DeviceMemory& NullDevice::memory() { return *memory_; }
std::unique_ptr<DeviceStream> NullDevice::make_stream(int) {
  return std::make_unique<Stream>(*this);
}
DeviceKernelPtr NullDevice::make_copy(DType dtype, const Dims& shape, const Dims& input_strides,
                                      bool moving) {
  KernelPtr copy = make_copy_kernel(dtype, shape, input_strides);
  if (moving) copy = std::make_shared<MovingCopy>(std::move(copy), dtype);
  const std::vector<size_t> bytes = {static_cast<size_t>(element_count(shape)) * size_of(dtype)};
  return std::make_shared<NullKernel>("copy", std::move(copy), 1, bytes);
}
DeviceKernelPtr NullDevice::make_integers(DType dtype, int64_t count) {
  return std::make_shared<NullKernel>(
      "integers", make_integers_kernel(dtype, count), 0,
      std::vector<size_t>{static_cast<size_t>(count) * size_of(dtype)});
}

}  // namespace bitale
