#include "core/compile/kernel_registry.h"
#include "core/runtime/thread_pool.h"
#include "ops/skeleton/cumsum.h"

namespace bitale {
namespace {

// What sums are formed in: two-byte floats in float32, integers where they wrap without overflow.
template <typename T>
struct Accumulator {
  using type = T;
};
template <>
struct Accumulator<Float16> {
  using type = float;
};
template <>
struct Accumulator<BFloat16> {
  using type = float;
};
template <>
struct Accumulator<int64_t> {
  using type = uint64_t;
};

template <typename T>
class CumsumKernel final : public Kernel {
 public:
  CumsumKernel(const Dims& shape, int64_t axis, bool reverse)
      : length_(shape[axis]), reverse_(reverse) {
    for (int64_t i = 0; i < axis; ++i) outer_ *= shape[i];
    for (size_t i = axis + 1; i < shape.size(); ++i) inner_ *= shape[i];
  }

  void run(const KernelFrame& frame) const override {
    const T* x = frame.input<T>(0);
    T* y = frame.output<T>(0);
    // Lines are independent: blocks of them, whose borders depend on shapes only.
    const int64_t lines_per_block = std::max<int64_t>(inner_ < kSideBySide ? 1 : kSideBySide,
                                                      16384 / std::max<int64_t>(1, length_));
    parallel_ranges(outer_ * inner_, lines_per_block, [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end;) {
        const int64_t first = line / inner_ * length_ * inner_ + line % inner_;
        if (std::min(end - line, inner_ - line % inner_) >= kSideBySide) {
          run_lines<kSideBySide>(x + first, y + first);
          line += kSideBySide;
        } else {
          run_lines<1>(x + first, y + first);
          ++line;
        }
      }
    });
  }

  // Each element is read before the same place is written.
  bool may_overwrite(size_t, size_t) const override { return true; }

 private:
  // Neighbouring lines whose sums advance together.
  static constexpr int64_t kSideBySide = 16;

  template <int64_t kLines>
  void run_lines(const T* x, T* y) const {
    using Sum = typename Accumulator<T>::type;
    Sum sums[kLines] = {};
    for (int64_t k = 0; k < length_; ++k) {
      const int64_t i = (reverse_ ? length_ - 1 - k : k) * inner_;
#pragma GCC ivdep
      for (int64_t line = 0; line < kLines; ++line) {
        sums[line] += static_cast<Sum>(x[i + line]);
        y[i + line] = static_cast<T>(sums[line]);
      }
    }
  }

  int64_t outer_ = 1;
  int64_t length_;
  int64_t inner_ = 1;
  bool reverse_;
};

const char* supports(const KernelCall& call) {
  const DType dtype = call.inputs[0].dtype;
  const bool wide = dtype == DType::kInt64 || dtype == DType::kUint64 || is_floating(dtype);
  return wide ? nullptr : "narrow integers are cast by the builder";
}

std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  const auto& op = call.op_as<CumsumOp>();
  const auto kernel = [&]<typename T>(TypeTag<T>) -> std::unique_ptr<const Kernel> {
    return std::make_unique<CumsumKernel<T>>(call.inputs[0].shape, op.axis(), op.reverse());
  };
  switch (call.inputs[0].dtype) {
    case DType::kInt64:
      return kernel(TypeTag<int64_t>());
    case DType::kUint64:
      return kernel(TypeTag<uint64_t>());
    case DType::kFloat16:
      return kernel(TypeTag<Float16>());
    case DType::kBFloat16:
      return kernel(TypeTag<BFloat16>());
    case DType::kFloat32:
      return kernel(TypeTag<float>());
    default:
      return kernel(TypeTag<double>());
  }
}

const KernelRegistrar cumsum_lines(
    {.op = "cumsum", .name = "cumsum_lines", .supports = supports, .make = make});

}  // namespace
}  // namespace bitale
