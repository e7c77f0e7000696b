// CPU kernels of dot, matmul and gemm.

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>

#include "core/compile/kernel_registry.h"
#include "core/runtime/thread_pool.h"
#include "core/tensor/tensor.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_narrow.h"
#include "ops/cpu/workspace.h"

namespace bitale {
namespace {

using cpu::MatrixView;

constexpr const char* kNoHalf = "float16 and bfloat16 have no products: cast to float32 first";

const char* supports_all_but_half(const KernelCall& call) {
  const DType dtype = call.outputs[0].dtype;
  return is_discrete(dtype) || cpu::is_float_or_double(dtype) ? nullptr : kNoHalf;
}

// A product of matrices and vectors as one of matrices: strides in elements.
struct Product {
  int64_t m = 1, n = 1, k = 1;
  int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0;

  template <typename T>
  MatrixView<T> left(const T* data) const {
    return {data, a_row, a_column};
  }
  template <typename T>
  MatrixView<T> right(const T* data) const {
    return {data, b_row, b_column};
  }
};

// Of the last axes of both operands; a vector on the left is a row, on the right a column.
Product product_of(const OperandLayout& a, const OperandLayout& b) {
  Product p;
  const size_t a_rank = a.shape.size();
  const size_t b_rank = b.shape.size();
  p.k = a.shape[a_rank - 1];
  p.a_column = a.strides[a_rank - 1];
  if (a_rank >= 2) {
    p.m = a.shape[a_rank - 2];
    p.a_row = a.strides[a_rank - 2];
  }
  if (b_rank >= 2) {
    p.n = b.shape[b_rank - 1];
    p.b_column = b.strides[b_rank - 1];
    p.b_row = b.strides[b_rank - 2];
  } else {
    p.b_row = b.strides[0];
  }
  return p;
}

// By the definition, one element after the other: floats are summed in float64.
template <typename T>
void reference_product(const Product& p, const T* a, const T* b, T* c) {
  if constexpr (std::is_floating_point_v<T>) {
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        double sum = 0;
        for (int64_t q = 0; q < p.k; ++q) {
          sum += static_cast<double>(a[i * p.a_row + q * p.a_column]) *
                 static_cast<double>(b[q * p.b_row + j * p.b_column]);
        }
        c[i * p.n + j] = static_cast<T>(sum);
      }
    }
  } else {
    cpu::generic_gemm(p.m, p.n, p.k, p.left(a), p.right(b), c, p.n);
  }
}

// All products of a stack: one for dot.
class Stack {
 public:
  Stack(const OperandLayout& a, const OperandLayout& b, const Dims& shape)
      : product_(product_of(a, b)) {
    if (a.shape.size() <= 2) return;
    for (size_t axis = 0; axis + 2 < shape.size(); ++axis) {
      const auto stride = [&](const OperandLayout& x) {
        return x.shape[axis] == 1 ? 0 : x.strides[axis];
      };
      axes_.push_back({shape[axis], stride(a), stride(b)});
      count_ *= shape[axis];
    }
  }

  const Product& product() const { return product_; }
  int64_t count() const { return count_; }

  // Calls body(a, b, c) with the first elements of product `index`.
  template <typename T, typename Body>
  void at(int64_t index, const T* a, const T* b, T* c, Body&& body) const {
    c += index * product_.m * product_.n;
    for (size_t i = axes_.size(); i-- > 0;) {
      const int64_t position = index % axes_[i].length;
      index /= axes_[i].length;
      a += position * axes_[i].a_stride;
      b += position * axes_[i].b_stride;
    }
    body(a, b, c);
  }

 private:
  struct Axis {
    int64_t length, a_stride, b_stride;
  };
  Product product_;
  absl::InlinedVector<Axis, 4> axes_;
  int64_t count_ = 1;
};

KernelCost with_flops(KernelCost operands, const Product& p, int64_t count) {
  operands.flops = 2.0 * static_cast<double>(count) * static_cast<double>(p.m) *
                   static_cast<double>(p.n) * static_cast<double>(p.k);
  return operands;
}

template <typename T>
class ReferenceProductKernel final : public Kernel {
 public:
  explicit ReferenceProductKernel(const KernelCall& call)
      : stack_(call.inputs[0], call.inputs[1], call.outputs[0].shape) {}

  void run(const KernelFrame& frame) const override {
    for (int64_t i = 0; i < stack_.count(); ++i) {
      stack_.at(
          i, frame.input<T>(0), frame.input<T>(1), frame.output<T>(0),
          [&](const T* a, const T* b, T* c) { reference_product(stack_.product(), a, b, c); });
    }
  }

 private:
  Stack stack_;
};

// The right operand, a matrix, as the tiles of products read it.
const Packing kRightPanels = {
    "right_panels",
    [](DType dtype, const Dims& shape, const PackingParameters&) {
      return dtype == DType::kFloat32 ? cpu::packed_right_elements<float>(shape[0], shape[1])
                                      : cpu::packed_right_elements<double>(shape[0], shape[1]);
    },
    [](const Tensor& strided, const Tensor& packed, const PackingParameters&) {
      const auto pack = [&](auto tag) {
        using T = typename decltype(tag)::type;
        const Dims& shape = strided.shape();
        cpu::pack_right_operand<T>(shape[0], shape[1], {strided.data<T>(), shape[1], 1},
                                   packed.data<T>());
      };
      strided.dtype() == DType::kFloat32 ? pack(TypeTag<float>()) : pack(TypeTag<double>());
    },
    nullptr};

// A product with few rows or columns reads a matrix once, where it lies.
Layout right_panels_of(const KernelCall& call, size_t a, size_t b) {
  const Product p = product_of(call.inputs[a], call.inputs[b]);
  const bool is_matrix = call.inputs[b].shape.size() == 2 && call.inputs[b].size() > 0;
  // Strides decide, not elements.
  const float* const nowhere = nullptr;
  const bool is_narrow =
      p.m == 1 || p.n == 1 || cpu::is_narrow_gemm(p.m, p.n, p.k, p.left(nowhere), p.right(nowhere));
  return is_matrix && !is_narrow ? Layout{&kRightPanels} : Layout{};
}

Layout packed_input_of_dot(const KernelCall& call, size_t input) {
  return input == 1 ? right_panels_of(call, 0, 1) : Layout{};
}

Layout packed_input_of_gemm(const KernelCall& call, size_t input) {
  return input == 2 ? right_panels_of(call, 1, 2) : Layout{};
}

// alpha A B + beta C of one product, whose right operand may be packed.
template <typename T>
void multiply(const Product& p, bool is_packed, T alpha, const T* a, const T* b, T beta, T* c,
              void* workspace, PartDone done) {
  if (is_packed) {
    cpu::gemm_packed<T>(p.m, p.n, p.k, alpha, p.left(a), b, beta, c, p.n, workspace, done);
  } else {
    cpu::gemm<T>(p.m, p.n, p.k, alpha, p.left(a), p.right(b), beta, c, p.n, workspace, done);
  }
}

// alpha A B + beta C for every product of a stack. Large products run one after the other, each on
// all threads; small ones side by side.
template <typename T>
class BlockedProducts {
 public:
  BlockedProducts(Stack stack, bool is_packed) : stack_(std::move(stack)), is_packed_(is_packed) {
    const Product& p = stack_.product();
    bytes_each_ = cpu::gemm_workspace_bytes<T>(p.m, p.n, p.k);
    const double work =
        static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
    side_by_side_ = stack_.count() > 1 && work < kLargeProduct;
    // Several small products make one block.
    grain_ = static_cast<int64_t>(std::clamp(kBlockWork / std::max(work, 1.0), 1.0, 1e6));
    slots_ = side_by_side_ ? std::min<int64_t>(thread_count(), cpu::SlotPool::kMost) : 1;
  }

  size_t workspace_bytes() const { return static_cast<size_t>(slots_) * bytes_each_; }

  KernelCost cost(KernelCost operands) const {
    return with_flops(operands, stack_.product(), stack_.count());
  }

  void run(T alpha, const T* first_a, const T* first_b, T beta, T* first_c, void* workspaces,
           PartDone done) const {
    const auto product = [&](int64_t index, void* workspace) {
      const auto tell = [&](int64_t begin, int64_t count) {
        done(index * stack_.product().m * stack_.product().n + begin, count);
      };
      stack_.at(index, first_a, first_b, first_c, [&](const T* a, const T* b, T* c) {
        multiply(stack_.product(), is_packed_, alpha, a, b, beta, c, workspace,
                 done ? PartDone(tell) : PartDone());
      });
    };
    if (!side_by_side_) {
      for (int64_t i = 0; i < stack_.count(); ++i) product(i, workspaces);
      return;
    }
    cpu::SlotPool slots(slots_);
    parallel_ranges(stack_.count(), grain_, [&](int64_t begin, int64_t end) {
      const cpu::SlotPool::Loan loan(slots);
      void* workspace =
          static_cast<char*>(workspaces) + static_cast<size_t>(loan.slot()) * bytes_each_;
      for (int64_t i = begin; i < end; ++i) product(i, workspace);
    });
  }

 private:
  static constexpr double kLargeProduct = 4e6;
  static constexpr double kBlockWork = 2e5;

  Stack stack_;
  bool is_packed_;
  size_t bytes_each_;
  bool side_by_side_;
  int64_t grain_;
  int64_t slots_;
};

template <typename T>
class BlockedProductKernel final : public PartwiseKernel {
 public:
  BlockedProductKernel(const KernelCall& call, bool is_packed)
      : products_({call.inputs[0], call.inputs[1], call.outputs[0].shape}, is_packed) {}

  size_t workspace_bytes() const override { return products_.workspace_bytes(); }
  KernelCost cost(KernelCost operands) const override { return products_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    products_.run(T{1}, frame.input<T>(0), frame.input<T>(1), T{0}, frame.output<T>(0),
                  frame.workspace, done);
  }

 private:
  BlockedProducts<T> products_;
};

template <template <typename> class KernelType, typename... Types>
std::unique_ptr<const Kernel> make_for(const KernelCall& call) {
  std::unique_ptr<const Kernel> kernel;
  const auto try_type = [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (call.outputs[0].dtype == dtype_of<T>) kernel = std::make_unique<KernelType<T>>(call);
  };
  (try_type(TypeTag<Types>{}), ...);
  return kernel;
}

std::unique_ptr<const Kernel> make_reference(KernelMaker& maker) {
  return make_for<ReferenceProductKernel, float, double, bool, int8_t, int16_t, int32_t, int64_t,
                  uint8_t, uint16_t, uint32_t, uint64_t>(maker.call());
}

// Inputs: c, a, b, alpha, beta.
template <typename T>
class GemmKernel final : public PartwiseKernel {
 public:
  GemmKernel(const KernelCall& call, bool is_packed)
      : products_({call.inputs[1], call.inputs[2], call.outputs[0].shape}, is_packed),
        shape_(call.outputs[0].shape),
        size_(call.outputs[0].size()),
        c_strides_(call.inputs[0].strides),
        c_is_contiguous_(call.inputs[0].contiguous()),
        c_is_repeated_(std::ranges::all_of(c_strides_, [](int64_t s) { return s == 0; })) {}

  size_t workspace_bytes() const override { return products_.workspace_bytes(); }
  bool may_overwrite(size_t, size_t input) const override { return input == 0 && c_is_contiguous_; }
  KernelCost cost(KernelCost operands) const override { return products_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    if (size_ == 0) return;
    const T alpha = *frame.input<T>(3);
    T beta = *frame.input<T>(4);
    const T* c = frame.input<T>(0);
    T* out = frame.output<T>(0);
    if (c_is_repeated_) {
      const T addend = beta * *c;
      if (addend != T{0}) std::fill_n(out, size_, addend);
      beta = addend != T{0} ? T{1} : T{0};
    } else {
      if (c != out) {
        copy_strided(shape_, dtype_of<T>, out, contiguous_strides(shape_), dtype_of<T>,
                     frame.inputs[0], c_strides_);
      }
      if (beta == T{0}) {  // which the product takes for nothing to add: NaN and infinity stay
        for (int64_t i = 0; i < size_; ++i) out[i] *= T{0};
        beta = T{1};
      }
    }
    products_.run(alpha, frame.input<T>(1), frame.input<T>(2), beta, out, frame.workspace, done);
  }

 private:
  BlockedProducts<T> products_;
  Dims shape_;
  int64_t size_;
  Dims c_strides_;
  bool c_is_contiguous_;
  bool c_is_repeated_;
};

const KernelRegistrar dot_blocked({.op = "dot",
                                   .name = "dot_blocked",
                                   .kind = KernelKind::kTuned,
                                   .rank = 20,
                                   .strided_inputs = true,
                                   .supports = cpu::supports_floats,
                                   .packed_input = packed_input_of_dot,
                                   .partwise = true,
                                   .make = cpu::make_for_floats<BlockedProductKernel, 1>});
const KernelRegistrar dot_reference({.op = "dot",
                                     .name = "dot_reference",
                                     .kind = KernelKind::kReference,
                                     .rank = 1,
                                     .strided_inputs = true,
                                     .supports = supports_all_but_half,
                                     .make = make_reference});
const KernelRegistrar matmul_blocked({.op = "matmul",
                                      .name = "matmul_blocked",
                                      .kind = KernelKind::kTuned,
                                      .rank = 20,
                                      .strided_inputs = true,
                                      .supports = cpu::supports_floats,
                                      .partwise = true,
                                      .make = cpu::make_for_floats<BlockedProductKernel, 1>});
const KernelRegistrar matmul_reference({.op = "matmul",
                                        .name = "matmul_reference",
                                        .kind = KernelKind::kReference,
                                        .rank = 1,
                                        .strided_inputs = true,
                                        .supports = supports_all_but_half,
                                        .make = make_reference});
const KernelRegistrar gemm_blocked({.op = "gemm",
                                    .name = "gemm_blocked",
                                    .kind = KernelKind::kTuned,
                                    .rank = 20,
                                    .strided_inputs = true,
                                    .supports = cpu::supports_floats,
                                    .packed_input = packed_input_of_gemm,
                                    .partwise = true,
                                    .make = cpu::make_for_floats<GemmKernel, 2>});

}  // namespace
}  // namespace bitale
