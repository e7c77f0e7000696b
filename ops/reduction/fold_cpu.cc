// Kernels of sum, prod, max, min, any and all.

#include <limits>
#include <optional>
#include <type_traits>

#include "core/base/dtype.h"
#include "ops/reduction/reduction.h"
#include "ops/reduction/reduction_cpu.h"

namespace bitale::reduction {
namespace {

template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

// What sums of T are kept in.
template <typename T>
struct SumAcc {
  using type =
      std::conditional_t<std::is_unsigned_v<T> && !std::is_same_v<T, bool>, uint64_t, int64_t>;
};
template <>
struct SumAcc<float> {
  using type = float;
};
template <>
struct SumAcc<double> {
  using type = double;
};
template <>
struct SumAcc<Float16> {
  using type = float;
};
template <>
struct SumAcc<BFloat16> {
  using type = float;
};

template <typename T>
constexpr std::optional<VectorOp> vector_op_for(VectorOp op) {
  return std::is_floating_point_v<T> ? std::optional(op) : std::nullopt;
}

// Signed overflow wraps: the arithmetic is done on unsigned numbers.
template <typename Acc>
using Wrapping = typename std::conditional_t<std::is_integral_v<Acc>, std::make_unsigned<Acc>,
                                             std::type_identity<Acc>>::type;

template <typename T>
struct Sum {
  using Acc = typename SumAcc<T>::type;
  using Out = std::conditional_t<kIsHalf<T>, T, Acc>;
  static constexpr auto vector_op() { return vector_op_for<T>(VectorOp::kSum); }
  static Acc identity() { return 0; }
  static Acc load(T value) { return static_cast<Acc>(value); }
  static Acc combine(Acc a, Acc b) {
    return static_cast<Acc>(static_cast<Wrapping<Acc>>(a) + static_cast<Wrapping<Acc>>(b));
  }
  static Out store(Acc value) { return static_cast<Out>(value); }
};

template <typename T>
struct Prod : Sum<T> {
  using typename Sum<T>::Acc;
  static constexpr auto vector_op() { return vector_op_for<T>(VectorOp::kProd); }
  static Acc identity() { return 1; }
  static Acc combine(Acc a, Acc b) {
    return static_cast<Acc>(static_cast<Wrapping<Acc>>(a) * static_cast<Wrapping<Acc>>(b));
  }
};

template <typename T>
struct Extremum {
  using Acc = std::conditional_t<kIsHalf<T>, float, T>;
  using Out = T;
  static Acc load(T value) { return static_cast<Acc>(value); }
  static Out store(Acc value) { return static_cast<Out>(value); }
};

// A NaN beats any number: a > b is false for a NaN b, and a != a keeps a NaN a.
template <typename T>
struct Max : Extremum<T> {
  using typename Extremum<T>::Acc;
  static constexpr auto vector_op() { return vector_op_for<T>(VectorOp::kMax); }
  static Acc identity() {
    using Limits = std::numeric_limits<Acc>;
    return Limits::has_infinity ? static_cast<Acc>(-Limits::infinity()) : Limits::lowest();
  }
  static Acc combine(Acc a, Acc b) {
    if constexpr (std::is_integral_v<Acc>)
      return a > b ? a : b;
    else
      return a > b || a != a ? a : b;
  }
};

template <typename T>
struct Min : Extremum<T> {
  using typename Extremum<T>::Acc;
  static constexpr auto vector_op() { return vector_op_for<T>(VectorOp::kMin); }
  static Acc identity() {
    using Limits = std::numeric_limits<Acc>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  static Acc combine(Acc a, Acc b) {
    if constexpr (std::is_integral_v<Acc>)
      return a < b ? a : b;
    else
      return a < b || a != a ? a : b;
  }
};

template <typename T>
struct Any {
  using Acc = bool;
  using Out = bool;
  static constexpr auto vector_op() { return std::optional<VectorOp>(); }
  static bool identity() { return false; }
  static bool load(T value) {
    if constexpr (kIsHalf<T>)
      return static_cast<float>(value) != 0;
    else
      return value != T{0};
  }
  static bool combine(bool a, bool b) { return a | b; }
  static bool store(bool value) { return value; }
};

template <typename T>
struct All : Any<T> {
  static bool identity() { return true; }
  static bool combine(bool a, bool b) { return a & b; }
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
  return visit_dtype(
      representative<F>(call.inputs[0].dtype), [&](auto tag) -> std::unique_ptr<const Kernel> {
        using T = typename decltype(tag)::type;
        return std::make_unique<FoldKernel<F<T>, T, typename F<T>::Out>>(std::move(geometry));
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
