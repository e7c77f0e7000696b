// How a window of 4 by 4 elements of an image becomes the 16 factors of Winograd's products, many
// windows at once in the lanes of vectors. For files that foreach_target.h compiles once per
// instruction set: include it after hwy/highway.h.

// Not guarded against being included twice, but against twice for one instruction set.
#if defined(BITALE_OPS_CONV_CONV2D_WINOGRAD_WINDOW_CPU_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BITALE_OPS_CONV_CONV2D_WINOGRAD_WINDOW_CPU_H_
#undef BITALE_OPS_CONV_CONV2D_WINOGRAD_WINDOW_CPU_H_
#else
#define BITALE_OPS_CONV_CONV2D_WINOGRAD_WINDOW_CPU_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "ops/cpu/vectors.h"

HWY_BEFORE_NAMESPACE();
namespace bitale::conv2d_cpu {
namespace HWY_NAMESPACE {

// A row or a column of a window.
template <typename T>
struct Four {
  cpu::HWY_NAMESPACE::Vector<T> v[4];
};

template <typename T>
HWY_INLINE Four<T> transformed(const Four<T>& d) {
  namespace hn = hwy::HWY_NAMESPACE;
  return {{hn::Sub(d.v[0], d.v[2]), hn::Add(d.v[1], d.v[2]), hn::Sub(d.v[2], d.v[1]),
           hn::Sub(d.v[1], d.v[3])}};
}

// Stores factor (i, j) of windows at to + (4 i + j) product_stride. `load_row(i)` gives their row i
// as Four<T>; rows are loaded as late as they are needed, for few registers hold them.
template <typename T, typename LoadRow>
HWY_INLINE void transform_window(const LoadRow& load_row, T* HWY_RESTRICT to,
                                 int64_t product_stride) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<T> d;
  const auto store = [&](int64_t i, int64_t j, cpu::HWY_NAMESPACE::Vector<T> factor)
                         HWY_ATTR { hn::StoreU(factor, d, to + (4 * i + j) * product_stride); };
  const Four<T> r2 = transformed<T>(load_row(2));
  const Four<T> r0 = transformed<T>(load_row(0));
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) store(0, j, hn::Sub(r0.v[j], r2.v[j]));
  const Four<T> r1 = transformed<T>(load_row(1));
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) store(1, j, hn::Add(r1.v[j], r2.v[j]));
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) store(2, j, hn::Sub(r2.v[j], r1.v[j]));
  const Four<T> r3 = transformed<T>(load_row(3));
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) store(3, j, hn::Sub(r1.v[j], r3.v[j]));
}

}  // namespace HWY_NAMESPACE
}  // namespace bitale::conv2d_cpu
HWY_AFTER_NAMESPACE();

#endif
