#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_pointwise_cpu.h"
#include "ops/cpu/floats.h"

namespace bitale::conv2d_cpu {

const char* supports_pointwise(const KernelCall& call, const Lengths& l) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  if (l.taps() != 1) return "only windows of one element";
  if (l.has_padding()) return "only images without padding";
  if (l.filter_channels == 0 || l.group_filters == 0) return "no channels or filters";
  return nullptr;
}

Lengths flattened(const Lengths& l) {
  const Conv2dOptions options = {.num_groups = l.groups};
  return {options, {l.batch, l.channels, 1, l.positions()}, {l.filters, l.filter_channels, 1, 1}};
}

template <typename T>
void thin_images(const Lengths& l, const T* from, T* to) {
  const int64_t step = l.columns.stride();
  parallel_for(l.batch * l.channels, [&](int64_t plane) {
    T* next = to + plane * l.positions();
    for (int64_t y = 0; y < l.output_height; ++y) {
      const T* row = from + (plane * l.height + y * l.rows.stride()) * l.width;
      for (int64_t x = 0; x < l.output_width; ++x) *next++ = row[x * step];
    }
  });
}

template <typename T>
void spread_images(const Lengths& l, const T* from, T* to) {
  const int64_t step = l.columns.stride();
  parallel_for(l.batch * l.channels, [&](int64_t plane) {
    const T* next = from + plane * l.positions();
    for (int64_t y = 0; y < l.height; ++y) {
      T* row = to + (plane * l.height + y) * l.width;
      std::fill_n(row, l.width, T{0});
      if (y % l.rows.stride() != 0) continue;
      for (int64_t x = 0; x < l.output_width; ++x) row[x * step] = *next++;
    }
  });
}

#define BITALE_INSTANTIATE(T)                                 \
  template void thin_images<T>(const Lengths&, const T*, T*); \
  template void spread_images<T>(const Lengths&, const T*, T*)
BITALE_INSTANTIATE(float);
BITALE_INSTANTIATE(double);
#undef BITALE_INSTANTIATE

}  // namespace bitale::conv2d_cpu
