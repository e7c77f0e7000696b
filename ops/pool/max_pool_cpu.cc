// Max-pooling of floats by vectors of windows. What reads or writes elsewhere finds the positions
// of the maxima first, plane by plane.

#include <algorithm>

#include "ops/cpu/floats.h"
#include "ops/cpu/workspace.h"
#include "ops/pool/maxima_cpu.h"
#include "ops/pool/pool_cpu.h"

namespace bitale::pool_cpu {
namespace {

const PoolWindow& window_of(const KernelCall& call) { return call.op_as<PoolBaseOp>().window(); }

// Planes [begin, end) of an operand, whole.
template <typename T>
PlaneRows<T> whole_planes(const Lengths& l, const T* images, int64_t begin, int64_t end) {
  return {images + begin * l.image_size(), 0, l.height, end - begin, l.image_size()};
}

template <typename T>
class MaxPool final : public Kernel {
 public:
  explicit MaxPool(const KernelCall& call)
      : l_(window_of(call), call.inputs[0].shape, call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    l_.for_planes([&](int64_t begin, int64_t end) {
      find_maxima<T>(l_, whole_planes(l_, frame.input<T>(0), begin, end), 0, l_.output_height,
                     frame.output<T>(0) + begin * l_.output_size(), nullptr);
    });
  }

 private:
  Lengths l_;
};

template <typename T>
class MaxPoolPositions final : public Kernel {
 public:
  explicit MaxPoolPositions(const KernelCall& call)
      : l_(window_of(call), call.inputs[0].shape, call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    l_.for_planes([&](int64_t begin, int64_t end) {
      find_maxima<T>(l_, whole_planes(l_, frame.input<T>(0), begin, end), 0, l_.output_height,
                     nullptr, frame.output<int32_t>(0) + begin * l_.output_size());
    });
  }

 private:
  Lengths l_;
};

// What max_pool_grad and max_pool_gather share: a plane's positions at a time.
class OfPositions : public Kernel {
 public:
  OfPositions(const KernelCall& call, const Dims& pooled)
      : l_(window_of(call), call.inputs[0].shape, pooled),
        slots_(cpu::SlotPool::enough_for(l_.planes)) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(slots_ * slot_elements()) * sizeof(int32_t);
  }

 protected:
  // Calls body(plane, positions) for each plane.
  template <typename T, typename Body>
  void for_each_plane(const KernelFrame& frame, Body&& body) const {
    cpu::SlotPool slots(slots_);
    l_.for_each_plane([&](int64_t plane) {
      const cpu::SlotPool::Loan loan(slots);
      int32_t* positions = static_cast<int32_t*>(frame.workspace) + loan.slot() * slot_elements();
      find_maxima<T>(l_, whole_planes(l_, frame.input<T>(0), plane, plane + 1), 0, l_.output_height,
                     nullptr, positions);
      body(plane, positions);
    });
  }

  Lengths l_;

 private:
  // Of whole cache lines.
  int64_t slot_elements() const { return (l_.output_size() + 15) / 16 * 16; }

  int64_t slots_;
};

template <typename T>
class MaxPoolGrad final : public OfPositions {
 public:
  explicit MaxPoolGrad(const KernelCall& call) : OfPositions(call, call.inputs[1].shape) {}

  void run(const KernelFrame& frame) const override {
    for_each_plane<T>(frame, [&](int64_t plane, const int32_t* positions) {
      const T* grad = frame.input<T>(1) + plane * l_.output_size();
      T* out = frame.output<T>(0) + plane * l_.image_size();
      std::fill_n(out, l_.image_size(), T{0});
      for (int64_t i = 0; i < l_.output_size(); ++i) out[positions[i]] += grad[i];
    });
  }
};

template <typename T>
class MaxPoolGather final : public OfPositions {
 public:
  explicit MaxPoolGather(const KernelCall& call) : OfPositions(call, call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    for_each_plane<T>(frame, [&](int64_t plane, const int32_t* positions) {
      const T* values = frame.input<T>(1) + plane * l_.image_size();
      T* out = frame.output<T>(0) + plane * l_.output_size();
      for (int64_t i = 0; i < l_.output_size(); ++i) out[i] = values[positions[i]];
    });
  }
};

// Positions are counted in 32 bits.
const char* supports_planes(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  const Dims& x = call.inputs[0].shape;
  return x[x.size() - 2] * x[x.size() - 1] < int64_t{1} << 31 ? nullptr
                                                              : "a plane has 2^31 elements or more";
}

const KernelRegistrar max_pool({.op = "max_pool",
                                .name = "max_pool_vectors",
                                .kind = KernelKind::kTuned,
                                .rank = 20,
                                .supports = supports_planes,
                                .make = cpu::make_for_floats<MaxPool>});
const KernelRegistrar max_pool_positions({.op = "max_pool_positions",
                                          .name = "max_pool_positions_vectors",
                                          .kind = KernelKind::kTuned,
                                          .rank = 20,
                                          .supports = supports_planes,
                                          .make = cpu::make_for_floats<MaxPoolPositions>});
const KernelRegistrar max_pool_grad({.op = "max_pool_grad",
                                     .name = "max_pool_grad_of_positions",
                                     .kind = KernelKind::kTuned,
                                     .rank = 20,
                                     .supports = supports_planes,
                                     .make = cpu::make_for_floats<MaxPoolGrad>});
const KernelRegistrar max_pool_gather({.op = "max_pool_gather",
                                       .name = "max_pool_gather_of_positions",
                                       .kind = KernelKind::kTuned,
                                       .rank = 20,
                                       .supports = supports_planes,
                                       .make = cpu::make_for_floats<MaxPoolGather>});

}  // namespace
}  // namespace bitale::pool_cpu
