// Draws on the CPU. Elements are computed by blocks of the counter, each on its own, so the bits do
// not depend on how the blocks are spread over threads and vectors.

#include <algorithm>

#include "core/base/error.h"
#include "core/compile/kernel_registry.h"
#include "core/runtime/kernel.h"
#include "ops/random/philox_fill_cpu.h"
#include "ops/random/random_draw.h"

namespace bitale {
namespace {

philox::State load(const uint32_t* words) {
  return {{words[0], words[1]}, {words[2], words[3], words[4], words[5]}};
}

void store(const philox::State& state, uint32_t* words) {
  std::copy_n(state.key, 2, words);
  std::copy_n(state.counter, 4, words + 2);
}

class DrawKernel : public Kernel {
 public:
  // The state is read before anything is written.
  bool may_overwrite(size_t output, size_t input) const override {
    return output == 0 && input == 0;
  }
};

template <typename T, bool kNormal>
class FloatDraw final : public DrawKernel {
 public:
  explicit FloatDraw(int64_t count) : count_(count) {}
  void run(const KernelFrame& frame) const override {
    const philox::State state = load(frame.input<uint32_t>(0));
    T* out = frame.output<T>(1);
    store(kNormal ? philox::fill_normal(state, out, count_)
                  : philox::fill_uniform(state, out, count_),
          frame.output<uint32_t>(0));
  }

 private:
  int64_t count_;
};

class IntegerDraw final : public DrawKernel {
 public:
  explicit IntegerDraw(int64_t count) : count_(count) {}
  bool can_raise() const override { return true; }
  void run(const KernelFrame& frame) const override {
    const philox::State state = load(frame.input<uint32_t>(0));
    const int64_t low = *frame.input<int64_t>(1);
    const int64_t high = *frame.input<int64_t>(2);
    if (low >= high) {
      throw KernelFailure("low must be below high, but " + std::to_string(low) +
                          " >= " + std::to_string(high));
    }
    const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    store(philox::fill_integers(state, static_cast<uint64_t>(low), range, frame.output<int64_t>(1),
                                count_),
          frame.output<uint32_t>(0));
  }

 private:
  int64_t count_;
};

class PermutationDraw final : public DrawKernel {
 public:
  explicit PermutationDraw(int64_t count) : count_(count) {}
  size_t workspace_bytes() const override { return static_cast<size_t>(count_) * sizeof(Keyed); }
  void run(const KernelFrame& frame) const override {
    const philox::State state = load(frame.input<uint32_t>(0));
    int64_t* out = frame.output<int64_t>(1);
    store(philox::fill_integers(state, 0, 0, out, count_), frame.output<uint32_t>(0));
    Keyed* keyed = static_cast<Keyed*>(frame.workspace);
    for (int64_t i = 0; i < count_; ++i) keyed[i] = {static_cast<uint64_t>(out[i]), i};
    std::sort(keyed, keyed + count_, [](const Keyed& a, const Keyed& b) {
      return a.key != b.key ? a.key < b.key : a.index < b.index;
    });
    for (int64_t i = 0; i < count_; ++i) out[i] = keyed[i].index;
  }

 private:
  struct Keyed {
    uint64_t key;
    int64_t index;
  };
  int64_t count_;
};

template <bool kNormal>
std::unique_ptr<const Kernel> make_floats(KernelMaker& maker) {
  const OperandLayout& sample = maker.call().outputs[1];
  if (sample.dtype == DType::kFloat64) {
    return std::make_unique<FloatDraw<double, kNormal>>(sample.size());
  }
  return std::make_unique<FloatDraw<float, kNormal>>(sample.size());
}

template <typename Draw>
std::unique_ptr<const Kernel> make_integers(KernelMaker& maker) {
  return std::make_unique<Draw>(maker.call().outputs[1].size());
}

const KernelRegistrar uniform({.op = "random_uniform",
                               .name = "random_uniform_philox",
                               .kind = KernelKind::kReference,
                               .make = make_floats<false>});
const KernelRegistrar normal({.op = "random_normal",
                              .name = "random_normal_philox",
                              .kind = KernelKind::kReference,
                              .make = make_floats<true>});
const KernelRegistrar integers({.op = "random_integers",
                                .name = "random_integers_philox",
                                .kind = KernelKind::kReference,
                                .make = make_integers<IntegerDraw>});
const KernelRegistrar permutation({.op = "random_permutation",
                                   .name = "random_permutation_philox",
                                   .kind = KernelKind::kReference,
                                   .make = make_integers<PermutationDraw>});

}  // namespace
}  // namespace bitale
