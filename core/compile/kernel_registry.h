// Which kernels exist for which op and device, and how one is chosen for a concrete call.
//
// Registration, at namespace scope of an ops/**/*_cpu.cc (or _cuda) file:
//
//   const KernelRegistrar dot_gemm({.op = "dot", .name = "dot_gemm", .kind = KernelKind::kTuned,
//                                   .rank = 20, .supports = supports, .make = make});
//
// Choice: the highest rank that supports the call; never by timing or link order.

#ifndef BITALE_CORE_COMPILE_KERNEL_REGISTRY_H_
#define BITALE_CORE_COMPILE_KERNEL_REGISTRY_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/graph/known_integer.h"
#include "core/graph/op.h"
#include "core/runtime/kernel.h"
#include "core/tensor/device.h"
#include "core/tensor/layout.h"

namespace bitale {

class Program;

enum class KernelKind : uint8_t { kReference, kPortable, kTuned, kLibrary };

// An operand's concrete arrangement. Outputs are always contiguous.
struct OperandLayout {
  DType dtype = DType::kFloat32;
  Dims shape;
  Dims strides;  // in elements

  int64_t size() const { return element_count(shape); }
  bool contiguous() const;
};

// A concrete call that a kernel is chosen for.
struct KernelCall {
  const Op& op;
  const Apply& apply;
  std::span<const OperandLayout> inputs;
  std::span<const OperandLayout> outputs;

  // The op as its own class: `call.op_as<Conv2dOp>().stride()`.
  template <typename T>
  const T& op_as() const {
    return static_cast<const T&>(op);
  }
};

// What a kernel's make() may ask of the compiler.
class KernelMaker {
 public:
  virtual ~KernelMaker() = default;
  virtual const KernelCall& call() const = 0;
  // Index into KernelFrame::integers under which the value of an integer input's element arrives.
  virtual size_t runtime_integer(size_t input, size_t element = 0) = 0;
  // Whether this input arrives in the form that the registration's packed_input() named.
  virtual bool is_packed(size_t input) const = 0;
  // Lowers the op's inner graph for inner inputs of these dims, for the same device.
  virtual std::shared_ptr<const Program> lower_inner(std::span<const Dims> inner_input_dims) = 0;
};

struct KernelRegistration {
  const char* op = "";
  DeviceKind device = DeviceKind::kCpu;
  const char* name = "";
  KernelKind kind = KernelKind::kPortable;
  int rank = 10;
  // Whether inputs may have any strides; otherwise they are made contiguous by a copy first.
  bool strided_inputs = false;
  // Null if it supports the call, else the reason why not (a literal). Null function: always.
  const char* (*supports)(const KernelCall& call) = nullptr;
  // The form in which the kernel would rather have an input, so that it need not arrange it anew at
  // every call; strided for none. It gets that form of shared variables that the function does not
  // update, and must do without elsewhere. Null function: none.
  Layout (*packed_input)(const KernelCall& call, size_t input) = nullptr;
  // Whether its kernels are PartwiseKernels: what follows may then be done to their result part by
  // part.
  bool partwise = false;
  std::unique_ptr<const Kernel> (*make)(KernelMaker& maker) = nullptr;
};

// Enters a registration before main; allocates nothing and runs no other code.
class KernelRegistrar {
 public:
  explicit KernelRegistrar(const KernelRegistration& registration);

 private:
  friend std::span<const KernelRegistration* const> kernels_of(std::string_view, DeviceKind);
  friend std::vector<const KernelRegistration*> all_kernels();
  KernelRegistration registration_;
  const KernelRegistrar* next_;
};

// All registrations for an op on a device, best rank first, equal ranks by name.
std::span<const KernelRegistration* const> kernels_of(std::string_view op, DeviceKind device);

// Every registration, sorted by op, device, rank, name.
std::vector<const KernelRegistration*> all_kernels();

// The kernel to use, or null; then `reasons` (if given) says why each candidate refused.
const KernelRegistration* choose_kernel(const KernelCall& call, DeviceKind device,
                                        std::string* reasons = nullptr);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_KERNEL_REGISTRY_H_
