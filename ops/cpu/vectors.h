// Vectors of the instruction set that is being compiled for. For files that foreach_target.h
// compiles once per instruction set: include it after hwy/highway.h.

// Not guarded against being included twice, but against twice for one instruction set.
#if defined(BITALE_OPS_CPU_VECTORS_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BITALE_OPS_CPU_VECTORS_H_
#undef BITALE_OPS_CPU_VECTORS_H_
#else
#define BITALE_OPS_CPU_VECTORS_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::cpu {
namespace HWY_NAMESPACE {

// A whole register of elements.
template <typename T>
using Vector = hwy::HWY_NAMESPACE::Vec<hwy::HWY_NAMESPACE::ScalableTag<T>>;

// How many elements it has.
template <typename T>
constexpr int64_t vector_length() {
  return static_cast<int64_t>(HWY_LANES(T));
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::cpu
HWY_AFTER_NAMESPACE();

#endif
