// One op, or one fused group, made for a device and for concrete shapes and strides.
//
// A kernel knows no graph. It is made once, when a program is lowered, and run at every call with
// the addresses of its operands. Kernels are immutable: several threads may run one at once.

#ifndef BITALE_CORE_RUNTIME_KERNEL_H_
#define BITALE_CORE_RUNTIME_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace bitale {

class InstructionObserver;

// What a kernel gets when it runs: addresses of first elements, in the order of the op's operands.
struct KernelFrame {
  void* const* inputs = nullptr;
  void* const* outputs = nullptr;
  // At least workspace_bytes(), aligned to 64 bytes; contents undefined.
  void* workspace = nullptr;
  // Values of the run-time integers that the kernel asked for when it was made, in that order.
  const int64_t* integers = nullptr;
  // What looks at the calls of an inner program that the kernel runs; null for none.
  InstructionObserver* observer = nullptr;

  template <typename T>
  const T* input(size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <typename T>
  T* output(size_t i) const {
    return static_cast<T*>(outputs[i]);
  }
};

// Thrown by a kernel that cannot go on, such as one that meets an index out of range. The program
// it runs in makes an ExecutionError of it, with op, operands and the user's line.
class KernelFailure {
 public:
  explicit KernelFailure(std::string what, std::string hint = "")
      : what_(std::move(what)), hint_(std::move(hint)) {}
  const std::string& what() const { return what_; }
  const std::string& hint() const { return hint_; }

 private:
  std::string what_;
  std::string hint_;
};

// What one run of a kernel does, for profiles.
struct KernelCost {
  double flops = 0;  // floating-point operations that its op asks for, whatever way it takes
  double bytes_read = 0;
  double bytes_written = 0;
};

class Kernel {
 public:
  virtual ~Kernel() = default;

  // Allocates nothing. Work is split by shapes only (core/runtime/thread_pool.h). KernelFailure if
  // can_raise().
  virtual void run(const KernelFrame& frame) const = 0;

  virtual size_t workspace_bytes() const { return 0; }
  // Whether run() may throw (an index out of range). Such kernels run before any shared variable is
  // written.
  virtual bool can_raise() const { return false; }
  // Whether output `output` may lie at the same address as input `input` (same dtype, shape and
  // contiguous strides are checked by the planner).
  virtual bool may_overwrite([[maybe_unused]] size_t output, [[maybe_unused]] size_t input) const {
    return false;
  }
  // `operands`: no floating-point operations, all elements of inputs read and all of outputs
  // written once. A kernel that knows better says so.
  virtual KernelCost cost(KernelCost operands) const { return operands; }
};

// Told by a kernel that elements [begin, begin + count) of its first output have their final
// values. Any thread of the kernel's may call it, several at once, and tells of each element once.
class PartDone {
 public:
  // Nobody is told.
  PartDone() = default;
  // Calls body(begin, count); `body` must live as long as this.
  template <typename Body>
  explicit PartDone(const Body& body)
      : call_([](const void* b, int64_t begin, int64_t count) {
          (*static_cast<const Body*>(b))(begin, count);
        }),
        body_(&body) {}

  explicit operator bool() const { return call_ != nullptr; }
  void operator()(int64_t begin, int64_t count) const {
    if (call_ != nullptr && count > 0) call_(body_, begin, count);
  }

 private:
  void (*call_)(const void*, int64_t, int64_t) = nullptr;
  const void* body_ = nullptr;
};

// A kernel that tells of each part of its first output while that is still in cache.
class PartwiseKernel : public Kernel {
 public:
  void run(const KernelFrame& frame) const final { run_partwise(frame, {}); }
  // As run(). `done` may be empty.
  virtual void run_partwise(const KernelFrame& frame, PartDone done) const = 0;
};

using KernelPtr = std::shared_ptr<const Kernel>;

}  // namespace bitale

#endif  // BITALE_CORE_RUNTIME_KERNEL_H_
