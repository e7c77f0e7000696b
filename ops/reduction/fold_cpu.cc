// Kernels of sum, prod, max, min, any and all.

#include <optional>

#include "core/base/dtype.h"
#include "core/compile/kernel_registry.h"
#include "ops/reduction/fold_table_cpu.h"
#include "ops/reduction/reduction.h"

namespace bitale::reduction {
namespace {

// Accumulators are bytes, 0 or 1, which vectors hold.
template <typename T>
struct Any {
  using Acc = uint8_t;
  using Out = bool;
  static constexpr auto vector_op() { return std::optional<cpu::VectorOp>(); }
  static Acc identity() { return 0; }
  static Acc load(T value) {
    if constexpr (kIsHalf<T>)
      return static_cast<float>(value) != 0;
    else
      return value != T{0};
  }
  static Acc combine(Acc a, Acc b) { return static_cast<Acc>(a | b); }
  static bool store(Acc value) { return value != 0; }
};

template <typename T>
struct All : Any<T> {
  using Acc = uint8_t;
  static Acc identity() { return 1; }
  static Acc combine(Acc a, Acc b) { return static_cast<Acc>(a & b); }
};

// A dtype whose kernel does the same to the same bits.
template <template <typename> class F>
DType representative(DType dtype) {
  constexpr bool kOnlyZeroMatters =
      std::is_same_v<F<float>, Any<float>> || std::is_same_v<F<float>, All<float>>;
  if (dtype == DType::kBool) return DType::kUint8;
  if (!kOnlyZeroMatters) return dtype;
  switch (dtype) {
    case DType::kInt8:
      return DType::kUint8;
    case DType::kInt16:
      return DType::kUint16;
    case DType::kInt32:
      return DType::kUint32;
    case DType::kInt64:
      return DType::kUint64;
    default:
      return dtype;
  }
}

template <template <typename> class F>
std::unique_ptr<const Kernel> make(KernelMaker& maker) {
  const KernelCall& call = maker.call();
  Geometry geometry = make_geometry(call.inputs[0], call.op_as<ReduceOp>().axes());
  return visit_dtype(representative<F>(call.inputs[0].dtype), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return make_fold_kernel(std::move(geometry), fold_table<F<T>, T>());
  });
}

const char* supports(const KernelCall& call) {
  return static_cast<int64_t>(call.inputs[0].shape.size()) <= kMostLoops
             ? nullptr
             : "the operand has more than 16 axes";
}

#define BITALE_FOLD_KERNEL(op_name, F)                                     \
  const KernelRegistrar register_##op_name({.op = #op_name,                \
                                            .name = #op_name "_blocked",   \
                                            .kind = KernelKind::kPortable, \
                                            .rank = 10,                    \
                                            .strided_inputs = true,        \
                                            .supports = supports,          \
                                            .make = make<F>})
BITALE_FOLD_KERNEL(sum, Sum);
BITALE_FOLD_KERNEL(prod, Prod);
BITALE_FOLD_KERNEL(max, Max);
BITALE_FOLD_KERNEL(min, Min);
BITALE_FOLD_KERNEL(any, Any);
BITALE_FOLD_KERNEL(all, All);
#undef BITALE_FOLD_KERNEL

}  // namespace
}  // namespace bitale::reduction
